"""The verdict on a median: bounded, by the versions of the rule, and held against a limit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median_low

from edgebuild.core.measurement import Basis
from edgebuild.core.metric import Budget
from edgebuild.core.verdict import Line, Outcome
from edgebuild.judge import betting
from edgebuild.judge.order_statistics import least_runs, median_bounds
from edgebuild.judge.steadiness import change_of


@dataclass(frozen=True)
class MedianTest:
    """How the median over runs is bounded.

    Attributes:
        least: the runs that it takes, by confidence.
        bounds: of values, a limit and a confidence: the lower and the upper bound, and the level that each holds at.
        unlike: why values can't have come from one distribution, or nothing.
        clear: the factor between a limit and everything that was seen from which on it does not matter that a device
            was unsteady.
    """

    least: Callable[[float], int]
    bounds: Callable[[Sequence[float], float, float], tuple[float | None, float | None, float]]
    unlike: Callable[[Sequence[float]], str] = lambda _: ""
    clear: float = inf

    def is_clear(self, seen: Sequence[float], limit: float) -> bool:
        """Whether all of ``seen`` is so far on one side of a limit that nothing it does makes the verdict doubtful."""
        return min(seen, default=0) > 0 and (max(seen) * self.clear <= limit or min(seen) >= limit * self.clear)


def _two_looks(values: Sequence[float], limit: float, confidence: float) -> tuple[float | None, float | None, float]:
    """Exact order statistics, at two looks that share one α (Bonferroni).

    The first look is at the fewest runs that can decide, n, and spends 2^-n. Only if it leaves the limit between its
    bounds is there a second, at all runs, with the rest of α. So stopping at the first costs nothing.
    """
    least = least_runs(confidence)
    low, high = median_bounds(values[:least], confidence)
    if low is None or high is None or not low <= limit < high or len(values) <= least:
        return low, high, confidence
    rest = confidence + 2.0**-least
    second = median_bounds(values, rest) if rest < 1 else (None, None)
    return (low, high, confidence) if None in second else (*second, rest)


def _anytime(values: Sequence[float], limit: float, confidence: float) -> tuple[float | None, float | None, float]:  # noqa: ARG001
    return (*betting.median_bounds(values, confidence), confidence)


def _changed(values: Sequence[float]) -> str:
    shape = change_of(values)
    return f"unsteady: {shape.told('runs')}" if shape is not None else ""


def elsewhere(basis: Basis, speaking: Collection[Basis]) -> str:
    """Why what was measured on this basis decides nothing, or nothing."""
    return "" if basis in speaking else f"not judged here: measured on basis {basis.value}, not on the device"


def judge_median(
    budget: Budget, values: Sequence[float], doubt: str, aside: str, confidence: float, basis: Basis, test: MedianTest
) -> Line:
    """PASS if the upper bound is inside the limit, FAIL if the lower one is outside, INCONCLUSIVE otherwise.

    Args:
        values: in the order they were found.
        doubt: why they can decide nothing, or nothing.
        aside: what else is to be told of them.
    """
    low, high, level = test.bounds(values, budget.limit, confidence)
    outcome, reason = _decide(budget, doubt, low, high, confidence)
    estimate = median_low(values) if values else None
    return Line(
        budget=budget, outcome=outcome, estimate=estimate, low=low, high=high, confidence=level, count=len(values),
        basis=basis.value, reason="; ".join(each for each in (reason, aside) if each),
    )  # fmt: skip


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


TWO_LOOKS = MedianTest(least_runs, _two_looks)
ANYTIME = MedianTest(betting.least_runs, _anytime)
"""Bounds that hold at all times at once, so that sampling may stop whenever they decide."""
WATCHFUL = MedianTest(betting.least_runs, _anytime, _changed, clear=2.0)
"""The same; and where runs drift or step they depend on when they were made, which the bounds do not allow for.

Unless every sample is at half of the limit or less, or at twice of it or more: a device that warms up from 29 to 44 µs
meets 10 s.
"""
