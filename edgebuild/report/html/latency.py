"""Latency: every run's own percentiles beside each other, and how the inferences of all runs are spread."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from edgebuild.core.metric import METRICS, Budget, Mode
from edgebuild.core.units import Unit
from edgebuild.judge.order_statistics import percentile
from edgebuild.judge.runs import value_of
from edgebuild.report.html.page import Chart, Column, Section, Table
from edgebuild.report.html.plot import framed, limit_line
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.samples import Spread, evenly, spreads
from edgebuild.report.html.scales import Axis, axis_of
from edgebuild.report.html.svg import circle, line, rect, text
from edgebuild.report.html.traces import trace_chart
from edgebuild.report.html.words import plural, shown

NS = Unit.NANOSECOND
_ROWS = 60
_BINS = 60
_ROW = 9
_TABLE_ROWS = 500
_SHOWN_SHARE = 0.995


def latency_section(prefix: str, told: Reported) -> Section | None:
    """None where no latency run tells anything."""
    runs = told.runs(Mode.LATENCY)
    found = spreads(runs)
    if not found:
        return None
    limits = [line.budget for line in told.verdict.lines if _is_latency(line.budget)] if told.verdict else []
    counted = [each for each in found if not each.run.outside]
    charts = [
        _runs_chart(f"{prefix}runs", found, limits),
        *_spread_chart(f"{prefix}spread", counted, limits),
        *trace_chart(f"{prefix}trace", [run for run in runs if run.samples_ns]),
    ]
    lead = "The unit of evidence is the run, a fresh process: a budget is on the median over runs of each run's own percentile."
    return Section(f"{prefix}latency", "Latency", lead, tuple(charts))


def _is_latency(budget: Budget) -> bool:
    return budget.definition.quantile is not None and not budget.definition.change


def _limits(axis: Axis, limits: Iterable[Budget], height: float) -> tuple[list[str], str]:
    """Lines for the limits on an axis, and words on those that lie beyond it."""
    marks, beyond = [], []
    for budget in limits:
        name = f"p{100 * (budget.definition.quantile or 0):g} ≤ {shown(budget.limit, NS)}"
        if axis.low < budget.limit < axis.high:
            marks.append(limit_line(axis.x(budget.limit), height, name, len(marks)))
        else:
            beyond.append(name)
    return marks, f" Beyond the drawing: the limit {', '.join(beyond)}." if beyond else ""


def _near(limits: Iterable[Budget], top: float) -> list[float]:
    """The limits that are near enough to what was measured to be drawn beside it."""
    return [budget.limit for budget in limits if budget.limit <= 1.6 * top]


def _runs_chart(id_: str, found: Sequence[Spread], limits: Sequence[Budget]) -> Chart:
    drawn = evenly(found, _ROWS)
    height = _ROW * len(drawn) + 8
    ends = [value for each in drawn for value in each.at.values()]
    axis = axis_of([*ends, *_near(limits, max(ends))], "time of one inference", NS)
    marks, beyond = _limits(axis, limits, height)
    for row, each in enumerate(drawn):
        marks += _row(axis, each, 8 + row * _ROW)
    labelled = range(0, len(drawn), max(1, len(drawn) // 8))
    marks += [text(0, 12 + row * _ROW, str(drawn[row].number), "tick", "end", -8) for row in labelled]
    medians = [each.at[50] for each in found]
    few = f" {len(drawn)} of {plural(len(found), 'run')} are drawn, evenly spread." if len(drawn) < len(found) else ""
    return Chart(
        id=id_, title="Runs", height=height, marks=framed(height, marks, axis),
        desc=f"{plural(len(found), 'run')}, their medians from {shown(min(medians), NS)} to {shown(max(medians), NS)}.",
        note=f"A row a run, in the order they were made: 5th to 95th percentile, median, and 90th.{few}{beyond}",
        legend=(("dot a", "median"), ("tick-mark a", "90th percentile"), *_states(found)), table=_runs_table(found),
    )  # fmt: skip


def _states(found: Sequence[Spread]) -> list[tuple[str, str]]:
    states = {_state(each) for each in found}
    names = {"unsteady": "its inferences drifted", "outside": "outside the profile's conditions: not counted"}
    return [(f"dot {state}", words) for state, words in names.items() if state in states]


def _state(each: Spread) -> str:
    return "outside" if each.run.outside else "a" if each.run.steady else "unsteady"


def _row(axis: Axis, each: Spread, y: float) -> list[str]:
    css, at = _state(each), each.at
    told = ", ".join(f"p{percent} {shown(value, NS)}" for percent, value in at.items())
    marks = []
    if 5 in at and 95 in at:
        marks.append(line(axis.x(at[5]), y, axis.x(at[95]), y, f"whisker {css}"))
    if 90 in at:
        marks.append(line(axis.x(at[90]), y - 3, axis.x(at[90]), y + 3, f"tick-mark {css}"))
    return [*marks, circle(axis.x(at[50]), y, 3, f"dot {css}", f"run {each.number}: {told}")]


def _runs_table(found: Sequence[Spread]) -> Table:
    metrics = [METRICS[name] for name in ("latency_p50", "latency_p90", "latency_p99", "cold_start", "first_inference")]
    columns = [Column("run", "number"), Column("side"), *(Column(metric.name, "number") for metric in metrics)]
    rows = [
        (
            str(each.number), {"a": "baseline", "b": "of a pair"}.get(each.run.side, "alone"),
            *(shown(value_of(metric, each.run), NS) for metric in metrics), f"{len(each.run.samples_ns):,}",
            "; ".join(each.run.outside) or ("" if each.run.steady else "drifted"),
        )
        for each in evenly(found, _TABLE_ROWS)
    ]  # fmt: skip
    columns += [Column("samples", "number"), Column("why not counted, or unsteady")]
    return Table("Runs of this bundle", tuple(columns), tuple(rows), "Every run in numbers")


def _spread_chart(id_: str, counted: Sequence[Spread], limits: Sequence[Budget]) -> list[Chart]:
    """A histogram; none where runs tell percentiles instead of samples."""
    pooled = sorted(sample for each in counted for sample in each.run.samples_ns)
    if not pooled:
        return []
    height, top = 190, pooled[min(len(pooled) - 1, int(_SHOWN_SHARE * len(pooled)))]
    axis = axis_of([pooled[0], top], "time of one inference", NS)
    edges = [axis.low + (axis.high - axis.low) * i / _BINS for i in range(_BINS + 1)]
    below = [bisect_right(pooled, edge) for edge in edges]
    shares = [100 * (after - before) / len(pooled) for before, after in zip(below, below[1:], strict=False)]
    y = axis_of(shares, "%", Unit.RATIO, zero=True, count=4)
    y = Axis("% of inferences", y.low, y.high, y.ticks)
    marks = [
        rect(axis.x(edges[i]), y.y(share, height), 100 / _BINS - 0.2, height - y.y(share, height), "bar a",
             f"{shown(edges[i], NS)} to {shown(edges[i + 1], NS)}: {share:.2g} %")
        for i, share in enumerate(shares) if share
    ]  # fmt: skip
    told = {percent: percentile(pooled, percent / 100) for percent in (50, 90, 99)}
    marks += _percentile_marks(axis, told, height)
    drawn, beyond = _limits(axis, limits, height)
    tail = len(pooled) - bisect_right(pooled, axis.high)
    rest = f" {plural(tail, 'inference')} took longer, the slowest {shown(pooled[-1], NS)}." if tail else ""
    words = ", ".join(f"p{percent} {shown(value, NS)}" for percent, value in told.items())
    return [Chart(
        id=id_, title="Spread of all inferences", height=height, marks=framed(height, [*marks, *drawn], axis, y),
        desc=f"Histogram of {plural(len(pooled), 'inference')} of {plural(len(counted), 'run')}: {words}.{rest}",
        note=f"All runs pooled, to show the shape; no verdict stands on pooled samples.{rest}{beyond}",
        table=Table("Percentiles of all inferences", (Column("percentile"), Column("time", "number")),
                    tuple((f"p{percent}", shown(value, NS)) for percent, value in told.items()), "In numbers"),
    )]  # fmt: skip


def _percentile_marks(axis: Axis, told: dict[int, int], height: float) -> list[str]:
    marks = []
    for row, (percent, value) in enumerate(told.items()):
        if axis.low < value < axis.high:
            marks.append(line(axis.x(value), 4 + 13 * row, axis.x(value), height, "percentile"))
            marks.append(text(axis.x(value), 13 + 13 * row, f"p{percent}", "tick strong halo", "start", 4))
    return marks
