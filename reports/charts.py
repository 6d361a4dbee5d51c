"""The charts as Vega-Lite specs, built with altair. They hold no data and no fixed colours.

Data sets are named and come from the page. Colours are the page's own CSS variables, so that a chart follows light,
dark and print without being drawn again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from .chart_data import Key

if TYPE_CHECKING:
    import altair as alt

DATA = "rows"
MARKS = "marks"
"""The name, within a spec, of the data set with the starts of the steps."""

ZOOM = "wheel![event.ctrlKey || event.metaKey || event.shiftKey]"
"""The plain wheel is left to the page, so that nobody gets stuck in a chart while scrolling."""

_STEPS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"))
LATENCY_LABEL = (
    "datum.value == 0 ? '0' : "
    + "".join(f"datum.value >= {size:g} ? format(datum.value / {size:g}, '~g') + ' {unit}' : " for size, unit in _STEPS)
    + "format(datum.value, '~g') + ' ns'"
)
_LABELS = {
    "latency": LATENCY_LABEL,
    "iops": "replace(format(datum.value, '~s'), 'k', ' K')",
    "bandwidth": "replace(format(datum.value, '~s'), /([kMGT])?$/, ' $1') + 'B/s'",
    "percent": "format(datum.value, '~g') + '%'",
    "ratio": "format(datum.value, '~g') + '×'",
    "number": "replace(format(datum.value, '~s'), 'k', ' K')",
}
_PERCENTILES = {2: "50%", 10: "90%", 100: "99%", 1000: "99.9%", 10**4: "99.99%", 10**5: "99.999%", 10**6: "99.9999%"}

_ONE_TWO_FIVE = [digit * 10**power for power in range(12) for digit in (1, 2, 5)]
_EDGE = 10
"""Pixels between the outermost points and the edge."""

_EXTENT = 58
"""Pixels kept for the labels of charts over time, so that those above one another line up."""

SWEEP_HEIGHT = 250
SERIES_HEIGHT = 130
HISTORY_HEIGHT = 190
LEVELS = "levels"
CHANGES = "changes"
"""The names, within a spec, of the data sets with the level of each stretch and the changes between them."""
CHANGE_COLORS = {"REGRESSED": "var(--bad)", "IMPROVED": "var(--good)", "CHANGED": "var(--warn)",
                 "below the floor": "var(--muted)"}  # fmt: skip
DASHES = ([1, 0], [7, 3], [2, 3])


class Style(msgspec.Struct, frozen=True):
    """What one dash pattern stands for."""

    id: str
    name: str
    dash: int
    """Index into `DASHES`."""


class Axis(msgspec.Struct, frozen=True):
    """A horizontal axis: what it is called, how it is scaled and which values it names."""

    title: str
    kind: str
    """`log`, `linear`, or `steps` for names in a row."""
    names: dict[str, str] = {}
    """Value to its text, in order; the only ticks where there are any."""


def sweep_chart(
    axis: Axis, keys: Sequence[Key], styles: Sequence[Style], y_format: str, *, log: bool, lines: int = 1
) -> dict[str, Any]:
    """Draw `y` over `x`, a line with points for each key and style. Fields: x, y, key, style."""
    import altair as alt

    shape = alt.Shape("key:N", scale=alt.Scale(domain=[k.id for k in keys], range=[k.shape for k in keys]), legend=None)
    base = alt.Chart(alt.NamedData(DATA)).transform_filter(_VISIBLE)
    base = base.encode(x=_horizontal(axis), y=_vertical(y_format, log=log), color=_color(keys))
    points = base.mark_point(size=46 if lines <= _MANY else 18, filled=True, opacity=1, clip=True).encode(shape=shape)
    if axis.kind == "steps":
        return _finish(_beside(base, points, keys, bars=not log), SWEEP_HEIGHT, ["y"])
    dash = {"strokeDash": _dash(styles)} if styles else {}
    line = base.mark_line(clip=True, **_stroke(2, lines)).encode(detail="run:N", **dash)
    return _finish(alt.layer(line, points), SWEEP_HEIGHT, ["x", "y"])


def _beside(base: alt.Chart, points: alt.Chart, keys: Sequence[Key], *, bars: bool) -> alt.LayerChart | alt.FacetChart:
    """Draw each key beside the others within a step: as bars from zero, or its percentiles on one upright line."""
    import altair as alt

    offset = alt.XOffset("key:N", scale=alt.Scale(domain=[key.id for key in keys]))
    if bars:
        below = base.mark_bar(opacity=0.45, clip=True).encode(xOffset=offset, y=alt.Y("y:Q", stack=None))
    else:
        below = base.mark_line(opacity=0.45, clip=True).encode(xOffset=offset, detail=["x:N", "run:N"])
    return alt.layer(below, points.encode(xOffset=offset))


def distribution_chart(keys: Sequence[Key], *, chosen: str = "", lines: int = 1) -> dict[str, Any]:
    """Draw latency over percentile, both on log axes. Fields: x = 1 / (1 - p), y in ns, key, and step where chosen."""
    import altair as alt

    names = str({float(k): v for k, v in _PERCENTILES.items()}).replace(".0:", ":")
    x = alt.X(
        "x:Q",
        scale=alt.Scale(type="log", base=10, nice=False),
        axis=alt.Axis(
            title="percentile",
            values=list(_PERCENTILES),
            labelExpr=f"({names})[datum.value] || ''",
            labelOverlap="greedy",
        ),
    )
    chart = alt.Chart(alt.NamedData(DATA)).transform_filter(_VISIBLE)
    if chosen:
        chart = chart.transform_filter("datum.step == chosen")
    chart = chart.mark_line(clip=True, **_stroke(2, lines)).encode(
        x=x, y=_vertical("latency", log=True), color=_color(keys), detail=["run:N", "style:N"]
    )
    if chosen:
        chart = chart.add_params(alt.param(name="chosen", value=chosen))
    return _finish(chart, SWEEP_HEIGHT, ["x", "y"])


def time_chart(
    keys: Sequence[Key],
    styles: Sequence[Style],
    y: str,
    y_format: str,
    *,
    log: bool = False,
    band: bool = False,
    steps: bool = False,
    points: bool = False,
    lines: int = 1,
) -> dict[str, Any]:
    """Draw a column over time, a line for each key, style and step. Fields: x in seconds, key, style, step, y.

    With `band`, the columns low and high shade what lay between within a bucket; with `steps`, the data set `marks`
    (x, label) draws where the steps began; with `points`, each value has a dot: a line of one value is none.
    """
    import altair as alt

    scale = alt.Scale(nice=False, zero=False)
    x = alt.X("x:Q", axis=alt.Axis(title="seconds since the start", grid=False), scale=scale)
    base = alt.Chart(alt.NamedData(DATA)).transform_filter(_VISIBLE)
    encoded = {"x": x, "color": _color(keys), "detail": ["step:N", "style:N", "run:N"]}
    layers = []
    if steps:
        rule = alt.Chart(alt.NamedData(MARKS)).mark_rule(strokeWidth=1, color="var(--grid-strong)", clip=True)
        layers.append(rule.encode(x="x:Q"))
    if band:
        area = base.mark_area(opacity=0.18, clip=True, strokeWidth=0)
        layers.append(area.encode(**encoded, y=alt.Y("low:Q"), y2="high:Q"))
    vertical = _vertical(y_format, log=log, field=y, extent=_EXTENT)
    dots = alt.OverlayMarkDef(size=22, filled=True, opacity=1) if points else False
    line = base.mark_line(clip=True, point=dots, **_stroke(1.5, lines)).encode(**encoded, y=vertical)
    layers.append(line.encode(strokeDash=_dash(styles)) if styles else line)
    return _finish(alt.layer(*layers), SERIES_HEIGHT, ["x"])


def spread_chart(axis: Axis, keys: Sequence[Key]) -> dict[str, Any]:
    """Draw how clients share: range, middle half and median. Fields: x, key, low, lower, y, upper, high."""
    import altair as alt

    base = alt.Chart(alt.NamedData(DATA)).transform_filter(_VISIBLE)
    x, offset = _horizontal(axis), alt.XOffset("key:N", scale=alt.Scale(domain=[k.id for k in keys]))
    y = _vertical("ratio", log=False, field="low", zero=False)
    even = alt.Chart().mark_rule(strokeDash=[3, 3], color="var(--muted)").encode(y=alt.datum(1))
    encoded = {"x": x, "xOffset": offset, "color": _color(keys)}
    whiskers = base.mark_rule(strokeWidth=2).encode(**encoded, y=y, y2="high:Q")
    box = base.mark_bar(opacity=0.55, size=10).encode(**encoded, y="lower:Q", y2="upper:Q")
    median = base.mark_tick(thickness=3, size=16).encode(**encoded, y="y:Q")
    return _finish(alt.layer(even, whiskers, box, median), SWEEP_HEIGHT, [])


def history_chart(key: Key, y_format: str) -> dict[str, Any]:
    """Draw a value for each row, the level of each stretch, and where it changed. Fields: x = the row, y, key.

    The data set `levels` has x, x2, y; `changes` has x, the rows low and high that it may be at, and color, a class.
    """
    import altair as alt

    values = alt.Chart(alt.NamedData(DATA)).transform_filter(_VISIBLE)
    x = alt.X("x:Q", scale=alt.Scale(nice=False, zero=False, padding=_EDGE), axis=alt.Axis(title="row", grid=False))
    y = _vertical(y_format, log=False, zero=False, extent=_EXTENT)
    changes = alt.Chart(alt.NamedData(CHANGES))
    color = alt.Color("color:N", scale=alt.Scale(domain=list(CHANGE_COLORS), range=list(CHANGE_COLORS.values())),
                      legend=None)  # fmt: skip
    band = changes.mark_rect(opacity=0.16, clip=True).encode(x=alt.X("low:Q"), x2="high:Q", color=color)
    rule = changes.mark_rule(strokeWidth=1.5, clip=True).encode(x="x:Q", color=color)
    dots = values.mark_point(size=16, filled=True, opacity=0.75, clip=True).encode(x=x, y=y, color=_color([key]))
    level = alt.Chart(alt.NamedData(LEVELS)).mark_rule(strokeWidth=2.5, color="var(--text)", clip=True)
    level = level.encode(x="x:Q", x2="x2:Q", y="y:Q")
    layers = alt.layer(band, rule, dots, level).resolve_scale(color="independent")
    return _finish(layers, HISTORY_HEIGHT, ["x"])


_VISIBLE = "indexof(hidden, datum.key) < 0 && indexof(hidden, datum.style) < 0"
"""Keeps what the reader has not switched off in the legend."""


def _horizontal(axis: Axis) -> alt.X:
    import altair as alt

    if axis.kind == "steps":
        return alt.X(
            "x:N",
            sort=list(axis.names),
            axis=alt.Axis(title=None, labelAngle=_angle(axis.names), labelLimit=140, grid=False),
            scale=alt.Scale(paddingInner=0.25, paddingOuter=0.15),
        )
    kind: dict[str, Any] = {"type": "log", "base": 2} if axis.kind == "log" else {"zero": False}
    scale = alt.Scale(nice=False, padding=_EDGE, **kind)
    names = "{" + ",".join(f"{_quoted(value)}:{_quoted(text)}" for value, text in axis.names.items()) + "}"
    return alt.X(
        "x:Q",
        scale=scale,
        axis=alt.Axis(
            title=axis.title,
            values=[float(value) for value in axis.names],
            labelExpr=f"({names})[datum.value] || ''",
            labelOverlap="greedy",
            grid=False,
        ),
    )


def _angle(names: Mapping[str, str]) -> int:
    """Keep few short names level, also on a phone; tilt the others."""
    return 0 if sum(len(text) + 2 for text in names.values()) <= 36 else -30


def _vertical(y_format: str, *, log: bool, field: str = "y", extent: int = 0, zero: bool = True) -> alt.Y:
    import altair as alt

    look: dict[str, Any] = {
        "title": None,
        "labelExpr": _LABELS[y_format],
        "labelOverlap": "greedy",
        "minExtent": extent,
    }
    if log:
        # Vega would draw a line at each of 1 … 9; tickCount must not thin these out.
        scale = alt.Scale(type="log", nice=False, padding=_EDGE)
        look |= {"values": _ONE_TWO_FIVE, "tickCount": len(_ONE_TWO_FIVE)}
    else:
        scale = alt.Scale(zero=zero, nice=True)
        look |= {"tickCount": 5}
    return alt.Y(f"{field}:Q", scale=scale, axis=alt.Axis(**look))


_MANY = 6


def _stroke(width: float, lines: int) -> dict[str, Any]:
    """Draw many runs finer and see-through, so that where they agree stands out."""
    many = lines > _MANY
    return {"strokeWidth": width * (0.7 if many else 1), "strokeOpacity": 0.6 if many else 1}


def _color(keys: Sequence[Key]) -> alt.Color:
    import altair as alt

    scale = alt.Scale(domain=[key.id for key in keys], range=[f"var(--{key.color})" for key in keys])
    return alt.Color("key:N", scale=scale, legend=None)


def _dash(styles: Sequence[Style]) -> alt.StrokeDash:
    import altair as alt

    scale = alt.Scale(domain=[s.id for s in styles], range=[DASHES[s.dash] for s in styles])
    return alt.StrokeDash("style:N", scale=scale, legend=None)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ") + "'"


def _finish(chart: Any, height: int, zoom: Sequence[Literal["x", "y"]]) -> dict[str, Any]:
    """Add what every chart has: the width of its box, zoom and pan, the legend's switches, the page's look."""
    import altair as alt

    chart = chart.add_params(alt.param(name="hidden", value=[]))
    if zoom:
        view = alt.selection_interval(name="view", bind="scales", encodings=list(zoom), zoom=ZOOM)
        chart = chart.add_params(view)
    spec: dict[str, Any] = chart.properties(width="container", height=height).to_dict(validate=False)
    spec["config"] = _CONFIG
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return spec


_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--grid)",
        "domainColor": "var(--grid-strong)",
        "tickColor": "var(--grid-strong)",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "labelPadding": 6,
        "titlePadding": 6,
    },
    "axisY": {"domain": False, "ticks": False},
}
