"""Paired non-inferiority of accuracy: int8 may lose at most so many points against float on the same samples."""

from __future__ import annotations

from math import ceil, log, sqrt
from statistics import NormalDist

from edgebuild.core.artifact import Quality
from edgebuild.core.metric import Budget
from edgebuild.core.verdict import Line, Outcome

_STEPS = 80


def tango_score(lost: int, won: int, samples: int, drop: float) -> float:
    """Tango's score statistic for the hypothesis that the true drop is ``drop`` (a share, 0..1).

    z = (b − c − nδ) / sqrt(n(2q + δ(1 − δ))), with the constrained maximum-likelihood q of T. Tango, "Equivalence test and
    confidence interval for the difference in proportions for the paired-sample design", Statistics in Medicine 17
    (1998) 891-908: for p12 − p21 = δ, q = p21 solves 2n q² + B q + C = 0 with B = −b − c + (2n − b + c)δ and
    C = −cδ(1 − δ). Here b = ``lost``, c = ``won``.
    """  # noqa: E501
    n, b, c = samples, lost, won
    first = -b - c + (2 * n - b + c) * drop
    q = (sqrt(max(0.0, first * first + 8 * n * c * drop * (1 - drop))) - first) / (4 * n)
    variance = n * (2 * q + drop * (1 - drop))
    difference = b - c - n * drop
    if variance <= 1e-15:
        return 0.0 if difference == 0 else float("inf") if difference > 0 else float("-inf")
    return difference / sqrt(variance)


def drop_bounds(lost: int, won: int, samples: int, confidence: float) -> tuple[float, float]:
    """One-sided score bounds of the drop in percentage points, each at ``confidence``."""
    z = NormalDist().inv_cdf(confidence)
    high = _root(lost, won, samples, -z)
    low = -_root(won, lost, samples, -z)
    return 100 * low, 100 * high


def _root(lost: int, won: int, samples: int, z: float) -> float:
    """The largest drop that a score test does not refuse, rounded outwards: bisection, as the score falls with it."""
    inside, outside = max(-1.0, (lost - won) / samples), 1.0
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if tango_score(lost, won, samples, middle) > z:
            inside = middle
        else:
            outside = middle
    return outside


def samples_without_disagreement(drop: float, confidence: float) -> int:
    """Samples that prove a drop of less than ``drop`` points if not one is lost: (1 − d)^n ≤ α (Clopper-Pearson)."""
    return ceil(log(1 - confidence) / log(1 - drop / 100)) if 0 < drop < 100 else 0


def judge_accuracy(budget: Budget, quality: Quality | None, confidence: float) -> Line:
    """PASS, FAIL or INCONCLUSIVE of ``accuracy_drop``; the sample size that it takes is told when undecidable."""
    if quality is None:
        return _line(budget, Outcome.INCONCLUSIVE, reason="no quality was recorded for this variant")
    if quality.lost is None or quality.won is None:
        return _from_bound(budget, quality, confidence)
    low, high = drop_bounds(quality.lost, quality.won, quality.samples, confidence)
    high = max(high, 100 * _all_kept(quality.samples, confidence))
    estimate = 100 * (quality.lost - quality.won) / quality.samples
    outcome, reason = _decide(budget, low, high, quality.samples, confidence)
    return Line(
        budget=budget, outcome=outcome, estimate=estimate, low=low, high=high, confidence=confidence,
        count=quality.samples, basis="paired samples", reason=reason,
    )  # fmt: skip


def _all_kept(samples: int, confidence: float) -> float:
    """The Clopper-Pearson bound of a share never seen in n samples: no paired bound may be tighter than that."""
    return 1.0 - float((1 - confidence) ** (1 / samples))


def _decide(budget: Budget, low: float, high: float, samples: int, confidence: float) -> tuple[Outcome, str]:
    if high <= budget.limit:
        return Outcome.PASS, ""
    if low > budget.limit:
        return Outcome.FAIL, f"at {confidence:.4g} confidence more is lost"
    needed = samples_without_disagreement(budget.limit, confidence)
    if needed > samples:
        return Outcome.INCONCLUSIVE, f"{samples} samples; a limit of {budget.limit:g} pt needs at least {needed}"
    return Outcome.INCONCLUSIVE, "the bounds lie on both sides of the limit: more samples are needed"


def _from_bound(budget: Budget, quality: Quality, confidence: float) -> Line:
    """From the bound that came with the quality, as for AUC."""
    if quality.drop_high is None or quality.drop_confidence is None:
        return _line(budget, Outcome.INCONCLUSIVE, reason="the quality has neither pairs nor a bound of the drop")
    if quality.drop_confidence < confidence:
        reason = f"its bound holds at {quality.drop_confidence:.4g}; {confidence:.4g} is asked for"
        return _line(budget, Outcome.INCONCLUSIVE, reason=reason)
    passed = quality.drop_high <= budget.limit
    drop = None if quality.float_value is None or quality.value is None else quality.float_value - quality.value
    return Line(
        budget=budget, outcome=Outcome.PASS if passed else Outcome.INCONCLUSIVE, estimate=drop,
        high=quality.drop_high, confidence=confidence, count=quality.samples, basis="paired samples",
        reason="" if passed else "the upper bound of the drop is above the limit",
    )  # fmt: skip


def _line(budget: Budget, outcome: Outcome, reason: str) -> Line:
    return Line(budget=budget, outcome=outcome, basis="paired samples", reason=reason)
