"""An anytime-valid test of a median: bets on signs, in exact integers. Looking after every run costs nothing.

If the median of runs is above a limit, at most half of all runs lie at or below it, whatever their distribution. A
gambler who starts with 1 and stakes on each run's lying there does not gain on average, so the chance that his wealth
*ever* reaches 1/α is at most α (J. Ville, *Étude critique de la notion de collectif*, 1939; G. Shafer, "Testing by
betting", JRSS A 184 (2021) 407-431). Reaching it refutes the hypothesis, after however many runs and looks.

Half of the money is staked on every run's being a hit, which decides soonest where there is no doubt; the other half is
spread evenly over all chances from 1/2 to 1 (H. Robbins, "Statistical methods related to the law of the iterated
logarithm", Ann. Math. Statist. 41 (1970) 1397-1409), which decides wherever there is a difference.
"""

from __future__ import annotations

import functools
from bisect import insort
from collections.abc import Sequence
from fractions import Fraction
from math import comb


def wealth(runs: int, hits: int) -> Fraction:
    """What the gambler has after so many runs, so many of which he was right about.

    The spread half is ∫ 2 (2p)^h (2(1 − p))^(n−h) dp over p from 1/2 to 1, which is an incomplete beta function, and so
    a binomial sum: Σ_{j ≤ h} C(n + 1, j) / ((n + 1) C(n, h)).
    """
    certain = 2**runs if hits == runs else 0
    spread = Fraction(sum(comb(runs + 1, j) for j in range(hits + 1)), (runs + 1) * comb(runs, hits))
    return (certain + spread) / 2


@functools.cache
def hits_needed(runs: int, confidence: float) -> int | None:
    """The fewest hits among so many runs that refute the hypothesis; None if not even all of them do."""
    goal = 1 / (1 - Fraction(str(confidence)))
    if wealth(runs, runs) < goal:
        return None
    low, high = runs // 2, runs  # below half the wealth shrinks; above, it grows with every hit
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if wealth(runs, middle) >= goal else (middle + 1, high)
    return low


def least_runs(confidence: float) -> int:
    """Runs without which nothing can be decided: 8 at 99 %."""
    count = 1
    while hits_needed(count, confidence) is None:
        count += 1
    return count


def median_bounds(values: Sequence[float], confidence: float) -> tuple[float | None, float | None]:
    """One-sided lower and upper bounds of the median, each of which holds at ``confidence`` at all times at once.

    A limit is refuted as soon as one beginning of the sequence refutes it, so the order counts. If the lower bound is
    above the upper one, runs before and after have not come from one distribution. None: too few values.
    """
    lows, highs, ordered = [], [], list[float]()
    for count, value in enumerate(values, 1):
        insort(ordered, value)
        rank = hits_needed(count, confidence)
        if rank is not None:
            lows.append(ordered[count - rank])
            highs.append(ordered[rank - 1])
    return max(lows, default=None), min(highs, default=None)


def runs_to_go(values: Sequence[float], limit: float, confidence: float) -> int:
    """How many further runs could decide, at the least, on which side of a limit the median is."""
    below = sum(value <= limit for value in values)
    best = max(below, len(values) - below)
    more = 1
    while (needed := hits_needed(len(values) + more, confidence)) is None or best + more < needed:
        more += 1
    return more
