"""A run's percentile, and exact bounds of the median over runs."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from fractions import Fraction
from math import ceil

from edgebuild.core.intervals import binomial_tail, median_bounds, upper_rank

__all__ = ["binomial_tail", "least_runs", "median_bounds", "percentile", "samples_needed", "upper_rank"]


def percentile(samples: Sequence[int], quantile: float) -> int:
    """The nearest-rank percentile: the smallest sample that at least a share ``quantile`` is not above."""
    return sorted(samples)[_rank(quantile, len(samples))]


@functools.cache
def _rank(quantile: float, count: int) -> int:
    return max(0, ceil(Fraction(str(quantile)) * count) - 1)


@functools.cache
def samples_needed(quantile: float) -> int:
    """Samples one run needs for a percentile: 10/(1 − q), so that about ten lie above it."""
    return ceil(10 / (1 - Fraction(str(quantile))))


def least_runs(confidence: float) -> int:
    """Runs without which no bound exists: the smallest n with 2^−n ≤ α; 7 at 99 %."""
    alpha = 1 - Fraction(str(confidence))
    count = 1
    while Fraction(1, 2**count) > alpha:
        count += 1
    return count
