"""Every command and code block of the README and of docs/ is run, page by page, in an empty folder."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# (?:file: )?([\w.-]+\.\w+)\n")

PIP = """#!/bin/sh
# `pip install .` of a page's plug-in: into a folder of its own, without a network.
shift
exec "{python}" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --target "{site}" "$@"
"""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_the_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    work, environment = _place(tmp_path)
    python: list[str] = []
    for language, text in _blocks(page):
        match language:
            case "sh":
                python = _run_python(python, work, environment)
                for line in text.splitlines():
                    _run_line(line, work, environment)
            case "python" if not text.startswith("# file:"):
                python.append(text)
            case "python" | "toml" | "ini" | "yaml":
                named = FILE_NAME.match(text)
                assert named, f"a {language} block of {page.name} has no name of a file on its first line"
                (work / named[1]).write_text(text)
            case _:
                assert language == "text", f"{page.name} has a block in a language that no test knows: {language!r}"
    _run_python(python, work, environment)


def test_every_page_is_reached_from_the_readme() -> None:
    links = re.findall(r"\]\((docs/[\w-]+\.md)\)", (ROOT / "README.md").read_text())
    assert set(links) == {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_link_between_pages_is_broken(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def _blocks(page: Path) -> Iterator[tuple[str, str]]:
    text = page.read_text()
    assert text.count("```") % 2 == 0
    for match in BLOCK.finditer(text):
        yield match[1], match[2]


def _place(folder: Path) -> tuple[Path, dict[str, str]]:
    work, programs, site = folder / "work", folder / "bin", folder / "site"
    for made in (work, programs, site):
        made.mkdir()
    pip = programs / "pip"
    pip.write_text(PIP.format(python=sys.executable, site=site))
    pip.chmod(pip.stat().st_mode | stat.S_IXUSR)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    return work, {**os.environ, "PATH": path, "PYTHONPATH": str(site), "COLUMNS": "100"}


def _run_line(line: str, work: Path, environment: dict[str, str]) -> None:
    words = line.partition(" # ")[0].split()
    if not words or words[0] == "#":
        return
    if words[0] in ("make", "git", "cd") or (line.startswith("pip install") and not (work / "pyproject.toml").exists()):
        _check_set_up(words)
        return
    done = subprocess.run(
        ["bash", "-ec", line], check=False, cwd=work, env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def _check_set_up(words: list[str]) -> None:
    """What sets up a machine is run by `.ci/run`, by tox and by tests/test_setup.py; here it must exist."""
    match words:
        case ["make", target]:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target
        case ["git", "clone", *_] | ["cd", "storbench"] | ["pip", "install", "." | "'storbench[analysis]'"]:
            pass
        case _:
            pytest.fail(f"no test knows how to run {' '.join(words)}")


def _run_python(blocks: list[str], work: Path, environment: dict[str, str]) -> list[str]:
    """Run the blocks since the last command as one program: what a page defines, its later blocks may use."""
    if blocks:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", "\n".join(blocks)],
            check=False, cwd=work, env=environment, capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        assert done.returncode == 0, f"{blocks[-1]}\n{done.stdout}\n{done.stderr}"
    return []
