"""Budgets on the typical run: the median over fresh processes of each run's own value."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from edgebuild.core.measurement import Basis, Run
from edgebuild.core.metric import Budget, Metric
from edgebuild.core.verdict import Line, Outcome
from edgebuild.judge.exact import instructions_of
from edgebuild.judge.medians import ANYTIME, MedianTest
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
    low, high, level = test.bounds(values, budget.limit, confidence)
    doubt = _elsewhere(basis, speaking) or _doubt(metric, own, values, confidence, test.least(confidence))
    outcome, reason = _decide(budget, doubt, low, high, confidence)
    left_out = _left_out([run for run in made if run.outside])
    reason = f"{reason}; {left_out}" if reason and left_out else reason or left_out
    estimate = sorted(values)[(len(values) - 1) // 2] if values else None
    return Line(
        budget=budget, outcome=outcome, estimate=estimate, low=low, high=high, confidence=level,
        count=len(values), basis=basis.value, reason=reason,
    )  # fmt: skip


def values_of(metric: Metric, runs: Sequence[Run]) -> list[float]:
    """What each run says of a metric that says something, in the order of the runs."""
    return [value for run in runs if (value := value_of(metric, run)) is not None]


def _left_out(outside: Sequence[Run]) -> str:
    """How many runs do not count, and why the last of them does not."""
    if not outside:
        return ""
    return f"{len(outside)} runs outside the profile's conditions are not counted ({outside[-1].outside[0]})"


def _elsewhere(basis: Basis, speaking: Collection[Basis]) -> str:
    """Why runs on this basis decide nothing, or nothing."""
    return "" if basis in speaking else f"not judged here: measured on basis {basis.value}, not on the device"


def _decide(
    budget: Budget, doubt: str, low: float | None, high: float | None, confidence: float
) -> tuple[Outcome, str]:
    if doubt or low is None or high is None:
        return Outcome.INCONCLUSIVE, doubt
    if low > high:
        return Outcome.INCONCLUSIVE, "earlier and later runs contradict each other: the device changed meanwhile"
    if high <= budget.limit:
        return Outcome.PASS, ""
    if low > budget.limit:
        return Outcome.FAIL, f"at {confidence:.4g} confidence it is above the limit"
    return Outcome.INCONCLUSIVE, "the bounds lie on both sides of the limit: more runs are needed"


def _doubt(metric: Metric, runs: Sequence[Run], values: Sequence[float], confidence: float, least: int) -> str:
    """Why these runs can decide nothing, or nothing."""
    if runs and len(values) < len(runs):
        wanted = f"; {metric.name} needs {samples_needed(metric.quantile)} samples a run" if metric.quantile else ""
        return f"{len(runs) - len(values)} of {len(runs)} runs do not tell it{wanted}"
    if len(values) < least:
        return f"{len(values)} runs; {confidence:.4g} confidence needs at least {least}"
    unsteady = sum(not run.steady for run in runs)
    if metric.quantile is not None and 2 * unsteady >= len(runs):
        return f"unsteady: in {unsteady} of {len(runs)} runs the inferences drifted"
    return ""
