"""How the median over runs is bounded, by the versions of the rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgebuild.judge import betting
from edgebuild.judge.order_statistics import least_runs, median_bounds


@dataclass(frozen=True)
class MedianTest:
    """How the median over runs is bounded.

    Attributes:
        least: the runs that it takes, by confidence.
        bounds: of values, a limit and a confidence: the lower and the upper bound, and the level that each holds at.
    """

    least: Callable[[float], int]
    bounds: Callable[[Sequence[float], float, float], tuple[float | None, float | None, float]]


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


TWO_LOOKS = MedianTest(least_runs, _two_looks)
ANYTIME = MedianTest(betting.least_runs, _anytime)
"""Bounds that hold at all times at once, so that sampling may stop whenever they decide."""
