"""The forms of a certificate: a page, a PDF of it, JSON, JUnit XML. All from an open run file alone."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ...common.errors import InputError
from ...results.run_file import Run
from ..plot_svg import plot_svg
from ..wording import bound_text, value_text
from .columns_svg import columns_svg
from .content import content_of
from .header import header_blocks
from .junit import junit_of
from .print_style import with_printed_charts
from .steady_table import HEADINGS, steady_rows, steady_words


def certificate_html(run: Run) -> str:
    """Give the certificate as one HTML page that asks no network for anything.

    Raises `InputError` for a run that follows no specification.
    """
    content = content_of(run)
    template = _environment().get_template("certificate.html.j2")
    return template.render(
        run=run,
        content=content,
        title=f"{content.specification.standard} {content.specification.title}",
        style=Markup(_style()),  # noqa: S704 - our own style sheet
        style_hash=Markup(_hash(_style())),  # noqa: S704 - base64
        blocks=header_blocks(run, content),
        headings=HEADINGS,
        plot=_plot,
        columns=_columns,
        steady_rows=steady_rows,
        steady_words=steady_words,
        value=value_text,
        bound=bound_text,
        anchor=lambda finding: f"{finding.test}-{finding.part}".rstrip("-").lower(),
    )


def certificate_pdf(html: str) -> bytes:
    """Print a certificate's page as PDF. Raises `InputError` where weasyprint or what it needs is not there."""
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as error:
        raise InputError(
            f"a PDF needs weasyprint: {error}", hint="Install it with: pip install 'storbench[pdf]'"
        ) from None
    return bytes(HTML(string=with_printed_charts(html, _style())).write_pdf())


def certificate_json(run: Run) -> str:
    """Give the certificate as JSON: every number that the page shows, in base units."""
    content = content_of(run)
    document: dict[str, Any] = {
        "format": "storbench certificate",
        "version": 1,
        "headline": content.headline,
        "run": msgspec.to_builtins(run.header),
        "file": run.path.name,
        "header": {title: dict(rows) for title, rows in header_blocks(run, content)},
        "specification": msgspec.to_builtins(content.specification),
        "conformance": msgspec.to_builtins(content.conformance),
        "judgement": msgspec.to_builtins(content.judgement),
        "signed_by": content.signed.signer or None,
        "findings": [msgspec.to_builtins(finding) for finding in content.findings],
        "evidence": msgspec.to_builtins(content.evidence),
        "notes": run.notes,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"


def certificate_junit(run: Run) -> str:
    """Give the certificate as JUnit XML: a test case for each limit, for the class, and for each steady state."""
    return junit_of(run, content_of(run))


def _plot(plot: Any) -> Markup:
    return Markup(plot_svg(plot))  # noqa: S704 - every text in it is escaped where it is written


def _columns(grid: Any) -> Markup:
    return Markup(columns_svg(grid))  # noqa: S704 - every text in it is escaped where it is written


@cache
def _environment() -> Environment:
    loader = PackageLoader(__package__ or "", package_path="")
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip


def _hash(text: str) -> str:
    """Give a style sheet's hash as a page's policy names it: nothing else may style the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _style() -> str:
    return resources.files(__package__ or "").joinpath("certificate.css").read_text("utf-8")
