"""Annotations of GitHub Actions: lines on standard output by which a step marks what it found.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions: `::error title=…::…`, with percent
signs, line ends and, in properties, colons and commas escaped. GitHub keeps ten of each kind from a step, so the
gravest come first.
"""

from __future__ import annotations

from .answer import Answer

NAME = "github"
SUMMARY = "GitHub Actions: annotations; with the markdown as step summary"

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}
_LEVELS = (("REGRESSED", "error"), ("INCONCLUSIVE", "warning"), ("IMPROVED", "notice"))


def render(answer: Answer) -> bytes:
    """Give the lines: errors for regressions, warnings for what is open, notices for what is faster."""
    found = [_command("error", f"storbench {answer.command}", failure) for failure in answer.failures]
    for verdict, level in _LEVELS:
        found += [
            _command(level, f"storage: {line.job} {line.metric}", line.text)
            for line in answer.lines
            if line.verdict == verdict
        ]
    if not found:
        found = [_command("notice", f"storbench {answer.command}", f"{answer.title}: {answer.verdict or 'measured'}")]
    return "".join(f"{line}\n" for line in found).encode()


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_escaped(title, _PROPERTY)}::{_escaped(message, _DATA)}"


def _escaped(text: str, codes: dict[str, str]) -> str:
    return "".join(codes.get(letter, letter) for letter in text)
