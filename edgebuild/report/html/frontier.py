"""Accuracy against latency and against size, over every variant and candidate of the bundles; the Pareto front marked."""

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
_LABELLED = 8
_CROSS = "M-4-4L4 4M4-4L-4 4"
Place = tuple[Candidate, float, float]
"""A candidate, its cost and its score."""


def frontier_section(prefix: str, told: Sequence[Reported]) -> Section | None:
    """None where fewer than two candidates can be compared.

    Scores are compared only of the same metric on the same data, and latencies only of the same device.
    """
    groups: dict[tuple[str, str], list[Candidate]] = {}
    for each in candidates_of(told):
        groups.setdefault((each.quality.metric, each.quality.dataset), []).append(each)
    charts: list[Chart] = []
    for number, ((metric, _), found) in enumerate(groups.items()):
        charts += _charts(f"{prefix}front{number}", metric, found) if len(found) > 1 else []
    lead = "Every variant and every candidate that was built. On the Pareto front is what nothing else beats in both."
    return (
        Section(f"{prefix}front", "Accuracy against latency and size", lead, (*charts, _table(groups)))
        if charts
        else None
    )


def _charts(id_: str, metric: str, found: Sequence[Candidate]) -> list[Chart]:
    samples = found[0].quality.samples
    score = f"{metric}, % of {plural(samples, 'sample')}"
    made = []
    for number, device in enumerate(dict.fromkeys(device for each in found for device in each.latency)):
        places = _places(found, lambda each, device=device: each.latency.get(device))  # type: ignore[misc]
        if len(places) > 1:
            made.append(
                _chart(
                    f"{id_}-time{number}",
                    f"Against latency on {device}",
                    places,
                    "median latency",
                    Unit.NANOSECOND,
                    score,
                )
            )
    places = _places(found, lambda each: each.size)
    return [*made, _chart(f"{id_}-size", "Against size", places, "size", Unit.BYTE, score)] if len(places) > 1 else made


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
    for number, (each, value, high) in enumerate(places):
        marks += _point(number, each, x.x(value), y, high, (each, value, high) in front, len(places))
    best = ", ".join(f"{each.label} ({score_text(each)}, {shown(value, unit)})" for each, value, _ in front)
    return Chart(
        id=id_, title=title, height=_HEIGHT, marks=framed(_HEIGHT, marks, x, y),
        desc=f"{plural(len(places), 'candidate')}. On the Pareto front: {best}.",
        note="Whiskers are the score's own 95 % interval; candidates on the same samples differ by less than they suggest.",
        legend=(("dot a", "offered, on the front"), ("dot hollow", "offered"), ("cross", "rejected")),
    )  # fmt: skip


def _steps(front: Sequence[Place], x: Axis, y: Axis) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for _, cost, value in front:
        points += [(x.x(cost), points[-1][1])] if points else [(x.x(cost), _HEIGHT)]
        points.append((x.x(cost), y.y(value, _HEIGHT)))
    return [*points, (100, points[-1][1])]


def _point(number: int, each: Candidate, at: float, y: Axis, value: float, best: bool, count: int) -> list[str]:
    place = y.y(value, _HEIGHT)
    marks = []
    if each.quality.low is not None and each.quality.high is not None:
        marks.append(line(at, y.y(each.quality.low, _HEIGHT), at, y.y(each.quality.high, _HEIGHT), "whisker beside"))
    hint = f"{each.label}: {score_text(each)}{f'; {each.rejected}' if each.rejected else ''}"
    if each.rejected:
        marks.append(shape(at, place, _CROSS, "cross best" if best else "cross", hint))
    else:
        marks.append(circle(at, place, 5, "dot a" if best else "dot hollow", hint))
    if count <= _LABELLED:
        side = ("end", -9) if at > 55 else ("start", 9)
        marks.append(text(at, place + 4, _label(each), "tick halo", *side))
    return marks


def _label(each: Candidate) -> str:
    return f"{each.bundle} {each.precision}"


def score_text(each: Candidate) -> str:
    """A candidate's score."""
    return f"{each.quality.value:.2f}\u00a0%"


def _table(groups: dict[tuple[str, str], list[Candidate]]) -> Table:
    columns = (
        Column("candidate"), Column("metric"), Column("score", "number"), Column("95 % interval", "number"),
        Column("samples", "number"), Column("size", "number"), Column("median latency", "number"), Column("rejected because"),
    )  # fmt: skip
    rows = tuple(_row(each) for found in groups.values() for each in found)
    return Table("Every variant and candidate", columns, rows, "Every candidate in numbers")


def _row(each: Candidate) -> tuple[str, ...]:
    quality = each.quality
    interval = "" if quality.low is None or quality.high is None else f"{quality.low:.1f} to {quality.high:.1f}"
    times = "; ".join(f"{shown(ns, Unit.NANOSECOND)} on {device}" for device, ns in each.latency.items())
    size = shown(each.size, Unit.BYTE)
    return each.label, quality.metric, score_text(each), interval, f"{quality.samples:,}", size, times, each.rejected
