"""Which runs repeat one another: a subject is compared, a run is one sample of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from .outline import Outline

_LONGEST = 44
"""Characters of a device in a tag; the middle of a longer one is left out, both ends tell devices apart."""


class Subject(msgspec.Struct, frozen=True):
    """Runs that repeat one another."""

    tag: str
    """A short name that no other subject has."""
    device: str
    workload: str
    runs: list[int]
    """Places among the runs, in the order of their repeats."""
    paired: bool = False
    """Whether run i and run i of the reference were made one after the other, by one command."""


def group_runs(paths: Sequence[str], outlines: Sequence[Outline]) -> list[Subject]:
    """Group runs of one command on one device; every other run is a subject of its own. The first is the reference."""
    members: dict[tuple[str, str, int], list[int]] = {}
    seen: Counter[tuple[str, str, int]] = Counter()
    for index, outline in enumerate(outlines):
        campaign = outline.header.campaign
        own = f"run {index}" if campaign is None else campaign.id
        # A command has each repeat once: the same one again is the same run, by a file named twice or a copy, and
        # would count as a sample that nobody took.
        repeat = (own, outline.header.device, _repeat(outline))
        members.setdefault((own, outline.header.device, seen[repeat]), []).append(index)
        seen[repeat] += 1
    groups = [sorted(runs, key=lambda run: _repeat(outlines[run])) for runs in members.values()]
    names = _tags(groups, paths, outlines)
    return [
        Subject(
            name,
            outlines[runs[0]].header.device,
            outlines[runs[0]].header.workload,
            runs,
            paired=position > 0 and _interleaved(runs, groups[0], outlines),
        )
        for position, (name, runs) in enumerate(zip(names, groups, strict=True))
    ]


def short_device(url: str) -> str:
    """Give a device's address without its parameters, `mirror` for `mirror:?…`; long ones lack their middle."""
    text = url.partition("?")[0].rstrip(":") or url
    if len(text) <= _LONGEST:
        return text
    half = (_LONGEST - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def told_apart(urls: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Say what tells devices of one name apart, parameters or file; empty for a device whose name is its own."""
    count = Counter(map(short_device, urls))
    same = Counter(urls)
    found = []
    for url, path in zip(urls, paths, strict=True):
        query = url.partition("?")[2]
        alone = count[short_device(url)] == 1
        short = same[url] == 1 and len(query) <= _LONGEST
        found.append("" if alone else (query or "no parameters") if short else Path(path).stem)
    return found


def _repeat(outline: Outline) -> int:
    return outline.header.campaign.repeat if outline.header.campaign else 0


def _interleaved(runs: Sequence[int], reference: Sequence[int], outlines: Sequence[Outline]) -> bool:
    """Whether two sets of repeats come from one command, with the same repeats on both sides."""
    first, other = outlines[runs[0]].header.campaign, outlines[reference[0]].header.campaign
    if first is None or other is None or first.id != other.id or len(runs) < 2:
        return False
    return [_repeat(outlines[run]) for run in runs] == [_repeat(outlines[run]) for run in reference]


def _tags(groups: Sequence[Sequence[int]], paths: Sequence[str], outlines: Sequence[Outline]) -> list[str]:
    urls = [outlines[runs[0]].header.device for runs in groups]
    # Where a device appears twice, its parameters tell the subjects apart, or else its files.
    tags = [
        f"{short_device(url)} ({more})" if more else short_device(url)
        for url, more in zip(urls, told_apart(urls, [paths[runs[0]] for runs in groups]), strict=True)
    ]
    again = Counter(tags)
    return [tag if again[tag] == 1 else f"{tag} #{number}" for number, tag in enumerate(tags, 1)]
