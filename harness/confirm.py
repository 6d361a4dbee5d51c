"""Before a change is an alarm: the commits on both sides of it are measured again, in interleaved pairs.

A series shows that something changed between two commits; whether it was the commit, or the machine at that time, only
measuring both again at the same time can tell.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from ..common.errors import InputError
from ..results.history import Confirmation, FoundChange
from ..results.paired import PairedVerdict, compare_pairs
from .interleaved import Side, guard, measured_pairs, samples_of
from .session import ObserverFactory, Options

PLACE = "{commit}"
MOST = 3
"""Places that are measured again, the newest ones: each takes as long as a `storbench ab`."""


class Rerun(msgspec.Struct, frozen=True):
    """How commits are measured again."""

    command: str
    """Brings the device to a commit: a shell's words with `{commit}` in them."""
    workload: str
    device: str
    settings: Mapping[str, object]
    options: Options
    folder: Path
    pairs: int
    seed: int = 1
    confidence: float = 0.99


def check_rerun(rerun: Rerun) -> None:
    """Refuse a command that does not say where the commit goes. Raises `InputError`."""
    if PLACE not in rerun.command:
        raise InputError(
            f"--confirm '{rerun.command}' has no {PLACE}, so both sides would be the same",
            hint=f"For example: --confirm 'git -C ../driver checkout {PLACE} && make -C ../driver install'",
        )
    if not rerun.workload:
        raise InputError("--confirm needs the workload that is measured again", hint="Name it with -w.")


def confirmed(
    changes: Sequence[FoundChange], rerun: Rerun, observer_of: ObserverFactory, on_pair: Callable[[str, str, int], None]
) -> list[Confirmation]:
    """Measure both sides of each change again, changes of several metrics between the same commits together.

    Only the newest `MOST` places are. Raises what measuring raises.
    """
    check_rerun(rerun)
    places: dict[tuple[str, str], list[FoundChange]] = {}
    for change in sorted(changes, key=lambda one: -one.time):
        places.setdefault(change.commits, []).append(change)
    found = []
    for number, (commits, own) in enumerate(list(places.items())[:MOST], 1):
        verdicts = _measured(commits, rerun, number, observer_of, on_pair)
        found += [_confirmation(change, verdicts) for change in own]
    return found


def _measured(
    commits: tuple[str, str], rerun: Rerun, number: int, observer_of: ObserverFactory,
    on_pair: Callable[[str, str, int], None],
) -> list[PairedVerdict]:  # fmt: skip
    before, after = (
        Side(name, rerun.device, dict(rerun.settings), rerun.command.replace(PLACE, shlex.quote(commit)))
        for name, commit in zip("AB", commits, strict=True)
    )
    pairs = list(
        measured_pairs(
            rerun.workload, (before, after), rerun.options, rerun.folder / f"change{number}", rerun.pairs, rerun.seed,
            observer_of, lambda pair: on_pair(*commits, pair),
        )
    )  # fmt: skip
    guard(pairs, same_settings=True)
    return compare_pairs(samples_of(pairs), rerun.confidence)


def _confirmation(change: FoundChange, verdicts: Sequence[PairedVerdict]) -> Confirmation:
    """Take the metric of the same name; a CSV may call it otherwise, and then any that got worse confirms it."""
    order = ("REGRESSED", "INCONCLUSIVE", "IMPROVED", "EQUIVALENT")
    own = [one for one in verdicts if f"{one.job} {one.metric}" == change.metric] or verdicts
    gravest = min(own, key=lambda one: order.index(one.verdict))
    return Confirmation(
        change.metric, change.index, change.commits, gravest.verdict == "REGRESSED", gravest.verdict, gravest.ratio,
        gravest.interval, gravest.pairs,
    )  # fmt: skip
