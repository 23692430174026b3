"""The arithmetic of quality: hits, areas under curves, intervals, noise."""

from __future__ import annotations

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
    """The area under the ROC curve, 0 to 1: how often a positive scores above a negative, ties counting half.

    Mann and Whitney's U over n₁·n₀, from average ranks (Hanley and McNeil 1982).
    """
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    average_rank = np.cumsum(counts) - (counts - 1) / 2
    positive = labels == 1
    ones = int(positive.sum())
    zeros = len(labels) - ones
    rank_sum = float(average_rank[inverse.reshape(-1)][positive].sum())
    return (rank_sum - ones * (ones + 1) / 2) / (ones * zeros)


def resampled_aucs(columns: tuple[Floats, ...], labels: Integers, resamples: int, seed: int) -> Floats:
    """AUCs of score columns over bootstrap resamples, the same resample for each column: (resamples, columns).

    Units are drawn with replacement within each class, so that both classes are always there.
    """
    random = np.random.default_rng(seed)
    groups = [np.flatnonzero(labels == value) for value in (0, 1)]
    rows = []
    for _ in range(resamples):
        drawn = np.concatenate([random.choice(group, len(group)) for group in groups])
        rows.append([auc(column[drawn], labels[drawn]) for column in columns])
    return np.asarray(rows, np.float64)


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
