"""A model over time: one value a bundle, and where the level changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from edgebuild.core.history import Point, Series
from edgebuild.core.metric import METRICS
from edgebuild.core.units import Unit
from edgebuild.core.verdict import Outcome
from edgebuild.report.html.page import Chart, Column, Section, Table
from edgebuild.report.html.plot import framed
from edgebuild.report.html.samples import evenly
from edgebuild.report.html.scales import Axis, axis_of
from edgebuild.report.html.svg import circle, line, path, shape, stretched, text
from edgebuild.report.html.words import DASH, bounds_text, plural, short_digest, shown

_HEIGHT = 200
_POINTS = 600
_CROSS, _DIAMOND = "M-4-4L4 4M4-4L-4 4", "M0-5.5L5 0L0 5.5L-5 0Z"


def history_section(prefix: str, series: Sequence[Series]) -> Section | None:
    """None where there is no series of points."""
    charts = [_chart(f"{prefix}history{i}", each) for i, each in enumerate(series) if each.points]
    lead = "A point a bundle, in the order of their first runs; a dashed line where the level changed."
    return Section(f"{prefix}history", "History", lead, tuple(charts)) if charts else None


def _chart(id_: str, series: Series) -> Chart:
    unit = METRICS[series.metric].unit if series.metric in METRICS else Unit.RATIO
    drawn = evenly(list(enumerate(series.points)), _POINTS)
    ends = [end for _, p in drawn for end in (p.low, p.value, p.high) if end is not None]
    y = axis_of(ends, series.metric, unit, count=4)
    x = _dates(series.points)
    marks = [stretched(_HEIGHT, [path([(x.x(i), y.y(p.value, _HEIGHT)) for i, p in drawn], "trace a")])]
    marks += _levels(series, x, y, unit)
    for i, point in drawn:
        marks += _point(x.x(i), point, y, unit)
    few = f" {len(drawn)} of {len(series.points):,} points are drawn." if len(drawn) < len(series.points) else ""
    told = "; ".join(
        f"{each.at[:10]}: {shown(each.before, unit)} before, {shown(each.after, unit)} after" for each in series.changes
    )
    levels = plural(len(series.changes), "change")
    return Chart(
        id=id_, title=f"{series.metric}: {series.model}, {series.precision} for {series.target} on {series.device}",
        height=_HEIGHT, marks=framed(_HEIGHT, marks, x, y), wide=True,
        desc=f"{plural(len(series.points), 'bundle')}; {levels} of level. {told}".rstrip(),
        note=f"{f'The level changed: {told}.' if told else 'No change of level was found.'}{few}",
        legend=(("dot a", "passed"), ("cross", "failed"), ("diamond", "inconclusive"), ("dot hollow", "not judged")),
        table=_table(series, unit),
    )  # fmt: skip


def _dates(points: Sequence[Point]) -> Axis:
    """By place and not by time: releases come in bursts."""
    last = max(len(points) - 1, 1)
    places = sorted({0, last // 2, last}) if len(points) > 1 else [0]
    ticks = tuple((float(i), points[i].at[:10]) for i in places if i < len(points))
    return Axis("", -0.04 * last, 1.04 * last, ticks)


def _levels(series: Series, x: Axis, y: Axis, unit: Unit) -> Iterable[str]:
    """Each level's median, and an upright line where one ends."""
    edges = [0, *(each.index for each in series.changes), len(series.points) - 1]
    values = [each.before for each in series.changes[:1]] + [each.after for each in series.changes]
    for (first, last), value in zip(pairwise(edges), values, strict=False):
        yield line(x.x(first), y.y(value, _HEIGHT), x.x(last), y.y(value, _HEIGHT), "level")
    for each in series.changes:
        at = x.x(each.index - 0.5)
        words = f"{100 * (each.after / each.before - 1):+.1f} %" if each.before else shown(each.after, unit)
        yield line(at, 0, at, _HEIGHT, "changed")
        yield text(at, 10, words, "tick strong halo", "end" if at > 60 else "start", -5 if at > 60 else 5)


def _point(at: float, point: Point, y: Axis, unit: Unit) -> Iterable[str]:
    place = y.y(point.value, _HEIGHT)
    if point.low is not None and point.high is not None:
        yield line(at, y.y(point.low, _HEIGHT), at, y.y(point.high, _HEIGHT), "whisker a")
    hint = f"{point.at[:10]} {short_digest(point.bundle)}: {shown(point.value, unit)}"
    if point.outcome is Outcome.FAIL:
        yield shape(at, place, _CROSS, "cross", hint)
    elif point.outcome is Outcome.INCONCLUSIVE:
        yield shape(at, place, _DIAMOND, "diamond", hint)
    else:
        yield circle(at, place, 4, "dot a" if point.outcome else "dot hollow", hint)


def _table(series: Series, unit: Unit) -> Table:
    columns = (
        Column("first run"), Column("bundle", "code"), Column("value", "number"), Column("bounds", "number"),
        Column("runs", "number"), Column("verdict", "word"),
    )  # fmt: skip
    rows = tuple(
        (p.at, short_digest(p.bundle), shown(p.value, unit), bounds_text(p.low, p.high, unit) or DASH, f"{p.runs:,}",
         p.outcome.value if p.outcome else "")
        for p in series.points[-_POINTS:]
    )  # fmt: skip
    return Table(f"Points of {series.metric}", columns, rows, "Every point in numbers")
