"""Is a new run slower than those before it? The verdict where the two were not interleaved.

Runs that are apart in time differ by more than the repeats within one of them: the machine was started anew, the file
lies elsewhere, a neighbour came. Only a history shows how much that is, so what counts here is how the *sessions* of
the history, each one command with its repeats, differ from one another; repeats make a session's own value more certain
and are no further samples. With the mean m and the standard deviation s of the logarithms of n earlier sessions, a
further one is expected within m ± t(n - 1) · s · sqrt(1 + 1 / n): the prediction interval (Hahn, Meeker: Statistical
Intervals, 1991, section 4.7). Kalibera, Jones: Rigorous Benchmarking in Reasonable Time, ISMM 2013, for the levels of
variance.

Sessions that follow one another are often alike; lag-1 autocorrelations up to 0.7 were seen on real machines. Where
that shows, they count as fewer: n (1 - r) / (1 + r), the effective number of an AR(1) process (Bayley, Hammersley: The
"Effective" Number of Independent Observations in an Autocorrelated Time Series, 1946).

REGRESSED, IMPROVED   the effect is at least the floor, and "no difference" is outside of the interval after Holm's
                      correction for all metrics and jobs that were looked at
EQUIVALENT            the whole interval lies within the floors
INCONCLUSIVE          neither, or the history is too short to tell
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from ..common.errors import InputError
from ..common.units import format_change
from .multiplicity import holm, holm_levels
from .paired import (
    CONFIDENCE,
    NO_SPREAD,
    Vector,
    Verdict,
    decide,
    log_floors,
    relative_loss,
    student,
    student_multiplier,
)
from .paired_power import POWER, decided, detectable_effect, unbiased_spread

FEWEST_SESSIONS = 3
MOST_SESSIONS = 1000
_CORRELATION_FROM = 8
"""Sessions from which an autocorrelation can be told from chance at all."""


class BaselineSamples(msgspec.Struct, frozen=True):
    """One metric of one job: what earlier sessions measured, in the order of time, and what the new one did."""

    job: str
    metric: str
    baseline: tuple[tuple[float, ...], ...]
    """A tuple of values for each session, one a run."""
    candidate: tuple[float, ...]
    higher_is_better: bool
    floor: float
    """The smallest relative change that counts, such as 0.02."""
    resolution: float = 0.0
    """The relative step in which values come."""


class BaselineVerdict(msgspec.Struct, frozen=True):
    """What the history says of one metric of one job of a new session."""

    job: str
    metric: str
    higher_is_better: bool
    sessions: int
    """Of the history."""
    effective_sessions: int
    """As many independent ones would tell as much."""
    autocorrelation: float | None
    """Of one session with the next; None where there are too few to tell."""
    spread: float | None
    """Standard deviation from session to session, relative; None for fewer than two."""
    repeats: int
    """Runs of the new session."""
    ratio: float | None
    """The new session to the geometric mean of the history; None where there is no history at all."""
    interval: tuple[float, float] | None
    """Of the ratio, at `confidence`; None where the history is too short."""
    confidence: float
    p: float | None
    p_family: float | None
    """Corrected for all metrics and jobs by Holm."""
    floor: float
    verdict: Verdict
    detectable_effect: float | None
    """The smallest relative change for the worse that one new session had shown with a probability of 80 %."""
    sessions_needed: int | None
    """For INCONCLUSIVE: how many sessions give a verdict with a probability of 80 %, if effect and spread stay as they
    are. None where there is a verdict, or where no history would do and only interleaved pairs can: `storbench ab`."""


class _Evidence(msgspec.Struct, frozen=True):
    effect: float
    """Log ratio of the new session to the history."""
    spread: float
    """Standard deviation of the log of a session."""
    repeats_error: float
    """Variance that a new session has in addition, because it has fewer repeats."""
    effective: int
    autocorrelation: float | None

    @property
    def usable(self) -> bool:
        """Whether the history is long enough."""
        return self.effective >= FEWEST_SESSIONS

    def error(self, sessions: int) -> float:
        """Give the standard error of the prediction from so many sessions."""
        return float(np.sqrt(self.spread**2 * (1 + 1 / sessions) + self.repeats_error))


def compare_to_baseline(samples: Sequence[BaselineSamples], confidence: float = CONFIDENCE) -> list[BaselineVerdict]:
    """Judge a family: all metrics and jobs of one new session.

    The error rate, 1 - `confidence`, is that of the family. Metrics whose history is too short are INCONCLUSIVE and
    take no part in it. Raises `InputError` for values that are not positive numbers, and for a history that is constant
    to the last digit.
    """
    if not samples:
        raise InputError("there is nothing to compare", hint="Name runs that measured the same.")
    evidence = [_evidence(_checked(one)) for one in samples]
    usable = [row for row, found in enumerate(evidence) if found.usable]
    judged = [
        student(np.array([e.effect]), np.array([e.error(e.effective)]) * np.sqrt(e.effective), e.effective, confidence)
        for e in (evidence[row] for row in usable)
    ]
    p = [float(one.p[0]) for one in judged]
    families, levels = (holm(p), holm_levels(p, 1 - confidence)) if p else ([], [])
    found = [_undecided(one, e, confidence) for one, e in zip(samples, evidence, strict=True)]
    for row, one, family, level in zip(usable, judged, families, levels, strict=True):
        found[row] = _decided(
            found[row], evidence[row], float(one.p[0]), family, level, float(one.half_width[0]), confidence
        )
    return found


def effective_number(values: Vector) -> tuple[int, float | None]:
    """Give how many independent values tell as much, and the correlation of each with the next, None where too few.

    As many as there are, unless the correlation is beyond what independent values show by chance in 19 of 20 cases. It
    comes out too low by (1 + 4r) / n (Kendall: Note on Bias in the Estimation of Autocorrelation, 1954).
    """
    count = len(values)
    if count < _CORRELATION_FROM:
        return count, None
    centred = values - values.mean()
    square = float(centred @ centred)
    seen = float(centred[:-1] @ centred[1:]) / square if square > 0 else 0.0
    r = min(seen + (1 + 4 * seen) / count, 0.99)
    if (seen + 1 / count) * np.sqrt(count) <= 1.645:
        return count, r
    return max(int(count * (1 - r) / (1 + r)), 1), r


def sentence_of(verdict: BaselineVerdict) -> str:
    """Say the verdict, how sure it is, and what could have been detected."""
    if verdict.ratio is None:
        return f"{verdict.verdict}: there is no earlier session of this recipe"
    change = f"{verdict.verdict}: {format_change(verdict.ratio - 1)}"
    if verdict.interval is None or verdict.detectable_effect is None:
        few = f"{verdict.sessions} earlier session{'s' if verdict.sessions != 1 else ''}"
        if verdict.sessions >= FEWEST_SESSIONS:
            return f"{change}; the {few} resemble one another so much that they count as {verdict.effective_sessions}"
        return f"{change}; {few} do not show how much sessions differ, {FEWEST_SESSIONS} or more do"
    low, high = (format_change(end - 1) for end in verdict.interval)
    loss = format_change(-verdict.detectable_effect if verdict.higher_is_better else verdict.detectable_effect)
    text = (
        f"{change} ({low} to {high} at {verdict.confidence:.0%}) against {verdict.sessions} earlier sessions, "
        f"which show {loss} in {POWER:.0%} of cases"
    )
    if verdict.verdict != "INCONCLUSIVE":
        return text
    if verdict.sessions_needed is None:
        return f"{text}; no history is long enough to decide this, interleaved pairs are: storbench ab"
    return f"{text}; a history of about {verdict.sessions_needed} would decide"


def _evidence(one: BaselineSamples) -> _Evidence:
    sessions = [np.log(np.array(values)) for values in one.baseline]
    means = np.array([session.mean() for session in sessions])
    if not sessions:
        return _Evidence(0.0, 0.0, 0.0, 0, None)
    new = np.log(np.array(one.candidate))
    effective, r = effective_number(means)
    effect = float(new.mean() - means.mean())
    if len(means) < FEWEST_SESSIONS:
        return _Evidence(effect, float(means.std(ddof=1)) if len(means) > 1 else 0.0, 0.0, len(means), r)
    variance = float(means.var(ddof=1))
    if effective < len(means):
        # Values that resemble one another vary less than they will in the long run.
        variance *= (len(means) - 1) / (len(means) - len(means) / effective) if effective > 1 else 1.0
    # A value that is rounded to steps of width w has an error with variance w² / 12.
    variance = max(variance, one.resolution**2 / 12)
    if variance < NO_SPREAD**2:
        raise InputError(
            f"{_name(one)}: all {len(means)} earlier sessions have the same value, to the last digit",
            hint="Without any spread there is no interval. Is this a setting or a counter, or a simulated device?",
        )
    own = 1 / len(new) - float(np.mean([1 / len(session) for session in sessions]))
    within = [session.var(ddof=1) for session in sessions if len(session) > 1]
    fewer = float(np.mean(within)) * own if within and own > 0 else 0.0
    return _Evidence(effect, float(np.sqrt(variance)), fewer, effective, r)


def _undecided(one: BaselineSamples, evidence: _Evidence, confidence: float) -> BaselineVerdict:
    sessions = len(one.baseline)
    return BaselineVerdict(
        one.job, one.metric, one.higher_is_better, sessions, evidence.effective, evidence.autocorrelation,
        float(np.expm1(evidence.spread)) if sessions > 1 else None, len(one.candidate),
        float(np.exp(evidence.effect)) if sessions else None,
        None, confidence, None, None, one.floor, "INCONCLUSIVE", None, None,
    )  # fmt: skip


def _decided(
    row: BaselineVerdict, evidence: _Evidence, p: float, family: float, level: float, half: float, confidence: float
) -> BaselineVerdict:
    floors = log_floors(row.floor, row.higher_is_better)
    effect = -evidence.effect if row.higher_is_better else evidence.effect
    (verdict,) = decide(np.array([effect]), np.array([half]), np.array([floors]), np.array([family <= 1 - confidence]))
    count = evidence.effective
    truth = float(unbiased_spread(np.array([evidence.error(count)]), count)[0]) * np.sqrt(count)
    smallest = detectable_effect(
        np.array([truth]), count, np.array([floors[0]]), np.array([student_multiplier(count, level)])
    )
    ends = (float(np.exp(evidence.effect - half)), float(np.exp(evidence.effect + half)))
    return msgspec.structs.replace(
        row, interval=ends, p=p, p_family=family, verdict=verdict,
        detectable_effect=relative_loss(float(smallest[0]), row.higher_is_better),
        sessions_needed=_needed(effect, evidence, floors, level, 1 - confidence) if verdict == "INCONCLUSIVE" else None,
    )  # fmt: skip


def _needed(effect: float, evidence: _Evidence, floors: tuple[float, float], level: float, alpha: float) -> int | None:
    def enough(count: int) -> bool:
        spread = evidence.error(count) * np.sqrt(count)
        multipliers = (student_multiplier(count, level), student_multiplier(count, alpha))
        return decided(effect, spread, count, floors, multipliers) >= POWER

    if not enough(MOST_SESSIONS):
        return None
    short, count = evidence.effective, MOST_SESSIONS
    while count - short > 1:
        middle = (short + count) // 2
        short, count = (short, middle) if enough(middle) else (middle, count)
    return count


def _checked(one: BaselineSamples) -> BaselineSamples:
    name = _name(one)
    if not 0 < one.floor < 1:
        raise InputError(f"{name}: a floor of {one.floor:g} is not between 0 and 1", hint="2 % is 0.02.")
    if not one.candidate or not all(one.baseline):
        raise InputError(f"{name}: a session without a value", hint="Leave it out.")
    for values in (one.candidate, *one.baseline):
        for value in values:
            if not 0 < value < float("inf"):  # also false for NaN
                raise InputError(f"{name}: there is a value of {value:g}", hint="Ratios need positive numbers.")
    return one


def _name(one: BaselineSamples) -> str:
    return f"{one.metric} of {one.job}" if one.job else one.metric
