"""Pairs of runs, a baseline's and this bundle's: the change of each pair against the limit."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low

from edgebuild.core.metric import Mode
from edgebuild.core.units import Unit
from edgebuild.core.verdict import Line
from edgebuild.judge.pairs import changes, counting, pairs_of
from edgebuild.report.html.page import Chart, Column, Section, Table
from edgebuild.report.html.plot import framed
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.samples import evenly
from edgebuild.report.html.scales import Axis, axis_of
from edgebuild.report.html.svg import circle, line, rect, shape, text
from edgebuild.report.html.words import bounds_text, plural, short_digest, shown

_HEIGHT = 210
_DRAWN = 400
_BOUNDS = ("swatch bounds", "bounds of the median")
_USUAL = 0.95
PERCENT = Unit.PERCENT


def changes_section(prefix: str, told: Reported) -> Section | None:
    """None where nothing was held against a baseline by pairs."""
    verdict = told.verdict
    if verdict is None or verdict.baseline is None:
        return None
    lines = [line for line in verdict.lines if line.budget.definition.change and line.budget.definition.quantile]
    turns = verdict.baseline.key.workload == "by_turns"
    pairs = counting(pairs_of(told.runs(Mode.TURNS if turns else Mode.LATENCY), verdict.baseline.runs))
    charts = [
        _chart(f"{prefix}{line.budget.metric}", line, values)
        for line in lines
        if (values := changes(line.budget.definition, pairs))
    ]
    baseline = short_digest(verdict.baseline.key.bundle)
    how = "in turns of a few hundredths of a second" if turns else "one right after the other"
    lead = f"Held against bundle {baseline}: a pair is a run of each, {how}, which of them first drawn by lot."
    return Section(f"{prefix}change", "Change from the baseline", lead, tuple(charts)) if charts else None


def _chart(id_: str, judged: Line, values: Sequence[float]) -> Chart:
    drawn = evenly(list(enumerate(values, 1)), _DRAWN)
    limit = judged.budget.limit
    y = _axis([value for _, value in drawn], [limit, *(v for v in (judged.low, judged.high) if v is not None)])
    step = 100 / len(drawn)
    marks = []
    if judged.low is not None and judged.high is not None:
        top, bottom = (y.y(value, _HEIGHT) for value in (judged.high, judged.low))
        marks.append(rect(0, min(top, bottom), 100, max(abs(bottom - top), 1), "bounds"))
    marks.append(line(0, y.y(0, _HEIGHT), 100, y.y(0, _HEIGHT), "zero"))
    marks.append(line(0, y.y(limit, _HEIGHT), 100, y.y(limit, _HEIGHT), "limit"))
    marks.append(text(100, y.y(limit, _HEIGHT) - 5, f"limit {shown(limit, PERCENT)}", "tick strong halo", "end"))
    marks += [_point((i + 0.5) * step, number, value, limit, y) for i, (number, value) in enumerate(drawn)]
    marks.append(text(100, _HEIGHT + 16, "pairs in the order they were made", "axis", "end"))
    above = sum(value > limit for value in values)
    found = f"{above} of {plural(len(values), 'pair')} above the limit of {shown(limit, PERCENT)}"
    outside = sum(not y.low <= value <= y.high for _, value in drawn)
    rest = f" {plural(outside, 'pair')} beyond the drawing, at its edge." if outside else ""
    few = f" {len(drawn)} of them are drawn, evenly spread." if len(drawn) < len(values) else ""
    middle = f"median {shown(median_low(values), PERCENT)}"
    bounds = bounds_text(judged.low, judged.high, PERCENT)
    return Chart(
        id=id_, title=judged.budget.metric, height=_HEIGHT, marks=framed(_HEIGHT, marks, None, y), wide=True,
        desc=f"{found}; {middle}{f', bounds {bounds}' if bounds else ''}.",
        note=f"{found}; {middle}. The shaded band is what the median may be.{few}{rest}",
        legend=(("dot a", "at or below the limit"), ("dot over-limit", "above it"), _BOUNDS),
        table=Table("Pairs", (Column("pair", "number"), Column("change", "number")),
                    tuple((str(number), shown(value, PERCENT)) for number, value in drawn), "Every pair in numbers"),
    )  # fmt: skip


def _axis(values: Sequence[float], always: Sequence[float]) -> Axis:
    """As high as the usual pairs need: a single one may be ten times off."""
    ordered = sorted(values)
    low = ordered[int((1 - _USUAL) * (len(ordered) - 1))]
    high = ordered[int(_USUAL * (len(ordered) - 1))]
    return axis_of([low, high, *always], "change", PERCENT, zero=True)


def _point(at: float, number: int, value: float, limit: float, y: Axis) -> str:
    css = "over-limit" if value > limit else "a"
    hint = f"pair {number}: {shown(value, PERCENT)}"
    if value > y.high:
        return shape(at, 2, "M0-5L4 2L-4 2Z", f"dot {css}", hint)
    if value < y.low:
        return shape(at, _HEIGHT - 2, "M0 5L4-2L-4-2Z", f"dot {css}", hint)
    return circle(at, y.y(value, _HEIGHT), 3.5, f"dot {css}", hint)
