"""Accuracy against latency and size, over every variant and candidate of the bundles; the Pareto front marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from edgebuild.core.units import Unit
from edgebuild.report.html.candidates import Candidate, candidates_of
from edgebuild.report.html.page import Chart, Column, Section, Table
from edgebuild.report.html.plot import framed
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.scales import Axis, axis_of, log_axis_of
from edgebuild.report.html.svg import circle, line, shape, stretched, text
from edgebuild.report.html.svg import path as drawn_path
from edgebuild.report.html.words import plural, shown

_HEIGHT = 240
_NAMED = 8
_CROSS = "M-4-4L4 4M4-4L-4 4"
_LEGEND = (
    ("dot a", "offered, on the front"), ("dot hollow", "offered"), ("cross", "rejected"),
    ("dashes front", "Pareto front"),
)  # fmt: skip
Place = tuple[Candidate, float, float]
"""A candidate, its cost and its score."""


def frontier_section(prefix: str, told: Sequence[Reported]) -> Section | None:
    """None where fewer than two candidates can be compared.

    Scores are compared only of the same metric on the same data, and latencies only of the same device.
    """
    groups: dict[tuple[str, str, str], list[Candidate]] = {}
    for each in candidates_of(told):
        groups.setdefault((each.model, each.quality.metric, each.quality.dataset), []).append(each)
    charts: list[Chart] = []
    for number, found in enumerate(groups.values()):
        charts += _charts(f"{prefix}front{number}", found)
    lead = "Every variant and every candidate that was built. On the Pareto front is what nothing else beats in both."
    return (
        Section(f"{prefix}front", "Accuracy against latency and size", lead, (*charts, _table(groups)))
        if charts
        else None
    )


def _charts(id_: str, found: Sequence[Candidate]) -> list[Chart]:
    first = found[0]
    score = f"{first.quality.metric}, % of {plural(first.quality.samples, 'sample')}"
    charts = []
    for number, device in enumerate(dict.fromkeys(device for each in found for device in each.latency)):
        places = _places(found, lambda each, device=device: each.latency.get(device))  # type: ignore[misc]
        title = f"{first.model}: latency on {device}"
        charts.append((f"{id_}-time{number}", title, places, "median latency", Unit.NANOSECOND))
    charts.append((f"{id_}-size", f"{first.model}: size", _places(found, lambda each: each.size), "size", Unit.BYTE))
    return [_chart(*each, score) for each in charts if len({place[1:] for place in each[2]}) > 1]


def _places(found: Iterable[Candidate], cost: Callable[[Candidate], float | None]) -> list[Place]:
    return [
        (each, value, each.quality.value) for each in found if (value := cost(each)) and each.quality.value is not None
    ]


def front_of(places: Sequence[Place]) -> list[Place]:
    """Those that no other beats in one of cost and score without being worse in the other, by rising cost."""
    kept: list[Place] = []
    for each in sorted(places, key=lambda place: (place[1], -place[2])):
        if not kept or each[2] > kept[-1][2]:
            kept.append(each)
    return kept


def _chart(id_: str, title: str, places: Sequence[Place], cost: str, unit: Unit, score: str) -> Chart:
    costs = [value for _, value, _ in places]
    x = log_axis_of(costs, cost, unit) if max(costs) > 12 * min(costs) else axis_of(costs, cost, unit, count=4)
    ends = [end for each, _, value in places for end in (each.quality.low, value, each.quality.high) if end is not None]
    y = axis_of(ends, score, Unit.RATIO, count=4)
    y = Axis(score, y.low, y.high, y.ticks)
    front = front_of(places)
    marks = [stretched(_HEIGHT, [drawn_path(_steps(front, x, y), "front")])]
    for place in places:
        marks += _point(place, x, y, best=place in front)
    best = ", ".join(f"{each.label} ({score_text(each)}, {shown(value, unit)})" for each, value, _ in front)
    return Chart(
        id=id_, title=title, height=_HEIGHT, marks=framed(_HEIGHT, marks, x, y),
        desc=f"{plural(len(places), 'candidate')}. On the Pareto front: {best}.",
        note="Whiskers: the score's own 95 % interval; on the same samples, differences are surer.", key=_key(places),
        legend=_LEGEND,
    )  # fmt: skip


def _steps(front: Sequence[Place], x: Axis, y: Axis) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for _, cost, value in front:
        points += [(x.x(cost), points[-1][1])] if points else []
        points.append((x.x(cost), y.y(value, _HEIGHT)))
    return [*points, (100, points[-1][1])]


def _point(drawn: Place, x: Axis, y: Axis, *, best: bool) -> list[str]:
    each, cost, value = drawn
    at, place = x.x(cost), y.y(value, _HEIGHT)
    marks = []
    if each.quality.low is not None and each.quality.high is not None:
        marks.append(line(at, y.y(each.quality.low, _HEIGHT), at, y.y(each.quality.high, _HEIGHT), "whisker beside"))
    hint = f"{each.label}: {score_text(each)}{f'; {each.rejected}' if each.rejected else ''}"
    if each.rejected:
        marks.append(shape(at, place, _CROSS, "cross best" if best else "cross", hint))
    else:
        marks.append(circle(at, place, 5, "dot a" if best else "dot hollow", hint))
    anchor, dx = ("end", -7) if at > 90 else ("start", 7)
    marks.append(text(at, place - 6, str(each.number), "tick strong halo", anchor, dx))
    return marks


def _key(places: Sequence[Place]) -> tuple[tuple[str, str], ...]:
    """What the numbers stand for, where there are few; the table names them all."""
    return tuple((str(each.number), each.label) for each, _, _ in places) if len(places) <= _NAMED else ()


def score_text(each: Candidate) -> str:
    """A candidate's score."""
    return f"{each.quality.value:.2f}\u00a0%"


def _table(groups: dict[tuple[str, str, str], list[Candidate]]) -> Table:
    columns = (
        Column("candidate"), Column("model"), Column("metric"), Column("score", "number"),
        Column("95 % interval", "number"), Column("samples", "number"), Column("size", "number"),
        Column("median latency", "number"), Column("rejected because", "prose"),
    )  # fmt: skip
    rows = tuple(_row(each) for found in groups.values() for each in found)
    return Table("Every variant and candidate", columns, rows, "Every candidate in numbers")


def _row(each: Candidate) -> tuple[str, ...]:
    quality = each.quality
    interval = "" if quality.low is None or quality.high is None else f"{quality.low:.1f} to {quality.high:.1f}"
    times = "; ".join(f"{shown(ns, Unit.NANOSECOND)} on {device}" for device, ns in each.latency.items())
    names = (f"{each.number} {each.label}", each.model, quality.metric)
    score = (score_text(each), interval, f"{quality.samples:,}")
    return *names, *score, shown(each.size, Unit.BYTE), times, each.rejected
