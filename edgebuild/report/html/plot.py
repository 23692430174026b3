"""The frame of a drawing: grid lines, ticks, the axes' names, and the limits of budgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgebuild.core.metric import Budget
from edgebuild.core.units import Unit
from edgebuild.report.html.scales import Axis
from edgebuild.report.html.svg import line, text
from edgebuild.report.html.words import shown

_BELOW = 16
_TITLE_BELOW = 32
_APART = 14
"""Pixels between two texts, one above the other."""


def framed(height: float, marks: Iterable[str], x: Axis | None = None, y: Axis | None = None) -> str:
    """Marks on a grid; the x axis's texts lie below the drawing and the y axis's to its left."""
    return "".join([*(_across(y, height) if y else ()), *(_along(x, height) if x else ()), *marks])


def _across(y: Axis, height: float) -> Iterable[str]:
    for value, words in y.ticks:
        yield line(0, y.y(value, height), 100, y.y(value, height), "grid")
        yield text(0, y.y(value, height) + 4, words, "tick", "end", -8)
    yield text(0, -12, y.title, "axis", "start", -44)


def _along(x: Axis, height: float) -> Iterable[str]:
    for value, words in x.ticks:
        yield line(x.x(value), 0, x.x(value), height, "grid")
        yield text(x.x(value), height + _BELOW, words, "tick", "middle")
    yield line(0, height, 100, height, "base")
    yield text(100, height + _TITLE_BELOW, x.title, "axis", "end")


def limits_across(y: Axis, limits: Sequence[Budget], height: float) -> tuple[list[str], str]:
    """Lines of limits on a y axis, each named above it or, where another's name is near, below."""
    inside, beyond = _inside(y, limits)
    marks: list[str] = []
    taken: list[float] = []
    for budget in inside:
        at = y.y(budget.limit, height)
        place = at - 4
        if any(abs(place - other) < _APART for other in taken):
            place = at + _APART
        taken.append(place)
        marks += [line(0, at, 100, at, "limit"), text(100, place, _name(budget), "tick strong halo", "end")]
    return marks, beyond


def limits_upright(x: Axis, limits: Sequence[Budget], height: float) -> tuple[list[str], str]:
    """Lines of limits on an x axis, named at their tops, each name a row above the one before."""
    inside, beyond = _inside(x, limits)
    marks: list[str] = []
    for row, budget in enumerate(inside):
        at = x.x(budget.limit)
        anchor, dx = ("end", -5) if at > 60 else ("start", 5)
        marks.append(line(at, -_APART * row, at, height, "limit"))
        marks.append(text(at, 8 - _APART * row, _name(budget), "tick strong halo", anchor, dx))
    return marks, beyond


def _inside(axis: Axis, limits: Sequence[Budget]) -> tuple[list[Budget], str]:
    """The limits that are on an axis, from its high end down, and words on those that are not."""
    inside = [budget for budget in limits if axis.low < budget.limit < axis.high]
    rest = ", ".join(_name(budget) for budget in limits if budget not in inside)
    words = f" Beyond the drawing: the limit {rest}." if rest else ""
    return sorted(inside, key=lambda budget: -budget.limit), words


def _name(budget: Budget) -> str:
    return f"p{100 * (budget.definition.quantile or 0):g} ≤ {shown(budget.limit, Unit.NANOSECOND)}"
