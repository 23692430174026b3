"""What the history remembers of a model: its metrics over time, with the points where their level changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from statistics import median_low
from typing import TYPE_CHECKING

from edgebuild.core.artifact import Precision
from edgebuild.core.history import Point, Series
from edgebuild.core.metric import METRICS, Kind
from edgebuild.core.verdict import Outcome
from edgebuild.judge.change_points import change_points
from edgebuild.judge.runs import bounds_of

if TYPE_CHECKING:
    from edgebuild.store.history.database import Database
    from edgebuild.store.history.reading import Level, Of

CONFIDENCE = 0.99
"""Of each bound of a point."""
FIRST_PART = "model"
"""The name of a bundle's part where there is only one; the series of another are those of "MODEL/PART"."""


def series(
    model: str, target: str, device: str, precision: Precision, metric: str, database: Database | None = None
) -> Series:
    """One metric of one variant on one device; no points if nothing is known of it.

    Args:
        device: as measurements are filed under; "" for what takes no device, such as the model's size.
        database: default the user's, opened and closed.
    """
    found = all_series(model, database, target, precision, metric)
    empty = Series(model=model, target=target, device=device, precision=precision, metric=metric, points=())
    return next((each for each in found if (each.device, each.model) == (device, model)), empty)


def all_series(
    model: str, database: Database | None = None, target: str | None = None, precision: str | None = None,
    metric: str | None = None,
) -> tuple[Series, ...]:  # fmt: skip
    """Every metric of every variant of a model on every device, in the order of targets, devices and metrics.

    A bundle's runs count under the key that was measured last. Bundles that were measured under other conditions than
    the latest one, such as more threads or only in pairs, are left out; those measured with another toolchain are not.

    Args:
        database: default the user's, opened and closed.
        target, precision, metric: only what is of these.

    Raises:
        ConfigError: the history can't be read. ModuleNotFoundError: a library is not installed.
    """
    from edgebuild.store.history.database import open_history
    from edgebuild.store.history.reading import Of

    if database is None:
        with open_history() as opened:
            return all_series(model, opened, target, precision, metric)
    name, _, part = model.partition("/")  # names have no slash
    return tuple(_all(database, Of(name, target, None, part or None, precision, metric)))


def _all(database: Database, of: Of) -> Iterable[Series]:
    from edgebuild.store.history.reading import judged, levels, stated

    outcomes = {(j.bundle, j.part, j.precision, j.device): j.outcome for j in judged(database, of)}
    found = sorted([*levels(database, of), *stated(database, of)], key=_variant)
    for (target, device, part, precision, metric), group in groupby(found, key=_variant):
        points = _points(list(group), outcomes)
        model = of.model if part == FIRST_PART else f"{of.model}/{part}"
        yield Series(
            model=model, target=target, device=device, precision=precision, metric=metric, points=points,
            changes=change_points(points),
        )  # fmt: skip


def _variant(level: Level) -> tuple[str, str, str, Precision, str]:
    """What the points of one series have alike."""
    return level.target, level.device, level.part, level.precision, level.metric


def _points(found: list[Level], outcomes: dict[tuple[str, str, str, str], Outcome]) -> tuple[Point, ...]:
    """One point a bundle, by time; of the conditions that the latest bundle was measured under, those of the most."""
    by_latest = sorted(found, key=lambda level: level.latest)
    own = {level.conditions for level in found if level.bundle == by_latest[-1].bundle}
    shared = Counter(conditions for conditions, _ in {(level.conditions, level.bundle) for level in found})
    chosen = max(sorted(own), key=lambda conditions: shared[conditions])
    latest = {level.bundle: level for level in by_latest if level.conditions == chosen}
    by_time = sorted(latest.values(), key=lambda level: (level.moment, level.bundle))
    return tuple(
        _point(level, outcomes.get((level.bundle, level.part, level.precision, level.device))) for level in by_time
    )


def _point(level: Level, outcome: Outcome | None) -> Point:
    from edgebuild.store.history.lines import time_of

    low, high = _bounds(level) if level.taken else (None, None)
    return Point(
        at=time_of(level.moment), bundle=level.bundle, value=median_low(level.values), low=low, high=high,
        runs=level.taken, outcome=outcome,
    )  # fmt: skip


def _bounds(level: Level) -> tuple[float | None, float | None]:
    metric = METRICS.get(level.metric)
    return bounds_of(metric.kind if metric else Kind.SAMPLED, level.values, CONFIDENCE)
