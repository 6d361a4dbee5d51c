"""A plot as SVG: lines, points, bars and guides over a straight or logarithmic axis, colours by the page's style."""

from __future__ import annotations

from collections.abc import Iterator

from ..common.units import format_bandwidth
from ..results.findings import Plot, Trace
from . import svg
from .scales import Scale, scale_of
from .wording import value_text

WIDTH, HEIGHT = 640.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 74.0, 16.0, 12.0, 46.0
_COLORS = 8
_MOST_POINTS = 700
"""Of a trace; more cannot be told apart at this width. Of each stretch the first, lowest, highest and last are kept."""
_LEGEND_ROW, _LEGEND_CHAR, _LEGEND_GAP = 17.0, 6.2, 34.0


def plot_svg(plot: Plot, width: float = WIDTH) -> str:
    """Draw a plot. Of a narrower one the letters are larger where it is as wide as its place."""
    traces = [_thinned(trace) for trace in plot.traces]
    xs = [x for trace in traces for x in trace.x]
    ys = [y for trace in traces for y in trace.y if y is not None]
    bars = any(trace.mark == "bars" for trace in traces)
    legend = list(_legend([trace for trace in traces if trace.name], width))
    height = HEIGHT + _LEGEND_ROW * (1 + max((row for _, _, row, _ in legend), default=-1))
    horizontal = scale_of(xs, _LEFT, width - _RIGHT, log=plot.log_x, pad=0.02)
    near_zero = bool(ys) and not plot.log_y and min(ys) >= 0 and min(ys) < 0.6 * max(ys)
    vertical = scale_of(ys, HEIGHT - _BOTTOM, _TOP, log=plot.log_y, zero=bars or near_zero)
    parts = [svg.title(f"{plot.title}: {plot.y_title} over {plot.x_title}")]
    if plot.shaded:
        first, last = (horizontal.at(x) for x in plot.shaded)
        parts.append(svg.element("rect", x=first - 4, y=_TOP, width=last - first + 8, height=HEIGHT - _TOP - _BOTTOM,
                                 class_="window"))  # fmt: skip
    parts += _axes(plot, horizontal, vertical)
    for number, trace in enumerate(traces):
        parts.append(_trace(trace, number, horizontal, vertical, plot))
    for trace, x, row, number in legend:
        y = HEIGHT + _LEGEND_ROW * row + 6
        parts.append(svg.element("line", x1=x, x2=x + 18, y1=y - 4, y2=y - 4, class_=_class(trace, number)))
        parts.append(svg.text(x + 23, y, trace.name, class_="key"))
    return svg.element("svg", "".join(parts), viewBox=f"0 0 {width:g} {height:g}", class_="plot", role="img")


def _class(trace: Trace, number: int) -> str:
    if trace.mark == "guide":
        return "guide"
    # What has the colour of another line is told from it by its dashes.
    return f"line c{number % _COLORS}{' again' if number >= _COLORS else ''}"


def _axes(plot: Plot, horizontal: Scale, vertical: Scale) -> Iterator[str]:
    for tick in vertical.ticks():
        y = vertical.at(tick)
        yield svg.element("line", x1=_LEFT, x2=horizontal.end, y1=y, y2=y, class_="grid")
        yield svg.text(_LEFT - 6, y + 4, value_text(tick, plot.y_unit), class_="tick end")
    bottom = HEIGHT - _BOTTOM
    for tick in _x_ticks(plot, horizontal):
        x = horizontal.at(tick)
        yield svg.element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis")
        yield svg.text(x, bottom + 17, _x_text(tick, plot), class_="tick middle")
    yield svg.element("line", x1=_LEFT, x2=horizontal.end, y1=bottom, y2=bottom, class_="axis")
    yield svg.text((horizontal.start + horizontal.end) / 2, HEIGHT - 10, plot.x_title, class_="name middle")
    middle = (_TOP + bottom) / 2
    yield svg.text(12, middle, plot.y_title, class_="name middle", transform=f"rotate(-90 12 {middle:.1f})")


def _x_text(tick: float, plot: Plot) -> str:
    """Name a tick: I/O sizes are binary, volumes are decimal, as the specification wants them."""
    if plot.x_unit == "B" and not plot.log_x:
        return format_bandwidth(tick).removesuffix("/s")
    return value_text(tick, plot.x_unit)


def _x_ticks(plot: Plot, horizontal: Scale) -> list[float]:
    values = sorted({x for trace in plot.traces if trace.mark != "guide" for x in trace.x})
    if plot.x_unit == "B" and plot.log_x and len(values) <= 10:
        return values
    if not plot.x_unit and all(value == int(value) for value in values):
        ticks = [tick for tick in horizontal.ticks(12) if tick == int(tick)]
        return ticks if len(values) > 12 else values
    return horizontal.ticks(7)


def _trace(trace: Trace, number: int, horizontal: Scale, vertical: Scale, plot: Plot) -> str:
    places = [None if y is None else (horizontal.at(x), vertical.at(y)) for x, y in zip(trace.x, trace.y, strict=True)]
    if trace.mark == "guide":
        return svg.path(places, class_="guide")
    known = [place for place in places if place is not None]
    if trace.mark == "bars":
        bottom = HEIGHT - _BOTTOM
        return svg.path([p for x, y in known for p in ((x, bottom), (x, y), None)], class_=f"bar c{number % _COLORS}")
    said = [
        f"{trace.name}: {value_text(y, plot.y_unit)} at {plot.x_title} {value_text(x, plot.x_unit)}"
        for x, y in zip(trace.x, trace.y, strict=True) if y is not None
    ]  # fmt: skip
    shown = ""
    if len(known) <= 60 or trace.mark == "points":
        radius = 3.0 if len(known) <= 60 else 1.3
        titled = len(known) <= 60
        shown = "".join(
            svg.element(
                "circle", svg.title(word) if titled else "", cx=x, cy=y, r=radius, class_=f"dot c{number % _COLORS}"
            )
            for (x, y), word in zip(known, said, strict=True)
        )
    line = svg.path(places, class_=_class(trace, number)) if trace.mark == "line" else ""
    return line + shown


def _thinned(trace: Trace) -> Trace:
    """Keep what can be seen of a long trace."""
    count = len(trace.x)
    if count <= _MOST_POINTS or trace.mark == "bars":
        return trace
    stretches = _MOST_POINTS // 4
    kept: list[int] = []
    for number in range(stretches):
        own = range(number * count // stretches, (number + 1) * count // stretches)
        known = [n for n in own if trace.y[n] is not None]
        if known:
            low = min(known, key=lambda n: trace.y[n] or 0.0)
            high = max(known, key=lambda n: trace.y[n] or 0.0)
            kept += sorted({own[0], low, high, own[-1]})
    return Trace(trace.name, tuple(trace.x[n] for n in kept), tuple(trace.y[n] for n in kept), trace.mark)


def _legend(traces: list[Trace], most: float) -> Iterator[tuple[Trace, float, int, int]]:
    """Place the names of the traces below the chart: trace, x, row, and its number for the colour."""
    named = {trace.name: (trace, number) for number, trace in reversed(list(enumerate(traces)))}
    x, row = _LEFT, 0
    for name, (trace, number) in reversed(list(named.items())):
        width = _LEGEND_GAP + _LEGEND_CHAR * len(name)
        if x + width > most and x > _LEFT:
            x, row = _LEFT, row + 1
        yield trace, x, row, number
        x += width
