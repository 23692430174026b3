"""Budgets on the typical run: the median over fresh processes of each run's own value."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from edgebuild.core.measurement import Basis, Run
from edgebuild.core.metric import Budget, Metric
from edgebuild.core.verdict import Line
from edgebuild.judge.exact import instructions_of
from edgebuild.judge.medians import ANYTIME, MedianTest, elsewhere, judge_median
from edgebuild.judge.order_statistics import percentile, samples_needed


def value_of(metric: Metric, run: Run) -> float | None:
    """What one run says of a metric, in its base unit; None if it says nothing."""
    if metric.quantile is not None and run.told_ns:
        return run.told_ns.get(f"p{100 * metric.quantile:g}")
    if metric.quantile is not None:
        enough = len(run.samples_ns) >= samples_needed(metric.quantile)
        return percentile(run.samples_ns, metric.quantile) if enough else None
    if metric.name == "instructions":
        return instructions_of(run)
    if run.memory is not None and metric.name == "process_memory":
        return run.memory.vm_hwm
    if run.memory is not None and metric.name == "peak_memory":
        return None if run.memory.floor is None else max(0, run.memory.vm_hwm - run.memory.floor)
    return {"cold_start": run.load_ns, "first_inference": run.first_ns}.get(metric.name)


def judge_runs(
    budget: Budget, runs: Sequence[Run], confidence: float, basis: Basis,
    speaking: Collection[Basis] = (Basis.DEVICE,), test: MedianTest = ANYTIME,
) -> Line:  # fmt: skip
    """PASS if the upper bound is inside the limit, FAIL if the lower one is outside, INCONCLUSIVE otherwise.

    Args:
        speaking: the bases that may decide; on another nothing is judged.
    """
    metric = budget.definition
    made = [run for run in runs if run.mode is metric.mode]
    own = [run for run in made if not run.outside]
    values = values_of(metric, own)
    steady, least = [run.steady for run in own], test.least(confidence)
    doubt = elsewhere(basis, speaking) or doubt_of(metric, "runs", steady, len(values), confidence, least)
    doubt = doubt or test.unlike(values)
    return judge_median(budget, values, doubt, left_out([r for r in made if r.outside]), confidence, basis, test)


def values_of(metric: Metric, runs: Sequence[Run]) -> list[float]:
    """What each run says of a metric that says something, in the order of the runs."""
    return [value for run in runs if (value := value_of(metric, run)) is not None]


def left_out(outside: Sequence[Run]) -> str:
    """How many runs do not count, and why the last of them does not."""
    if not outside:
        return ""
    return f"{len(outside)} runs outside the profile's conditions are not counted ({outside[-1].outside[0]})"


def doubt_of(metric: Metric, units: str, steady: Sequence[bool], told: int, confidence: float, least: int) -> str:
    """Why what was made can decide nothing, or nothing.

    Args:
        units: what it is, "runs" or "pairs"; ``steady``: whether each is.
        told: how many tell the metric.
    """
    made = len(steady)
    if told < made:
        wanted = f"; {metric.name} needs {samples_needed(metric.quantile)} samples a run" if metric.quantile else ""
        return f"{made - told} of {made} {units} do not tell it{wanted}"
    if told < least:
        return f"{told} {units}; {confidence:.4g} confidence needs at least {least}"
    unsteady = made - sum(steady)
    if metric.quantile is not None and 2 * unsteady >= made:
        return f"unsteady: in {unsteady} of {made} {units} the inferences drifted"
    return ""
