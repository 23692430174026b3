"""E-divisive: found where they are, dated, the same every time; and what creeps is told."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from history_samples import day

from edgebuild.core.digest import digest_bytes
from edgebuild.core.history import Point
from edgebuild.core.metric import Budget
from edgebuild.judge.change_points import LATEST, LEAST, change_points
from edgebuild.judge.creep import creep_of, limits


def points(values: list[float]) -> list[Point]:
    return [Point(at=day(7 * i), bundle=digest_bytes(b"%d" % i), value=v, runs=9) for i, v in enumerate(values)]


def noise(count: int, level: float, seed: int, sd: float = 0.01) -> list[float]:
    draw = random.Random(seed)
    return [level * (1 + draw.gauss(0, sd)) for _ in range(count)]


def brute(values: list[float]) -> tuple[float, int]:
    """The statistic as the paper writes it, equations (5) to (7), from sums over all pairs."""
    best = (-np.inf, 0)
    for t in range(LEAST, len(values) - LEAST + 1):
        for k in range(t + LEAST, len(values) + 1):
            x, y = values[:t], values[t:k]
            n, m = len(x), len(y)
            between = 2 / (n * m) * sum(abs(a - b) for a in x for b in y)
            own = [
                sum(abs(a - b) for i, a in enumerate(z) for b in z[:i]) / (len(z) * (len(z) - 1) / 2) for z in (x, y)
            ]
            found = n * m / (n + m) * (between - sum(own))
            best = max(best, (found, t), key=lambda each: each[0])
    return best


@pytest.mark.parametrize("seed", range(5))
def test_the_statistic_is_the_papers(seed: int) -> None:
    from edgebuild.judge.change_points import _best

    values = noise(9, 5.0, seed) + noise(7, 5.1, seed + 50)
    wanted, at = brute(values)
    found = _best(np.asarray(values))
    assert found[0] == pytest.approx(wanted, rel=1e-9)
    assert found[1] == at


@pytest.mark.parametrize("seed", range(5))
def test_changes_are_found_and_dated(seed: int) -> None:
    values = noise(20, 100, seed) + noise(15, 105, seed + 1090) + noise(12, 95, seed + 2900)
    series = points(values)
    found = change_points(series)
    assert [change.index for change in found] == [pytest.approx(20, abs=1), pytest.approx(35, abs=1)]
    for change, (before, after) in zip(found, pairwise((100, 105, 95)), strict=True):
        assert change.at == series[change.index].at
        assert (change.before, change.after) == (pytest.approx(before, rel=0.01), pytest.approx(after, rel=0.01))
        assert change.significance <= 0.01
    assert change_points(series) == found


def test_a_steady_series_has_a_change_in_one_of_a_hundred_at_most() -> None:
    false = sum(bool(change_points(points(noise(40, 100, seed)))) for seed in range(200))
    assert false <= 6  # expected 2; more than 6 comes once in 250 times, and the seeds are fixed


@pytest.mark.parametrize("values", [[], [1.0], [2.0] * 50, [1.0, 2.0] * 3, [1.0] * 4 + [9.0] * 4])
def test_too_few_or_all_alike(values: list[float]) -> None:
    assert change_points(points(values)) == ()


def test_ten_bundles_are_enough_for_a_clear_step_and_one_strange_one_is_none() -> None:
    assert [change.index for change in change_points(points([1.0] * 7 + [2.0] * 7))] == [7]
    assert change_points(points([*noise(20, 100, 1), 300.0, *noise(20, 100, 2)])) == ()


def test_only_the_latest_are_looked_at_and_named_by_their_place_in_all() -> None:
    values = noise(50, 10, 1) + noise(LATEST - 20, 20, 4) + noise(20, 25, 5)
    assert [change.index for change in change_points(points(values))] == [pytest.approx(30 + LATEST, abs=1)]


def test_a_slow_creep_is_told_with_its_dates() -> None:
    series = points([value for step in range(5) for value in noise(6, 100 * 1.015**step, step, 0.002)])
    found = creep_of("latency_p50", series, 2.0)
    assert found is not None
    assert (found.since, found.released) == (series[0], False)
    assert found.percent == pytest.approx(6.1, abs=0.5)
    assert [change.index for change in found.changes] == [6, 12, 18, 24]
    assert (found.before, found.now) == (pytest.approx(100, rel=0.005), pytest.approx(106.1, rel=0.005))
    assert creep_of("latency_p50", series, 7.0) is None
    assert creep_of("latency_p50", series[:12], 2.0) is None


def test_a_creep_since_the_last_release_where_all_in_all_it_became_faster() -> None:
    series = points(noise(12, 200, 1, 0.002) + noise(12, 100, 2, 0.002) + noise(12, 104, 3, 0.002))
    found = creep_of("latency_p50", series, 2.0, released=15)
    assert found is not None
    assert (found.released, found.since) == (True, series[15])
    assert found.percent == pytest.approx(4, abs=0.3)
    assert [change.index for change in found.changes] == [24]
    assert creep_of("latency_p50", series, 2.0, released=30) is None
    assert creep_of("latency_p50", series, 2.0) is None


def test_what_a_gate_lets_pass_at_once() -> None:
    budgets = {
        "latency_p50": 1e6,
        "latency_p50_change": 3.0,
        "latency_p90": 2e6,
        "instructions": 1e9,
        "model_size": 1.0,
    }
    found = limits(Budget(metric=name, limit=limit) for name, limit in budgets.items())
    assert found == {"latency_p50": 3.0, "latency_p90": 2.0, "instructions": 0.5}
