"""Whether one declaration is better than another on the same labelled samples: exact paired tests."""

from __future__ import annotations

from edgebuild.core.array import Floats, np
from edgebuild.core.intervals import mcnemar
from edgebuild.inputcheck.scores import Scores
from edgebuild.models.metrics import auc

SWAPS = 9_999


def value(scores: Scores) -> float:
    """top1, or the AUC, in percent."""
    if scores.classes is not None:
        return 100 * float(scores.correct.mean())
    assert scores.values is not None
    return 100 * auc(scores.values, scores.labels)


def p_better(own: Scores, other: Scores, seed: int = 0) -> float:
    """How likely a gain of ``other`` over ``own`` at least as large is, where neither is better (one-sided).

    top1: McNemar's test on the samples that only one has right, exact (McNemar 1947, Psychometrika 12:153). AUC: the
    two ranks of each sample are swapped at random, 9,999 times; (1 + as large) / (1 + swaps).
    """
    if own.classes is not None:
        won = int((other.correct & ~own.correct).sum())
        return mcnemar(won, int((own.correct & ~other.correct).sum()))
    return _swapped(own, other, seed)


def _swapped(own: Scores, other: Scores, seed: int) -> float:
    a, b = _ranks(own), _ranks(other)
    gain = auc(b, own.labels) - auc(a, own.labels)
    random = np.random.default_rng(seed)
    swap = random.random((SWAPS, len(a))) < 0.5
    first, second = np.where(swap, b, a), np.where(swap, a, b)
    gains = _aucs(second, own.labels == 1) - _aucs(first, own.labels == 1)
    return float(1 + (gains >= gain - 1e-12).sum()) / (1 + SWAPS)


def _ranks(scores: Scores) -> Floats:
    assert scores.values is not None
    _, inverse, counts = np.unique(scores.values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[inverse.reshape(-1)]
    return ranks


def _aucs(rows: Floats, positive: np.ndarray) -> Floats:
    """The AUC of each row, ties broken by position: in a permutation that is noise like any other."""
    order = rows.argsort(axis=1).argsort(axis=1) + 1.0
    ones = int(positive.sum())
    areas: Floats = (order[:, positive].sum(axis=1) - ones * (ones + 1) / 2) / (ones * (len(positive) - ones))
    return areas
