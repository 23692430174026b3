"""Latency: every run's own percentiles beside each other, in the order the runs were made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from edgebuild.core.metric import METRICS, Budget, Metric, Mode
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
_PACES = {
    Mode.LATENCY: "", Mode.TURNS: ", in turns with the baseline", Mode.BURST: ", in bursts",
    Mode.DUTY: ", one at a time", Mode.SUSTAINED: ", sustained", Mode.END_TO_END: ", end to end",
}  # fmt: skip
_SIDES = {"a": "baseline", "b": "of a pair", "": "alone"}


def latency_section(prefix: str, told: Reported) -> Section | None:
    """None where no run tells a time."""
    charts = [chart for mode in _PACES for chart in _charts(f"{prefix}{mode.value}-", mode, told)]
    lead = (
        "A run is a fresh process and the unit of evidence: a budget is on the median over all runs' own percentiles."
    )
    return Section(f"{prefix}latency", "Latency", lead, tuple(charts)) if charts else None


def _charts(id_: str, mode: Mode, told: Reported) -> list[Chart]:
    """Of the runs of one mode, if there are some."""
    runs = told.runs(mode)
    found = spreads(runs)
    if not found:
        return []
    budgets = [line.budget for line in told.verdict.lines] if told.verdict else []
    limits = [each for each in budgets if each.definition.mode is mode and _is_percentile(each.definition)]
    pace = _PACES[mode]
    counted = [each.run for each in found if not each.run.outside]
    return [
        _runs_chart(f"{id_}runs", f"Runs{pace}", found, limits, mode),
        *spread_chart(f"{id_}spread", f"Spread of all inferences{pace}", counted, limits),
        *trace_chart(f"{id_}trace", f"Inferences over time{pace}", [run for run in runs if run.samples_ns]),
    ]


def _is_percentile(metric: Metric) -> bool:
    return metric.quantile is not None and not metric.change


def _runs_chart(id_: str, title: str, found: Sequence[Spread], limits: Sequence[Budget], mode: Mode) -> Chart:
    drawn = evenly(found, _RUNS)
    axis = _axis(drawn, limits)
    marks, beyond = limits_across(axis, limits, _HEIGHT)
    step = 100 / len(drawn)
    for place, each in enumerate(drawn):
        marks += _run((place + 0.5) * step, each, axis)
    marks += _numbers(drawn)
    medians = [each.at[50] for each in found]
    few = f" {len(drawn)} of {plural(len(found), 'run')} are drawn, evenly spread." if len(drawn) < len(found) else ""
    return Chart(
        id=id_, title=title, height=_HEIGHT, marks=framed(_HEIGHT, marks, None, axis),
        desc=f"{plural(len(found), 'run')}, their medians from {shown(min(medians), NS)} to {shown(max(medians), NS)}.",
        note=f"Of each run the 5th to 95th percentile, the median and the 90th.{few}{beyond}",
        legend=(("dot a", "median"), ("tick-mark a", "90th percentile"), *_states(found)), table=_table(found, mode),
    )  # fmt: skip


def _numbers(drawn: Sequence[Spread]) -> Iterator[str]:
    """Which run is which, below every few of them."""
    step = 100 / len(drawn)
    for place in range(0, len(drawn), max(1, len(drawn) // 5)):
        yield text((place + 0.5) * step, _HEIGHT + 16, str(drawn[place].number), "tick", "middle")
    yield text(100, _HEIGHT + 32, "runs in the order they were made", "axis", "end")


def _axis(drawn: Sequence[Spread], limits: Iterable[Budget]) -> Axis:
    """As high as the usual runs need; limits that are near are held inside."""
    tops = sorted(max(each.at.values()) for each in drawn)
    usual = 1.1 * min(tops[int(0.9 * (len(tops) - 1))], 3 * tops[len(tops) // 2])
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


def _table(found: Sequence[Spread], mode: Mode) -> Table:
    told = Mode.LATENCY if mode is Mode.TURNS else mode
    metrics = [each for each in METRICS.values() if each.mode is told and not each.change]
    columns = [Column("run", "number"), Column("side"), *(Column(metric.name, "number") for metric in metrics)]
    columns += [Column("samples", "number"), Column("why not counted, or unsteady", "prose")]
    rows = [_row(each, metrics) for each in evenly(found, _TABLE_ROWS)]
    few = f", {_TABLE_ROWS} of {len(found):,}" if len(found) > _TABLE_ROWS else ""
    return Table(f"Runs of this bundle{_PACES[mode]}{few}", tuple(columns), tuple(rows), "Every run in numbers")


def _row(each: Spread, metrics: Sequence[Metric]) -> tuple[str, ...]:
    values = [shown(value_of(metric, each.run), metric.unit) for metric in metrics]
    why = "; ".join(each.run.outside) or ("" if each.run.steady else "drifted")
    return str(each.number), _SIDES[each.run.side], *values, f"{len(each.run.samples_ns):,}", why
