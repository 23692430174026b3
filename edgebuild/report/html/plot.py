"""The frame of a drawing: grid lines, ticks and the axes' names."""

from __future__ import annotations

from collections.abc import Iterable

from edgebuild.report.html.scales import Axis
from edgebuild.report.html.svg import line, text

_BELOW = 16
_TITLE_BELOW = 32


def framed(height: float, marks: Iterable[str], x: Axis | None = None, y: Axis | None = None) -> str:
    """Marks on a grid; the x axis's texts lie below the drawing and the y axis's to its left."""
    return "".join([*(_across(y, height) if y else ()), *(_along(x, height) if x else ()), *marks])


def _across(y: Axis, height: float) -> Iterable[str]:
    for value, words in y.ticks:
        yield line(0, y.y(value, height), 100, y.y(value, height), "grid")
        yield text(0, y.y(value, height) + 4, words, "tick", "end", -8)
    yield text(0, -12, y.title, "axis", "end" if len(y.title) < 8 else "start", -8 if len(y.title) < 8 else -44)


def _along(x: Axis, height: float) -> Iterable[str]:
    for value, words in x.ticks:
        yield line(x.x(value), 0, x.x(value), height, "grid")
        yield text(x.x(value), height + _BELOW, words, "tick", "middle")
    yield line(0, height, 100, height, "base")
    yield text(100, height + _TITLE_BELOW, x.title, "axis", "end")


def limit_line(at: float, height: float, words: str, row: int = 0) -> str:
    """An upright limit with its name; ``row`` keeps the names of several apart."""
    anchor = "end" if at > 60 else "start"
    named = text(at, -4 - 13 * row, words, "tick strong", anchor, -5 if anchor == "end" else 5)
    return line(at, -13 * row - 12 if row else -2, at, height, "limit") + named
