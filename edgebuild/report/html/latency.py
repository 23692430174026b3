"""Latency: every run's own percentiles beside each other, in the order the runs were made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgebuild.core.metric import METRICS, Budget, Mode
from edgebuild.core.units import Unit
from edgebuild.judge.runs import value_of
from edgebuild.report.html.page import Chart, Column, Section, Table
from edgebuild.report.html.plot import framed, limits_across
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.samples import Spread, evenly, spreads
from edgebuild.report.html.scales import Axis, axis_of
from edgebuild.report.html.spread import spread_chart
from edgebuild.report.html.svg import circle, line, shape, text
from edgebuild.report.html.traces import trace_chart
from edgebuild.report.html.words import plural, shown

NS = Unit.NANOSECOND
_RUNS = 80
_HEIGHT = 200
_TABLE_ROWS = 500
_COLUMNS = ("latency_p50", "latency_p90", "latency_p99", "cold_start", "first_inference")
_SIDES = {"a": "baseline", "b": "of a pair", "": "alone"}


def latency_section(prefix: str, told: Reported) -> Section | None:
    """None where no latency run tells anything."""
    runs = told.runs(Mode.LATENCY)
    found = spreads(runs)
    if not found:
        return None
    limits = [line.budget for line in told.verdict.lines if _is_latency(line.budget)] if told.verdict else []
    counted = [each.run for each in found if not each.run.outside]
    charts = [
        _runs_chart(f"{prefix}runs", found, limits),
        *spread_chart(f"{prefix}spread", counted, limits),
        *trace_chart(f"{prefix}trace", [run for run in runs if run.samples_ns]),
    ]
    lead = (
        "A run is a fresh process, and the unit of evidence. A budget is on the median over all runs' own percentiles."
    )
    return Section(f"{prefix}latency", "Latency", lead, tuple(charts))


def _is_latency(budget: Budget) -> bool:
    return budget.definition.quantile is not None and not budget.definition.change


def _runs_chart(id_: str, found: Sequence[Spread], limits: Sequence[Budget]) -> Chart:
    drawn = evenly(found, _RUNS)
    axis = _axis(drawn, limits)
    marks, beyond = limits_across(axis, limits, _HEIGHT)
    step = 100 / len(drawn)
    for place, each in enumerate(drawn):
        marks += _run((place + 0.5) * step, each, axis)
    every = max(1, len(drawn) // 5)
    marks += [
        text((place + 0.5) * step, _HEIGHT + 16, str(drawn[place].number), "tick", "middle")
        for place in range(0, len(drawn), every)
    ]
    marks.append(text(100, _HEIGHT + 32, "runs in the order they were made", "axis", "end"))
    medians = [each.at[50] for each in found]
    few = f" {len(drawn)} of {plural(len(found), 'run')} are drawn, evenly spread." if len(drawn) < len(found) else ""
    return Chart(
        id=id_, title="Runs", height=_HEIGHT, marks=framed(_HEIGHT, marks, None, axis),
        desc=f"{plural(len(found), 'run')}, their medians from {shown(min(medians), NS)} to {shown(max(medians), NS)}.",
        note=f"Of each run the 5th to 95th percentile, the median and the 90th.{few}{beyond}",
        legend=(("dot a", "median"), ("tick-mark a", "90th percentile"), *_states(found)), table=_table(found),
    )  # fmt: skip


def _axis(drawn: Sequence[Spread], limits: Iterable[Budget]) -> Axis:
    """As high as the usual runs need; limits that are near are held inside."""
    tops = sorted(max(each.at.values()) for each in drawn)
    usual = tops[int(0.9 * (len(tops) - 1))] * 1.1
    near = [budget.limit for budget in limits if budget.limit <= 1.7 * usual]
    return axis_of([min(min(each.at.values()) for each in drawn), usual, *near], "time of one inference", NS)


def _states(found: Sequence[Spread]) -> list[tuple[str, str]]:
    states = {_state(each) for each in found}
    names = {"unsteady": "its inferences drifted", "outside": "outside the profile's conditions: not counted"}
    return [(f"dot {state}", words) for state, words in names.items() if state in states]


def _state(each: Spread) -> str:
    return "outside" if each.run.outside else "a" if each.run.steady else "unsteady"


def _run(x: float, each: Spread, axis: Axis) -> list[str]:
    css, at = _state(each), each.at
    told = ", ".join(f"p{percent} {shown(value, NS)}" for percent, value in at.items())
    hint = f"run {each.number}: {told}"
    marks: list[str] = []
    if 5 in at and 95 in at:
        marks.append(line(x, axis.y(at[5], _HEIGHT), x, axis.y(at[95], _HEIGHT), f"whisker {css}"))
    if 90 in at and at[90] <= axis.high:
        marks.append(shape(x, axis.y(at[90], _HEIGHT), "M-3 0H3", f"tick-mark {css}"))
    if max(at.values()) > axis.high:
        marks.append(shape(x, 0, "M0-6L3.5 0L-3.5 0Z", f"dot {css}", hint))
    return [*marks, circle(x, axis.y(at[50], _HEIGHT), 3, f"dot {css}", hint)]


def _table(found: Sequence[Spread]) -> Table:
    metrics = [METRICS[name] for name in _COLUMNS]
    columns = [Column("run", "number"), Column("side"), *(Column(metric.name, "number") for metric in metrics)]
    columns += [Column("samples", "number"), Column("why not counted, or unsteady", "prose")]
    rows = [
        (
            str(each.number), _SIDES[each.run.side], *(shown(value_of(metric, each.run), NS) for metric in metrics),
            f"{len(each.run.samples_ns):,}", "; ".join(each.run.outside) or ("" if each.run.steady else "drifted"),
        )
        for each in evenly(found, _TABLE_ROWS)
    ]  # fmt: skip
    few = f", {_TABLE_ROWS} of {len(found):,}" if len(found) > _TABLE_ROWS else ""
    return Table(f"Runs of this bundle{few}", tuple(columns), tuple(rows), "Every run in numbers")
