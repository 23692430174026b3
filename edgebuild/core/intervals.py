"""Exact bounds of a median and exact tests, from counts alone."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from fractions import Fraction
from math import comb


def binomial_tail(trials: int, successes: int, chance: Fraction = Fraction(1, 2)) -> Fraction:
    """P(X ≥ ``successes``) for X ~ Binomial(``trials``, ``chance``), exactly."""
    return sum(
        (comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(max(0, successes), trials + 1)),
        Fraction(0),
    )


def mcnemar(won: int, lost: int) -> float:
    """P(at least ``won`` of ``won + lost``) where each side is as likely, one-sided and exact (McNemar 1947)."""
    return float(binomial_tail(won + lost, won))


@functools.cache
def upper_rank(count: int, confidence: float) -> int | None:
    """The smallest 1-based rank r whose order statistic is at or above the median with ``confidence``; None if none is.

    P(X_(r) < median) ≤ P(Binomial(n, 1/2) ≥ r), the distribution-free bound of David & Nagaraja, *Order
    Statistics* (2003), 7.1. With ties or atoms it errs to the safe side.
    """
    alpha = 1 - Fraction(str(confidence))
    ranks = (rank for rank in range(1, count + 1) if binomial_tail(count, rank) <= alpha)
    return next(ranks, None)


def median_bounds(values: Sequence[float], confidence: float) -> tuple[float | None, float | None]:
    """One-sided lower and upper bounds of the median, each at ``confidence``; None: too few values."""
    ordered = sorted(values)
    rank = upper_rank(len(ordered), confidence)
    return (None, None) if rank is None else (ordered[len(ordered) - rank], ordered[rank - 1])
