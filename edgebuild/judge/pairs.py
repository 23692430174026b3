"""Budgets on a change: pairs of runs, a baseline's and another's, made in random order one right after the other.

What comes and goes with time on a device falls on either run of a pair with equal chance, so at the limit the sign of
a pair's excess over it is a fair coin, however runs depend on each other: neither a distribution is assumed, nor that
runs are independent.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.core.measurement import Basis, Run
from edgebuild.core.metric import Budget, Metric
from edgebuild.core.verdict import Line
from edgebuild.judge.medians import ANYTIME, elsewhere, judge_median
from edgebuild.judge.runs import doubt_of, left_out, value_of

Pair = tuple[Run, Run]
"""A baseline's run, and the one that is held against it."""


def pairs_of(runs: Sequence[Run], baseline: Sequence[Run]) -> list[Pair]:
    """The pairs of which both runs are there, in the order of ``runs``."""
    first = {run.pair: run for run in baseline if run.side == "a"}
    return [(first[run.pair], run) for run in runs if run.side == "b" and run.pair in first]


def counting(pairs: Sequence[Pair]) -> list[Pair]:
    """Those of which neither run was made outside its profile's conditions."""
    return [pair for pair in pairs if not any(run.outside for run in pair)]


def changes(metric: Metric, pairs: Sequence[Pair]) -> list[float]:
    """By how many percent a metric is above the baseline's, for each pair that tells it."""
    told = [(value_of(metric, first), value_of(metric, second)) for first, second in pairs]
    return [100.0 * (b - a) / a for a, b in told if a and b is not None]


def judge_change(
    budget: Budget, runs: Sequence[Run], baseline: Sequence[Run] | None, confidence: float, basis: Basis
) -> Line:
    """PASS if the median over pairs is inside the limit, FAIL if it is above, INCONCLUSIVE otherwise.

    Args:
        baseline: None: there is none.
    """
    metric, made = budget.definition, pairs_of(runs, baseline or ())
    own = counting(made)
    values, aside = changes(metric, own), left_out([run for pair in made for run in pair if run.outside])
    doubt = elsewhere(basis, (Basis.DEVICE,)) or _doubt(metric, own, len(values), confidence)
    if baseline is None:
        doubt = "there is no baseline to hold it against"
    return judge_median(budget, values, doubt, aside, confidence, basis, ANYTIME)


def _doubt(metric: Metric, pairs: Sequence[Pair], told: int, confidence: float) -> str:
    """As for runs; a drift in one run of a pair is left to the sign, which it makes no likelier on either side."""
    steady = [any(run.steady for run in pair) for pair in pairs]
    return doubt_of(metric, "pairs", steady, told, confidence, ANYTIME.least(confidence))
