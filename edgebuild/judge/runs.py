"""Budgets on the typical run: the median over fresh processes of each run's own value."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate
from statistics import fmean

from edgebuild.core.measurement import Basis, Run
from edgebuild.core.metric import Budget, Kind, Metric, Mode
from edgebuild.core.verdict import Line
from edgebuild.core.workload import MINUTE, WORKLOADS
from edgebuild.judge.betting import median_bounds
from edgebuild.judge.exact import instructions_of
from edgebuild.judge.medians import ANYTIME, MedianTest, elsewhere, judge_median
from edgebuild.judge.order_statistics import percentile, samples_needed


def value_of(metric: Metric, run: Run) -> float | None:
    """What one run says of a metric, in its base unit; None if it says nothing."""
    if metric.quantile is not None:
        return _percentile(metric.quantile, run)
    if run.memory is not None and metric.name == "peak_memory":
        return None if run.memory.floor is None else max(0, run.memory.vm_hwm - run.memory.floor)
    told: dict[str, Callable[[], float | None]] = {
        "cold_start": lambda: run.load_ns,
        "first_inference": lambda: run.first_ns,
        "instructions": lambda: instructions_of(run),
        "real_time_factor": lambda: _real_time_factor(run),
        "process_memory": lambda: run.memory.vm_hwm if run.memory else None,
        "sustained_slowdown": lambda: _slowdown(run),
    }
    return told.get(metric.name, lambda: None)()


def _real_time_factor(run: Run) -> float | None:
    """Of what a vendor's program tells, its average; None where no step is stated, or for times out of all bounds."""
    if run.step_ns is None or not (run.samples_ns or "avg" in run.told_ns):
        return None
    try:
        return (fmean(run.samples_ns) if run.samples_ns else run.told_ns["avg"]) / run.step_ns
    except OverflowError:
        return None


def _percentile(quantile: float, run: Run) -> float | None:
    if run.told_ns:
        return run.told_ns.get(f"p{100 * quantile:g}")
    samples = minutes_of(run)[1] if run.mode is Mode.SUSTAINED else run.samples_ns
    return percentile(samples, quantile) if len(samples) >= samples_needed(quantile) else None


def minutes_of(run: Run) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The inferences of a sustained run's first minute, and of its last; they came without a pause."""
    ends = list(accumulate(run.samples_ns))
    minute = (ends[-1] if ends else 0) * MINUTE / WORKLOADS[Mode.SUSTAINED].seconds
    first, last = bisect_right(ends, minute), bisect_left(ends, (ends[-1] if ends else 0) - minute)
    return run.samples_ns[:first], run.samples_ns[last:]


def _slowdown(run: Run) -> float | None:
    if run.mode is not Mode.SUSTAINED:
        return None
    first, last = minutes_of(run)
    enough = min(len(first), len(last)) >= samples_needed(0.5)
    return 100.0 * (percentile(last, 0.5) / percentile(first, 0.5) - 1) if enough else None


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
    clear = test.is_clear(_seen(metric, own, values), budget.limit)
    steady, least = [clear or run.steady for run in own], test.least(confidence)
    doubt = elsewhere(basis, speaking) or doubt_of(metric, "runs", steady, len(values), confidence, least)
    doubt = doubt or ("" if clear else test.unlike(values))
    return judge_median(budget, values, doubt, left_out([r for r in made if r.outside]), confidence, basis, test)


def _seen(metric: Metric, runs: Sequence[Run], values: Sequence[float]) -> list[float]:
    """All that was seen of a metric: of times the single inferences too."""
    return [*values, *(ns for run in runs for ns in run.samples_ns)] if metric.quantile is not None else list(values)


def bounds_of(kind: Kind, values: Sequence[float], confidence: float) -> tuple[float | None, float | None]:
    """The bounds of the median over runs, each at ``confidence``; of what is counted exactly, the extremes."""
    return (min(values), max(values)) if kind is Kind.EXACT else median_bounds(values, confidence)


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
    if metric.quantile is not None and metric.mode is not Mode.SUSTAINED and 2 * unsteady >= made:
        return f"unsteady: in {unsteady} of {made} {units} the inferences drifted"
    return ""
