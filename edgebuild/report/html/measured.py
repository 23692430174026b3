"""Every metric that the runs tell, budgeted or not."""

from __future__ import annotations

from statistics import median_low

from edgebuild.core.metric import METRICS, Metric
from edgebuild.judge.runs import bounds_of, values_of
from edgebuild.report.html.page import Column, Section, Table
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.words import DASH, bounds_text, percent, shown

_CONFIDENCE = 0.99
"""Where no verdict names another."""


def measured_section(prefix: str, told: Reported) -> Section | None:
    """None where nothing was measured."""
    judging = told.verdict.judging if told.verdict else None
    confidence = judging.confidence if judging else _CONFIDENCE
    rows = [row for metric in METRICS.values() if (row := _row(metric, told, confidence))]
    columns = (
        Column("metric"), Column("median over runs", "number"), Column(f"bounds at {percent(confidence)}", "number"),
        Column("runs", "number"), Column("what it is", "prose"),
    )  # fmt: skip
    lead = "Each metric's median over the runs that count, whether there is a budget on it or not."
    table = Table("Metrics of the judged variant", columns, tuple(rows))
    return Section(f"{prefix}measured", "Measured", lead, (table,)) if rows else None


def _row(metric: Metric, told: Reported, confidence: float) -> tuple[str, ...] | None:
    if metric.mode is None or metric.change:
        return None
    values = values_of(metric, [run for run in told.runs(metric.mode) if not run.outside])
    if not values:
        return None
    low, high = bounds_of(metric.kind, values, confidence)
    middle = median_low(values)
    bounds = bounds_text(low, high, metric.unit) or DASH
    apart = low is not None and high is not None and not low <= middle <= high
    meaning = f"{metric.meaning}; earlier and later runs differ" if apart else metric.meaning
    return metric.name, shown(middle, metric.unit), bounds, f"{len(values):,}", meaning
