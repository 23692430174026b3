"""How the inferences of all runs are spread: a histogram, to show the shape."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from edgebuild.core.measurement import Run
from edgebuild.core.metric import Budget
from edgebuild.core.units import Unit
from edgebuild.judge.order_statistics import percentile
from edgebuild.report.html.page import Chart, Column, Table
from edgebuild.report.html.plot import framed, limits_upright
from edgebuild.report.html.scales import Axis, axis_of
from edgebuild.report.html.svg import line, rect, text
from edgebuild.report.html.words import plural, shown

NS = Unit.NANOSECOND
_BINS = 60
_NAMED_FROM = 32
_HEIGHT = 200
_SHOWN_SHARE = 0.995
_SHOWN_TIMES = 3
"""What is drawn: so large a share of all inferences, or up to so many times their 90th percentile."""


def spread_chart(id_: str, title: str, runs: Sequence[Run], limits: Sequence[Budget]) -> list[Chart]:
    """None where runs tell percentiles instead of samples.

    Args:
        runs: those that count.
    """
    pooled = sorted(sample for run in runs for sample in run.samples_ns)
    if not pooled:
        return []
    top = min(pooled[int(_SHOWN_SHARE * (len(pooled) - 1))], _SHOWN_TIMES * percentile(pooled, 0.9))
    x = axis_of([pooled[0], top], "time of one inference", NS)
    marks, y = _bars(pooled, x)
    told = {percent: percentile(pooled, percent / 100) for percent in (50, 90, 99)}
    limits_drawn, beyond = limits_upright(x, limits, _HEIGHT)
    marks += [*_percentile_marks(x, told), *limits_drawn]
    tail = len(pooled) - bisect_right(pooled, x.high)
    rest = f" {plural(tail, 'inference')} took longer, the slowest {shown(pooled[-1], NS)}." if tail else ""
    words = ", ".join(f"p{percent} {shown(value, NS)}" for percent, value in told.items())
    rows = tuple((f"p{percent}", shown(value, NS)) for percent, value in told.items())
    columns = (Column("percentile"), Column("time", "number"))
    return [Chart(
        id=id_, title=title, height=_HEIGHT, marks=framed(_HEIGHT, marks, x, y),
        desc=f"Histogram of {plural(len(pooled), 'inference')} of {plural(len(runs), 'run')}: {words}.{rest}",
        note=f"All runs pooled, to show the shape; no verdict stands on pooled samples.{rest}{beyond}",
        legend=(("swatch a", "share of the inferences"), ("dashes percentile", "percentiles of all")),
        table=Table("Percentiles of all inferences", columns, rows, "In numbers"),
    )]  # fmt: skip


def _bars(pooled: Sequence[int], x: Axis) -> tuple[list[str], Axis]:
    edges = [x.low + (x.high - x.low) * i / _BINS for i in range(_BINS + 1)]
    below = [bisect_right(pooled, edge) for edge in edges]
    shares = [100 * (after - before) / len(pooled) for before, after in pairwise(below)]
    y = axis_of(shares, "inferences", Unit.PERCENT, zero=True, count=4)
    marks = [
        rect(
            100 * i / _BINS, y.y(share, _HEIGHT), 100 / _BINS - 0.2, _HEIGHT - y.y(share, _HEIGHT), "bar a",
            f"{shown(edges[i], NS)} to {shown(edges[i + 1], NS)}: {share:.2g} %",
        )
        for i, share in enumerate(shares)
        if share
    ]  # fmt: skip
    return marks, y


def _percentile_marks(x: Axis, told: dict[int, int]) -> list[str]:
    marks = []
    for row, (percent, value) in enumerate(told.items()):
        if x.low < value < x.high:
            top = _NAMED_FROM + 14 * row
            marks.append(line(x.x(value), top, x.x(value), _HEIGHT, "percentile"))
            marks.append(text(x.x(value), top + 9, f"p{percent}", "tick strong halo", "start", 4))
    return marks
