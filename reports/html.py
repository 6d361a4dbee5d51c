"""The HTML report: one file, drawn from run files alone, that works offline and asks no network for anything.

The page's policy (Content-Security-Policy) allows its own two scripts and its own style, by their hashes, and nothing
else: no network, no evaluation of text as code, no style or handler that a device name could bring in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

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
from .remarks import remarks_of
from .sections import Section
from .side_by_side import side_by_side
from .styles import css_colors
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
    style = _as_is(f"\n{css_colors()}\n{_asset('report.css')}")
    charted = any(section.panels for section in sections)
    library = _as_is(_inline(_vega()) if charted else "")
    script = _as_is(_asset("report.js"))
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    keys = group_keys(named)
    comparison = compare_files([run.run.path for run in named]) if len(keys) > 1 else None
    return environment.get_template("report.html.j2").render(
        title=_title(named),
        policy=_policy([library, script], style),
        style=style,
        library=library,
        script=script,
        data=_data(sections),
        runs=named,
        groups=groups_of(named),
        group_keys=keys,
        summaries=[summary_of(run, keys[run.group.index]) for run in named],
        cards=len(named) <= _MOST_CARDS,
        comparison=comparison,
        compared=side_by_side(comparison) if comparison else [],
        result_columns=RESULT_COLUMNS,
        results=[result_rows(run.run) for run in named],
        sections=sections,
        as_is=_as_is,
        differences=differences_between(named),
        changes=changes_within(named),
        remarks=remarks_of(named),
        recipes=[_pretty(run.run.recipe) for run in named],
        contents=_contents(sections),
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


def _data(sections: Sequence[Section]) -> Markup:
    """Give what the charts need as JSON that cannot end the script element that it stands in."""
    figures = [figure for section in sections for panel in section.panels for figure in panel.figures]
    keys = {key.id: key for section in sections for key in section.keys}
    styles = {style.id: style.name for section in sections for style in section.styles}
    document = {
        "figures": figures,
        "datasets": {name: blocks for section in sections for name, blocks in section.datasets.items()},
        "keys": keys,
        "styles": styles,
    }
    text = msgspec.json.encode(document).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return _as_is(text)


def _pretty(recipe: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(recipe), indent=2).decode()


def _policy(scripts: Sequence[str], style: str) -> str:
    allowed = " ".join(_hash(script) for script in scripts if script)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; base-uri 'none';"
        " form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _as_is(text: str) -> Markup:
    """Keep our own style, scripts and encoded data from being escaped; nothing from a file comes here raw."""
    return Markup(text)  # noqa: S704


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text("utf-8")


@cache
def _vega() -> str:
    """Give vega, vega-lite and vega-embed as one script; they come with vl-convert, nothing is fetched."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _inline(script: str) -> str:
    """Make a script safe to stand inside an HTML element: no end tag, no comment start, line ends that HTML keeps."""
    return script.replace("\r\n", "\n").replace("\r", "\n").replace("</script", r"<\/script").replace("<!--", r"<\!--")
