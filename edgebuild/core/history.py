"""What is told of a model over time: one value a bundle, and where the level changed."""

from __future__ import annotations

from edgebuild.core.artifact import Precision
from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest
from edgebuild.core.verdict import Outcome


class Point(Frozen):
    """One bundle's value of a metric, in the metric's base unit.

    Attributes:
        at: when its first run was made, ISO 8601 with an offset.
        value: the median over runs; ``low`` and ``high``: its bounds where there are enough.
        outcome: of the latest verdict on the bundle, if one was given.
    """

    at: str
    bundle: Digest
    value: float
    low: float | None = None
    high: float | None = None
    runs: int
    outcome: Outcome | None = None


class ChangePoint(Frozen):
    """Where a series' level changed.

    Attributes:
        at: the time of the first point of the new level; ``index``: its place in the series.
        before, after: the medians of the points on either side, up to the neighbouring change points.
    """

    at: str
    index: int
    before: float
    after: float
    significance: float


class Series(Frozen):
    """One metric of one model on one device, by time."""

    model: str
    target: str
    device: str
    precision: Precision
    metric: str
    points: tuple[Point, ...]
    changes: tuple[ChangePoint, ...] = ()
