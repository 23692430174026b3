"""A series as a plot for the terminal: a dot a bundle, a line a level, a mark under each change."""

from __future__ import annotations

from itertools import pairwise
from statistics import median_low

from edgebuild.core.history import Series
from edgebuild.report.creep import quantity

HEIGHT = 10
"""Lines, without the axis."""
_MARGIN = 10
_BLANK = "\u2800"


def plot(series: Series, width: int = 78) -> list[str]:
    """The lines of a plot; bundles stand at equal distances, in the order of time.

    Raises:
        ModuleNotFoundError: plotille is not installed.
    """
    from plotille import Canvas

    values = [point.value for point in series.points]
    starts = [0, *(change.index for change in series.changes), len(values)]
    low, high = _range(values)
    levels = {0: high, HEIGHT // 2: (low + high) / 2, HEIGHT - 1: low}
    labels = {row: quantity(series.metric, value) for row, value in levels.items()}
    margin = max(_MARGIN, *map(len, labels.values()))
    columns = max(10, width - margin - 2)
    canvas = Canvas(columns, HEIGHT, xmin=-0.5, xmax=max(len(values) - 0.5, 0.5), ymin=low, ymax=high)
    for first, end in pairwise(starts):
        level = median_low(values[first:end])
        canvas.line(first - 0.4, level, end - 0.6, level)
    for index, value in enumerate(values):
        canvas.point(index, value, marker="●")
    rows = enumerate(canvas.plot().replace(_BLANK, " ").split("\n"))
    drawn = [f"{labels.get(row, ''):>{margin}} {'┤' if row in labels else '│'}{line}" for row, line in rows]
    axis = " " * margin + " └" + "─" * columns
    return [line.rstrip() for line in (*drawn, axis, *(" " * (margin + 2) + line for line in _below(series, columns)))]


def _range(values: list[float]) -> tuple[float, float]:
    """What the plot shows: all values, and at least 2 % of them, so that noise does not look like a change."""
    low, high = min(values), max(values)
    room = max((high - low) * 0.1, abs(high) * 0.01, 0.5)
    return low - room, high + room


def _below(series: Series, columns: int) -> list[str]:
    """The dates of the first and the last point, and a mark where the level changed."""
    marks, count = [" "] * columns, len(series.points)
    for change in series.changes:
        marks[int(columns * (change.index + 0.5) / count)] = "▲" if change.after > change.before else "▼"
    first, last = series.points[0].at[:10], series.points[-1].at[:10]
    dates = first if count == 1 else f"{first}{last:>{max(columns - len(first), 1)}}"
    return [*(["".join(marks)] if series.changes else []), dates]
