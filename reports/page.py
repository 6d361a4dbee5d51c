"""One HTML document of sections: it works offline and asks no network for anything.

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

from .sections import Section
from .styles import css_colors


def render_page(
    template: str, title: str, sections: Sequence[Section], contents: Sequence[tuple[str, str]], **context: Any
) -> str:
    """Fill a template that extends `page.html.j2`. `contents` are its parts, id and short title."""
    style = as_is(f"\n{css_colors()}\n{_asset('report.css')}")
    charted = any(section.panels for section in sections)
    library = as_is(_inline(_vega()) if charted else "")
    script = as_is(_asset("report.js"))
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        title=title,
        policy=_policy([library, script], style),
        style=style,
        library=library,
        script=script,
        data=_data(sections),
        sections=sections,
        contents=contents,
        as_is=as_is,
        **context,
    )


def as_is(text: str) -> Markup:
    """Keep our own style, scripts and encoded data from being escaped; nothing from a file comes here raw."""
    return Markup(text)  # noqa: S704


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
    return as_is(text)


def _policy(scripts: Sequence[str], style: str) -> str:
    allowed = " ".join(_hash(script) for script in scripts if script)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; base-uri 'none';"
        " form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


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
