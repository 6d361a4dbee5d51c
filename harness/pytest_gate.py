"""`pytest --storage-compare REF`: what the tests of a session measured, judged by the run files of earlier ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from ..common.errors import RunFileError, StorbenchError
from ..results.baseline import BaselineSamples, BaselineVerdict, compare_to_baseline, sentence_of
from ..results.baseline_files import history_of
from ..results.run_file import read_outline

_REPEAT = re.compile(r"-r\d+$")


class Judged(msgspec.Struct, frozen=True):
    """What became of the tests of a session."""

    verdicts: list[BaselineVerdict]
    """All tests and metrics, one family; `job` begins with the test."""
    open: dict[str, str]
    """Tests without an earlier session, with why."""
    refused: dict[str, str]
    """Tests that cannot be compared, with why."""

    def fails(self, on: str) -> bool:
        """Whether the session fails: `on` is regressed, inconclusive or never. A refusal is no pass."""
        if on == "never":
            return False
        bad = {"REGRESSED", "INCONCLUSIVE"} if on == "inconclusive" else {"REGRESSED"}
        still_open = on == "inconclusive" and bool(self.open)
        return bool(self.refused) or still_open or any(one.verdict in bad for one in self.verdicts)

    def lines(self) -> Iterator[tuple[bool, str]]:
        """Give each line and whether it is a bad one."""
        for test, why in self.refused.items():
            yield True, f"{test}: {why}"
        for test, why in self.open.items():
            yield False, f"{test}: INCONCLUSIVE: {why}"
        for one in self.verdicts:
            yield one.verdict == "REGRESSED", f"{one.job} {one.metric}: {sentence_of(one)}"


def judge(tests: Mapping[str, Sequence[Path]], references: Sequence[Path]) -> Judged:
    """Judge the run files of each test by those of the same test and recipe among the references."""
    family: list[BaselineSamples] = []
    still_open: dict[str, str] = {}
    refused: dict[str, str] = {}
    for test, files in tests.items():
        try:
            earlier = _earlier(files, references)
            if not earlier:
                still_open[test] = "there is no earlier session of this test with this recipe"
                continue
            samples = history_of(files, earlier).samples
            compare_to_baseline(samples)  # refuses what cannot be judged at all, a constant history
        except StorbenchError as error:
            refused[test] = str(error)
        else:
            family += [msgspec.structs.replace(one, job=f"{test}: {one.job}") for one in samples]
    return Judged(compare_to_baseline(family) if family else [], still_open, refused)


def _earlier(files: Sequence[Path], references: Sequence[Path]) -> list[Path]:
    """Find the run files that an earlier session wrote for the same test, with the same recipe."""
    name = _REPEAT.sub("", files[0].stem)
    recipe = read_outline(files[0])[0].recipe
    own = {path.resolve() for path in files}
    found = []
    for path in dict.fromkeys(path for one in references for path in _files_in(one)):
        if _REPEAT.sub("", path.stem) == name and path.resolve() not in own:
            try:
                outline = read_outline(path)[0]
            except RunFileError:
                continue
            if outline.recipe == recipe and outline.header.status == "COMPLETED":
                found.append(path)
    return found


def _files_in(path: Path) -> list[Path]:
    return sorted(path.rglob("*.h5")) if path.is_dir() else [path]
