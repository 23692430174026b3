"""A slow creep: what every single gate let pass, and what it has come to. No part of the verdict; told beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low

from edgebuild.core.history import ChangePoint, Point
from edgebuild.core.metric import METRICS, Budget, Direction, Kind
from edgebuild.judge.change_points import change_points

_USUAL_PERCENT = {Kind.SAMPLED: 2.0, Kind.EXACT: 0.5}
"""What is let pass at once where no budget on the change says it: what a baseline is held to."""


@dataclass(frozen=True)
class Creep:
    """A metric whose level rose by more than a gate lets pass at once.

    Attributes:
        since: the first point of what it is held against, which is the last release if ``released``, else the start.
        before, now: the levels, in the metric's base unit.
        percent: by how much the level is above; ``limit``: what is let pass at once.
        changes: the changes upward since then.
    """

    metric: str
    since: Point
    released: bool
    before: float
    now: float
    percent: float
    limit: float
    changes: tuple[ChangePoint, ...]


def limits(budgets: Iterable[Budget]) -> dict[str, float]:
    """By how many percent each metric of some budgets may rise at once: by the budget on its change, or the usual."""
    found: dict[str, float] = {}
    for budget in budgets:
        metric = METRICS.get(budget.metric.removesuffix("_change"))
        if metric is None or metric.mode is None or metric.direction is not Direction.LOWER:
            continue
        if budget.definition.change:
            found[metric.name] = budget.limit
        else:
            found.setdefault(metric.name, _USUAL_PERCENT.get(metric.kind, 2.0))
    return found


def creep_of(metric: str, points: Sequence[Point], limit: float, released: int | None = None) -> Creep | None:
    """The creep that the points of a series show, of which the last one is judged now; None if it shows none.

    A level is the median from one change point to the next. The start of the series is looked at first.

    Args:
        released: the index of the last release's point, where there is one.
    """
    changes = change_points(points)
    starts = [0, *(change.index for change in changes), len(points)]
    for index in (0, released):
        ups = tuple(c for c in changes if index is not None and c.index > index and c.after > c.before)
        if index is None or not ups:
            continue
        first, end = next((a, b) for a, b in pairwise(starts) if a <= index < b)
        before, now = (median_low([p.value for p in part]) for part in (points[first:end], points[starts[-2] :]))
        percent = 100 * (now / before - 1) if before > 0 else 0.0
        if percent > limit:
            return Creep(metric, points[index], index != 0, before, now, percent, limit, ups)
    return None
