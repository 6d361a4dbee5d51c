"""Judge a run by limits, measurement by measurement. A pure function of the run file and the limits' text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import h5py
import msgspec

from .findings import Label, Quantified
from .limits import Limit, Limits, condition
from .quantities import quantities_of
from .run_file import Run

VerdictWord = Literal["PASS", "MARGINAL", "FAIL", "NOT_EVALUATED"]
_WORST_FIRST: tuple[VerdictWord, ...] = ("FAIL", "NOT_EVALUATED", "MARGINAL", "PASS")

VERDICTS = "verdicts"
"""Name of the group in a run file."""


class Verdict(msgspec.Struct, frozen=True):
    """What one limit came to."""

    id: str
    clause: str
    metric: str
    direction: str
    condition: str
    """What it was judged on, in words."""
    unit: str
    at_least: float | None
    at_most: float | None
    """The bounds as applied: scaled where the limit is per terabyte."""
    value: float | None
    """The worst measurement, or the aggregate; None where there is none."""
    margin: float | None
    """By how much the nearer bound is kept, as a share of it; negative where it is not."""
    verdict: VerdictWord
    reason: str = ""
    """Why it was not evaluated; else which of several measurements it is about."""
    count: int = 0
    """How many measurements it was judged on."""


class Judgement(msgspec.Struct, frozen=True):
    """All verdicts of a run."""

    name: str
    revision: str
    source: str
    verdicts: tuple[Verdict, ...]
    overall: VerdictWord


def judge(run: Run, limits: Limits) -> Judgement:
    """Judge a run by limits."""
    quantities = quantities_of(run)
    capacity = float(run.recipe.get("device_info", {}).get("size", 0))
    verdicts = tuple(_verdict(limit, quantities, capacity, run.header.status) for limit in limits.limits)
    return Judgement(limits.name, limits.revision, limits.source, verdicts, overall([v.verdict for v in verdicts]))


def overall(verdicts: Sequence[VerdictWord]) -> VerdictWord:
    """Give the worst: one FAIL fails; a limit that nothing could evaluate is not a pass."""
    return next((word for word in _WORST_FIRST if word in verdicts), "NOT_EVALUATED")


def _verdict(limit: Limit, quantities: Sequence[Quantified], capacity: float, status: str) -> Verdict:
    scale = capacity / 1e12 if limit.per_TB else 1.0
    low, high = (None if bound is None else bound * scale for bound in (limit.at_least, limit.at_most))

    def verdict(
        word: VerdictWord, value: float | None = None, margin: float | None = None, reason: str = "", count: int = 0
    ) -> Verdict:
        return Verdict(
            limit.id, limit.clause, limit.metric, limit.direction, condition(limit), limit.unit, low, high, value,
            margin, word, reason, count,
        )  # fmt: skip

    if status != "COMPLETED":
        return verdict("NOT_EVALUATED", reason=f"the run ended {status}")
    if limit.per_TB and not capacity:
        return verdict("NOT_EVALUATED", reason="the device's capacity is not known")
    matching = _matching(limit, quantities)
    if not matching:
        return verdict("NOT_EVALUATED", reason=_why_nothing(limit, quantities))
    known = [(one.value, one) for one in matching if one.value is not None and math.isfinite(one.value)]
    lacking = _why_not_all(limit, quantities, matching)
    if not known or (lacking and limit.aggregate != "each"):
        return verdict("NOT_EVALUATED", reason=lacking)
    if limit.aggregate != "each":
        values = [value for value, _ in known]
        value = {"mean": sum(values) / len(values), "min": min(values), "max": max(values)}[limit.aggregate]
        word, margin = _against(value, low, high, limit.marginal)
        return verdict(word, value, margin, count=len(values))
    judged = [(*_against(value, low, high, limit.marginal), value, one) for value, one in known]
    word, margin, value, worst = min(judged, key=lambda one: one[1])
    if lacking and word != "FAIL":
        # The worst of those that are known says nothing of the others, unless it fails.
        return verdict("NOT_EVALUATED", reason=lacking)
    reason = f"the worst of {len(judged)}: {_labels(worst.labels)}" if len(judged) > 1 else ""
    return verdict(word, value, margin, reason, len(judged))


def _against(value: float, low: float | None, high: float | None, band: float) -> tuple[VerdictWord, float]:
    """Compare with the bounds; a bound is met by what equals it."""
    margins = []
    if low is not None:
        margins.append((value - low) / abs(low) if low else value - low)
    if high is not None:
        margins.append((high - value) / abs(high) if high else high - value)
    margin = min(margins)
    return ("FAIL" if margin < 0 else "MARGINAL" if margin < band else "PASS"), margin


def _matching(limit: Limit, quantities: Sequence[Quantified], metric: str = "") -> list[Quantified]:
    found = [
        one
        for one in quantities
        if one.metric == (metric or limit.metric)
        and one.direction == limit.direction
        and all(one.labels.get(name) == value for name, value in limit.where.items())
    ]
    windows = [one for one in found if one.labels.get("phase") == "window"]
    return windows if windows and "phase" not in limit.where else found


def _why_not_all(limit: Limit, quantities: Sequence[Quantified], matching: Sequence[Quantified]) -> str:
    """Say why not all that a limit is for can be judged; empty where it can."""
    for one in matching:
        if one.value is None or not math.isfinite(one.value):
            return one.reason or "it could not be measured"
    steps = {one.labels["step"] for one in matching if "step" in one.labels}
    if not steps or not limit.metric.startswith("latency_p"):
        return ""
    # A percentile that its samples cannot support has no row in the table, where the mean has one.
    loads = {
        one.labels["step"]
        for one in quantities
        if (one.metric, one.direction) == ("latency_mean", limit.direction)
        and "step" in one.labels
        and all(one.labels.get(name) == value for name, value in limit.where.items())
    }
    short = len(loads - steps)
    name = limit.metric.removeprefix("latency_")
    return f"in {short} of {len(loads)} measurements there were too few samples to say {name}" if short else ""


def _why_nothing(limit: Limit, quantities: Sequence[Quantified]) -> str:
    if limit.metric.startswith("latency_p") and _matching(limit, quantities, "latency_mean"):
        return f"there were too few samples to say {limit.metric.removeprefix('latency_')}"
    return "nothing measured it"


def _labels(labels: dict[str, Label]) -> str:
    return ", ".join(f"{name} {value}" for name, value in labels.items())


def write_verdicts(file: h5py.File, judgement: Judgement) -> None:
    """Keep verdicts in a run file: one dataset a column along the dimension `limit`."""
    group = file.create_group(VERDICTS, track_order=True)
    for name in ("name", "revision", "source", "overall"):
        group.attrs[name] = getattr(judgement, name)
    scale = group.create_dataset("limit", data=list(range(len(judgement.verdicts))), dtype="i4")
    scale.make_scale("limit")
    for field in msgspec.structs.fields(Verdict):
        values = [getattr(verdict, field.name) for verdict in judgement.verdicts]
        if field.name in ("at_least", "at_most", "value", "margin"):
            column = group.create_dataset(
                field.name, data=[float("nan") if value is None else value for value in values], dtype="f8"
            )
        elif field.name == "count":
            column = group.create_dataset(field.name, data=values, dtype="i4")
        else:
            column = group.create_dataset(field.name, data=values, dtype=h5py.string_dtype())
        column.dims[0].attach_scale(scale)


def read_verdicts(run: Run) -> Judgement | None:
    """Give the verdicts that a run file holds, None where it has none."""
    group = run.group(VERDICTS)
    if group is None:
        return None
    columns: dict[str, list[Any]] = {}
    for field in msgspec.structs.fields(Verdict):
        data = group[field.name]
        values = data.asstr()[()] if h5py.check_string_dtype(data.dtype) else data[()]
        columns[field.name] = [None if isinstance(v, float) and v != v else v for v in values.tolist()]
    rows = zip(*columns.values(), strict=True)
    head = {name: str(group.attrs[name]) for name in ("name", "revision", "source", "overall")}
    return msgspec.convert({**head, "verdicts": [dict(zip(columns, row, strict=True)) for row in rows]}, Judgement)


def differences(stored: Judgement | None, anew: Judgement) -> list[str]:
    """Name what is stored otherwise than the measurements give it."""
    if stored is None:
        return ["the file holds limits but no verdicts"]
    old, new = ({verdict.id: verdict for verdict in one.verdicts} for one in (stored, anew))
    found = [f"limit {name} has a verdict but is not among the limits" for name in old if name not in new]
    found += [f"limit {name} has no verdict" for name in new if name not in old]
    for name in new:
        if name in old and old[name] != new[name]:
            fields = [f for f in Verdict.__struct_fields__ if getattr(old[name], f) != getattr(new[name], f)]
            said = ", ".join(f"{f} {getattr(old[name], f)} instead of {getattr(new[name], f)}" for f in fields)
            found.append(f"limit {name}: stored is {said}")
    if stored.overall != anew.overall:
        found.append(f"the overall verdict is stored as {stored.overall} instead of {anew.overall}")
    return found
