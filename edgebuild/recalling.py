"""What ``edgebuild history`` shows: the models that are known, and one model's bundles over time."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from edgebuild.core.errors import ConfigError, EdgebuildError
from edgebuild.core.history import Point, Series
from edgebuild.core.metric import METRICS
from edgebuild.core.release import Release
from edgebuild.remembering import all_series
from edgebuild.store.bundle import Bundle

if TYPE_CHECKING:
    from edgebuild.store.history.database import Database

SHOWN = ("latency_p50", "latency_p90", "peak_memory", "instructions", "accuracy_drop", "model_size")
"""What a table shows unless a metric is named, of what there is; the first is plotted."""


@dataclass(frozen=True)
class Remembered:
    """A model on a target. ``latest``: when the latest evidence of it was found."""

    model: str
    target: str
    bundles: int
    releases: int
    latest: str


@dataclass
class Row:
    """A bundle: its points by metric, the latest verdict, and how its latest release ended ("": none)."""

    at: str
    bundle: str
    points: dict[str, Point] = field(default_factory=dict)
    outcome: str = ""
    released: str = ""


@dataclass(frozen=True)
class View:
    """A variant on a device: some of its series, side by side. ``plotted``: those to be drawn."""

    series: tuple[Series, ...]
    rows: tuple[Row, ...]
    plotted: tuple[Series, ...]


@dataclass(frozen=True)
class Wanted:
    """What to show of a model; None: all."""

    target: str | None = None
    device: str | None = None
    precision: str | None = None
    metric: str | None = None


def models(database: Database) -> list[Remembered]:
    """Every model and target that is known, by name."""
    from edgebuild.store.history.lines import time_of
    from edgebuild.store.history.reading import known_models, released

    found = []
    for each in known_models(database):
        ended = released(database, each.model, each.target)
        found.append(Remembered(each.model, each.target, each.bundles, len(ended), time_of(each.moment)))
    return found


def recall(database: Database, model: str, wanted: Wanted) -> tuple[Series, ...]:
    """The series of a model that are wanted.

    Raises:
        ConfigError: there is no such model, metric or device; with what there is.
    """
    if wanted.metric is not None and wanted.metric not in METRICS:
        raise ConfigError("--metric", f"there is no {wanted.metric!r}", expected=", ".join(METRICS))
    found = all_series(model, database, wanted.target, wanted.precision, wanted.metric)
    if wanted.device is not None:
        found = tuple(each for each in found if _is_on(each, wanted.device))
    if not found:
        everything = all_series(model, database)
        if not everything:
            raise _unknown(database, model)
        there = {", ".join(filter(None, (s.metric, s.precision, s.target, s.device))) for s in everything}
        expected = "one of: " + "; ".join(sorted(there)[:20])
        raise ConfigError("history", f"nothing is known of that of {model}", expected=expected)
    return found


def series_beside(bundles: Sequence[Bundle]) -> tuple[Series, ...]:
    """The history of some bundles' models on their targets, of what a table shows, where there are several bundles.

    None where the history can't be asked: a page can do without.
    """
    named = dict.fromkeys((bundle.manifest.name, bundle.manifest.target) for bundle in bundles)
    try:
        from edgebuild.store.history.database import open_history

        with open_history() as database:
            found = [each for name, target in named for each in all_series(name, database, target)]
    except (EdgebuildError, ModuleNotFoundError):
        return ()
    return tuple(each for each in sorted(found, key=_order) if each.metric in SHOWN and len(each.points) > 1)


def views(database: Database, found: Sequence[Series], wanted: Wanted) -> list[View]:
    """The series as tables: one a variant and device, with what takes no device in each."""
    from edgebuild.store.history.reading import released

    usual = [each for each in found if each.metric in SHOWN]
    shown = sorted(found if wanted.metric or not usual else usual, key=_order)
    made = []
    for (model, target, precision), group in groupby(shown, key=_variant):
        own = list(group)
        ended = [r for r in released(database, model.partition("/")[0], target) if r.precision == precision]
        for device in sorted({each.device for each in own} - {""}) or [""]:
            series = tuple(each for each in own if each.device in ("", device))
            measured = tuple(each for each in series if each.device == device)
            made.append(View(series, _rows(series, measured, ended, device), measured[:1]))
    return made


def _rows(
    series: Sequence[Series], measured: Sequence[Series], ended: Sequence[Release], device: str
) -> tuple[Row, ...]:
    """One row a bundle that was measured there, by time."""
    rows = {point.bundle: Row(point.at, point.bundle) for each in measured for point in each.points}
    for each in series:
        for point in each.points:
            if row := rows.get(point.bundle):
                row.points[each.metric] = point
                row.at = min(row.at, point.at) if each in measured else row.at
                row.outcome = row.outcome or (point.outcome.value if point.outcome else "")
    for release in reversed(ended):
        if release.bundle in rows and release.device in ("", device):
            rows[release.bundle].released = release.outcome.value
    return tuple(sorted(rows.values(), key=lambda row: row.at))


def _variant(series: Series) -> tuple[str, str, str]:
    return series.model, series.target, series.precision


def _order(series: Series) -> tuple[object, ...]:
    known = SHOWN.index(series.metric) if series.metric in SHOWN else len(SHOWN)
    return (*_variant(series), known, series.metric)


def _is_on(series: Series, device: str) -> bool:
    """Whether a series was measured on a device, by its name or by all that measurements are filed under."""
    return series.device == device or series.device.partition("/")[0] == device


def _unknown(database: Database, model: str) -> ConfigError:
    names = sorted({each.model for each in models(database)})
    near = difflib.get_close_matches(model, names, 1)
    fix = f"did you mean {near[0]!r}?" if near else "edgebuild history lists them; bench, gate and release fill it"
    found = f"{database.place.shown} knows of no model {model!r}"
    return ConfigError("history", found, expected=", ".join(names[:20]), fix=fix)
