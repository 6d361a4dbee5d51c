"""A table as columns in three dimensions, as the specification's report asks for: an isometric drawing.

The height is logarithmic where the values span more than two powers of ten: on a straight scale the small ones of an
IOPS table would be invisible.
"""

from __future__ import annotations

import math

from ...results.findings import Grid
from .. import svg
from ..wording import value_text

_COLORS = 8
_STEP_X, _STEP_Y = 34.0, 15.0
"""Half the width and half the depth of a cell on the drawing."""
_FILL = 0.62
"""How much of its cell a column covers."""
_TALL = 150.0
_MARGIN = 70.0


def columns_svg(grid: Grid) -> str:
    """Draw a table; rows go to the lower left, columns to the lower right."""
    rows, columns = len(grid.rows), len(grid.columns)
    known = [value for row in grid.values for value in row if value]
    if not known:
        return ""
    low, high = min(known), max(known)
    log = low > 0 and high / low > 100
    left = rows * _STEP_X + _MARGIN
    top = _TALL + 24

    def floor(row: float, column: float) -> tuple[float, float]:
        return left + (column - row) * _STEP_X, top + (column + row) * _STEP_Y

    def height(value: float) -> float:
        share = math.log(value / low * 2) / math.log(high / low * 2) if log else value / high
        return max(2.0, _TALL * share)

    parts = [svg.title(f"{grid.title}: columns by {grid.row_title} and {grid.column_title}")]
    parts.append(svg.polygon([floor(0, 0), floor(0, columns), floor(rows, columns), floor(rows, 0)], class_="floor"))
    parts += [svg.path([floor(number, 0), floor(number, columns)], class_="grid") for number in range(rows + 1)]
    parts += [svg.path([floor(0, number), floor(rows, number)], class_="grid") for number in range(columns + 1)]
    # Those at the back first: what is in front covers them.
    for row in range(rows):
        for column in range(columns):
            value = grid.values[row][column]
            if value:
                where = f"{grid.row_title} {grid.rows[row]}, {grid.column_title} {grid.columns[column]}".strip()
                said = f"{where}: {value_text(value, grid.unit)}"
                parts.append(_column(floor, row, column, height(value), said))
    for row, name in enumerate(grid.rows):
        x, y = floor(row + 0.5, columns)
        parts.append(svg.text(x + 8, y + 6, name, class_="tick"))
    for column, name in enumerate(grid.columns):
        x, y = floor(rows, column + 0.5)
        parts.append(svg.text(x - 8, y + 6, name, class_="tick end"))
    x, y = floor(rows / 2, columns)
    parts.append(svg.text(x + 60, y + 20, grid.row_title, class_="name"))
    x, y = floor(rows, columns / 2)
    parts.append(svg.text(x - 60, y + 20, grid.column_title, class_="name end"))
    if log:
        parts.append(svg.text(8, 16, "height: logarithmic", class_="tick"))
    width = left + columns * _STEP_X + _MARGIN
    deep = top + (rows + columns) * _STEP_Y + 30
    return svg.element("svg", "".join(parts), viewBox=f"0 0 {width:g} {deep:g}", class_="plot columns", role="img")


def _column(floor: object, row: int, column: int, tall: float, said: str) -> str:
    """Draw one column: its left and right side and its top."""
    assert callable(floor)
    edge = (1 - _FILL) / 2
    corners = [
        floor(row + edge, column + edge), floor(row + edge, column + 1 - edge),
        floor(row + 1 - edge, column + 1 - edge), floor(row + 1 - edge, column + edge),
    ]  # fmt: skip
    _, right, front, left = corners
    up = [(x, y - tall) for x, y in corners]
    color = f"c{column % _COLORS}"
    # A side is its colour with a shadow over it: mixed colours are not known to every printer of pages.
    sides = ""
    for side, shadow in (([left, front, up[2], up[3]], "faint"), ([front, right, up[1], up[2]], "deep")):
        sides += svg.polygon(side) + svg.polygon(side, class_=f"shadow {shadow}")
    return svg.element("g", svg.title(said) + sides + svg.polygon(up, class_="top"), class_=f"column {color}")
