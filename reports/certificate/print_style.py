"""The charts' style for printers of pages that do not carry a page's style into its SVG, as weasyprint does not.

The rules are those of the style sheet, with its light colours written out.
"""

from __future__ import annotations

import re

_ROOT = re.compile(r":root\s*\{(.*?)\}", re.DOTALL)
_VARIABLE = re.compile(r"--([\w-]+):\s*([^;]+);")
_RULE = re.compile(r"^svg([ .][^{]*)\{([^}]*)\}", re.MULTILINE)
_COLORS = 8


def with_printed_charts(html: str, style: str) -> str:
    """Put the charts' style into each chart of a page."""
    rules = f"<style>{_chart_rules(style)}</style>"
    return re.sub(r'(<svg [^>]*class="plot[^>]*>)', lambda found: found[1] + rules, html)


def _chart_rules(style: str) -> str:
    root = _ROOT.search(style)
    light = dict(_VARIABLE.findall(root[1])) if root else {}

    def plain(text: str) -> str:
        return re.sub(r"var\(--([\w-]+)\)", lambda found: light.get(found[1], "#000"), text)

    rules = ["text { font-size: 11px; font-family: sans-serif; }"]
    for selector, body in _RULE.findall(style):
        name = selector.strip()
        if name.startswith(".plot"):
            continue
        if "currentColor" not in body:
            rules.append(f"{name} {{{plain(body)}}}")
            continue
        for number in range(_COLORS):
            first, blank, rest = name.partition(" ")
            colored = plain(body.replace("currentColor", f"var(--c{number})"))
            rules.append(f"{first}.c{number}{blank}{rest} {{{colored}}}")
    return " ".join(rules)
