"""The arithmetic of quality: hits, areas under curves, intervals, noise."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

from edgebuild.core.array import Array, Floats, Integers, np

SQNR_LIMIT = 200.0
"""Decibels: equal outputs have no noise; they are given this."""


def wilson(hits: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion, from 0 to 1 (Wilson 1927, JASA 22:209)."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, square = hits / count, z * z / count
    centre = (share + square / 2) / (1 + square)
    half = z * float(np.sqrt(share * (1 - share) / count + square / (4 * count))) / (1 + square)
    return max(0.0, centre - half), min(1.0, centre + half)


def auc(scores: Floats, labels: Integers) -> float:
    """The area under the ROC curve, 0 to 1: how often a positive scores above a negative, ties counting half."""
    return weighted_auc(scores, labels)(np.ones(len(scores)))


def weighted_auc(scores: Floats, labels: Integers) -> Callable[[Floats], float]:
    """The same area from how often each score counts, (N,); scores are ranked once, however often it is asked.

    Mann and Whitney's U over n₁·n₀ (Hanley and McNeil 1982).
    """
    levels, level = np.unique(scores, return_inverse=True)
    level, positive, negative = level.reshape(-1), labels == 1, labels == 0

    def area(weights: Floats) -> float:
        ones, zeros = (np.bincount(level, weights * of, len(levels)) for of in (positive, negative))
        below = np.cumsum(zeros) - zeros / 2
        return float(ones @ below / (ones.sum() * zeros.sum()))

    return area


def sqnr_db(reference: tuple[Array, ...], outputs: tuple[Array, ...]) -> float:
    """Signal to quantization noise in decibels, 10·log₁₀(Σr² / Σ(r − o)²): the worst output's, at most ±200."""
    return min(_one_sqnr(r.astype(np.float64), o.astype(np.float64)) for r, o in zip(reference, outputs, strict=True))


def _one_sqnr(reference: Floats, output: Floats) -> float:
    signal = float(np.square(reference).sum())
    noise = float(np.square(reference - output.reshape(reference.shape)).sum())
    if noise == 0:
        return SQNR_LIMIT
    if signal == 0 or not np.isfinite(noise):
        return -SQNR_LIMIT
    return float(np.clip(10 * np.log10(signal / noise), -SQNR_LIMIT, SQNR_LIMIT))
