"""The HTML report of runs, drawn from run files alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..common.errors import InputError
from ..results.comparison import compare_files
from ..results.run_file import Run
from .differences import changes_within, differences_between
from .distribution import distribution_section
from .emulated import emulated_section
from .fairness import fairness_section
from .fault_page import faults_section
from .names import NamedRun, group_keys, groups_of, name_runs
from .overview import RESULT_COLUMNS, result_rows, summary_of
from .page import render_page
from .remarks import remarks_of
from .sections import Section
from .side_by_side import side_by_side
from .sweep import sweep_section
from .timeline import series_section, telemetry_section

_MOST_CARDS = 6
"""Runs that are shown as cards; more are shown as rows of a table."""


def report_html(runs: Sequence[Run]) -> str:
    """Give the report of one run or several as one HTML document. Reads the open runs, writes nothing.

    Raises `InputError` where there is no run.
    """
    if not runs:
        raise InputError("there is no run to report", hint="Name one run file or more.")
    named = name_runs(runs)
    sections = [
        section
        for build in (
            faults_section,
            sweep_section,
            emulated_section,
            distribution_section,
            series_section,
            fairness_section,
            telemetry_section,
        )
        if (section := build(named)) is not None
    ]
    keys = group_keys(named)
    comparison = compare_files([run.run.path for run in named]) if len(keys) > 1 else None
    return render_page(
        "report.html.j2",
        _title(named),
        sections,
        _contents(sections),
        runs=named,
        groups=groups_of(named),
        group_keys=keys,
        summaries=[summary_of(run, keys[run.group.index]) for run in named],
        cards=len(named) <= _MOST_CARDS,
        comparison=comparison,
        compared=side_by_side(comparison) if comparison else [],
        result_columns=RESULT_COLUMNS,
        results=[result_rows(run.run) for run in named],
        differences=differences_between(named),
        changes=changes_within(named),
        remarks=remarks_of(named),
        recipes=[_pretty(run.run.recipe) for run in named],
    )


def _title(named: Sequence[NamedRun]) -> str:
    workloads = list(dict.fromkeys(run.run.header.workload for run in named))
    devices = list(dict.fromkeys(run.device for run in named))
    what = ", ".join(workloads[:3]) + ("…" if len(workloads) > 3 else "")
    return f"{what} on {devices[0]}" if len(devices) == 1 else f"{what} on {len(devices)} devices"


def _contents(sections: Sequence[Section]) -> list[tuple[str, str]]:
    """List the page's sections, id and short title."""
    short = {
        "sweep": "IOPS and latency",
        "device": "Emulated devices",
        "distribution": "Distribution",
        "series": "Over time",
    }
    charts = [(section.id, short.get(section.id, section.title)) for section in sections]
    ends = [("environment", "Environment"), ("numbers", "Numbers"), ("recipe", "Recipe")]
    return [("overview", "Overview"), *charts, *ends]


def _pretty(recipe: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(recipe), indent=2).decode()
