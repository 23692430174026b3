"""Tango's score bounds against the definition itself: the trinomial likelihood maximised by a search.

T. Tango, Statistics in Medicine 17 (1998) 891-908: with b pairs lost and c won of n, the score statistic for a
true drop d is (b - c - n d) / sqrt(n (p12 + p21 - d^2)), p12 = p21 + d, p21 the maximum-likelihood one under d.
"""

from __future__ import annotations

from functools import cache
from math import comb, log, sqrt
from statistics import NormalDist

import pytest

from edgebuild.judge.accuracy import drop_bounds, tango_score

TABLES = [(12, 2, 50), (2, 12, 50), (0, 0, 40), (5, 0, 60), (0, 5, 60), (1, 1, 20), (9, 7, 847), (30, 20, 300)]


def searched_score(b: int, c: int, n: int, drop: float) -> float:
    """The score, its nuisance probability found by a bounded numerical search and not by the closed form."""
    from scipy.optimize import minimize_scalar

    lowest, highest = max(0.0, -drop), (1 - drop) / 2

    def loss(q: float) -> float:
        terms = ((b, q + drop), (c, q), (n - b - c, 1 - 2 * q - drop))
        return -sum(count * log(max(share, 1e-300)) for count, share in terms if count)

    found = minimize_scalar(loss, bounds=(lowest, highest), method="bounded", options={"xatol": 1e-13})
    q = min((lowest, highest, float(found.x)), key=loss)
    return (b - c - n * drop) / sqrt(max(n * (2 * q + drop - drop * drop), 1e-300))


@pytest.mark.parametrize(("b", "c", "n"), TABLES)
@pytest.mark.parametrize("drop", [-0.2, -0.03, 0.001, 0.05, 0.1, 0.4])
def test_the_score_is_that_of_a_searched_likelihood(b: int, c: int, n: int, drop: float) -> None:
    assert tango_score(b, c, n, drop) == pytest.approx(searched_score(b, c, n, drop), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("b", "c", "n"), TABLES)
def test_the_bounds_are_where_a_scan_of_the_searched_score_crosses(b: int, c: int, n: int) -> None:
    low, high = drop_bounds(b, c, n, 0.975)
    z, step = NormalDist().inv_cdf(0.975), 1e-4
    assert searched_score(b, c, n, high / 100 + step) < -z < searched_score(b, c, n, high / 100 - step)
    assert searched_score(b, c, n, low / 100 + step) < z < searched_score(b, c, n, low / 100 - step)


@cache
def bounds_of(n: int) -> dict[tuple[int, int], float]:
    return {(b, c): drop_bounds(b, c, n, 0.95)[1] / 100 for b in range(n + 1) for c in range(n + 1 - b)}


@pytest.mark.parametrize("n", [20, 40, 60])
@pytest.mark.parametrize("won", [0.02, 0.05, 0.15])
@pytest.mark.parametrize("drop", [0.0, 0.05, 0.1])
def test_exact_coverage_of_the_upper_bound(n: int, won: float, drop: float) -> None:
    """Every outcome enumerated. The score is approximate: its coverage may fall short of 95 % by a little."""
    lost = won + drop
    covered = sum(
        comb(n, b) * comb(n - b, c) * lost**b * won**c * (1 - lost - won) ** (n - b - c)
        for (b, c), high in bounds_of(n).items()
        if high >= drop
    )
    assert covered >= 0.95 - DEFICIT


DEFICIT = 0.005
