"""Which CI formats there are."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ...common.errors import InputError, nearest
from ...results.run_file import Run
from . import bencher, github, github_benchmark, junit, markdown, otava
from .answer import Answer, answer_of_run


class Format(msgspec.Struct, frozen=True):
    """One of them."""

    name: str
    summary: str
    render: Callable[[Answer], bytes]


FORMATS = (
    Format(junit.NAME, junit.SUMMARY, junit.render),
    Format(github.NAME, github.SUMMARY, github.render),
    Format(markdown.NAME, markdown.SUMMARY, markdown.render),
    Format(bencher.NAME, bencher.SUMMARY, bencher.render),
    Format(github_benchmark.BIGGER, github_benchmark.BIGGER_SUMMARY, github_benchmark.render_bigger),
    Format(github_benchmark.SMALLER, github_benchmark.SMALLER_SUMMARY, github_benchmark.render_smaller),
    Format(otava.NAME, otava.SUMMARY, otava.render),
)


def format_named(name: str) -> Format:
    """Give a format. Raises `InputError` for an unknown one, with the nearest."""
    for one in FORMATS:
        if one.name == name:
            return one
    raise InputError(f"there is no CI format '{name}'", hint=nearest(name, [one.name for one in FORMATS]))


def ci_formats(api_version: int) -> list[RunFormat]:
    """Give them as export formats of runs."""
    return [RunFormat(one, api_version) for one in FORMATS]


class RunFormat:
    """A CI format as an export format of runs."""

    def __init__(self, format_: Format, api_version: int) -> None:
        self.name = format_.name
        self.summary = format_.summary
        self.api_version = api_version
        self._render = format_.render

    def render(self, run: Run) -> bytes:
        """Give what a run measured."""
        return self._render(answer_of_run(run))
