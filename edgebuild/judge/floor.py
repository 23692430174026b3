"""What can be told from so many runs: the noise floor, and what a smaller difference would take.

Of n signs, each on one side with chance p, the log of the gambler's wealth (judge/betting.py) comes to about
n D(p) − ln 2 − ½ ln(πn/2), where D(p) = p ln 2p + (1 − p) ln 2(1 − p): the spread half of his money, by Laplace's
method. With p = Φ(d/s), d being the distance to the limit and s the runs' own scatter, that says what decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi, sqrt
from statistics import NormalDist, median

MOST = 100_000
"""More runs than that are not told of."""
_ROBUST = 1.4826
_SURE = 1.0


def scatter(values: Sequence[float]) -> float:
    """The robust standard deviation: 1.4826 times the median absolute deviation."""
    middle = median(values)
    return _ROBUST * median(abs(value - middle) for value in values)


def can_tell(hits: int, seen: int, runs: int, confidence: float) -> bool:
    """Whether so many runs may decide, if of those seen so many lay on one side.

    The true share is taken to be one standard error above theirs, by Wilson's score interval (JASA 22 (1927) 209-212).
    """
    share, extra = hits / seen, _SURE**2 / seen
    top = (share + extra / 2 + sqrt(extra * (share * (1 - share) + extra / 4))) / (1 + extra)
    return runs * _gain(top) >= _price(runs, confidence)


def runs_needed(distance: float, noise: float, confidence: float) -> int:
    """About how many runs decide on which side of a limit they are, at that distance; ``MOST`` if more."""
    if noise <= 0:
        return 1
    gain = _gain(_chance(distance / noise))
    low, high = 1, MOST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if middle * gain >= _price(middle, confidence) else (middle + 1, high)
    return low


def least_distance(runs: int, noise: float, confidence: float) -> float:
    """The distance to a limit that so many runs tell, in the noise's unit."""
    low, high = 0.0, 8.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if runs * _gain(_chance(middle)) >= _price(runs, confidence) else (middle, high)
    return high * noise


def _chance(effect: float) -> float:
    return NormalDist().cdf(abs(effect))


def _gain(chance: float) -> float:
    p = min(chance, 1 - 1e-12)
    return p * log(2 * p) + (1 - p) * log(2 * (1 - p))


def _price(runs: int, confidence: float) -> float:
    return -log(1 - confidence) + log(2) + 0.5 * log(pi * runs / 2)
