"""What a device does to a series of times is seen, named and sized; what is only noise is not."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from edgebuild.core.measurement import Basis, Environment, Run
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.profile import Judging
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.judge.facts import Facts
from edgebuild.judge.steadiness import LEAST, change_of, shape_of
from edgebuild.judge.verdict import judge


def noisy(factor: Callable[[int], float], count: int = 60, seed: int = 0) -> list[float]:
    rng = random.Random(seed)
    return [1e6 * factor(place) * (1 + rng.gauss(0, 0.01)) for place in range(count)]


def test_a_drift_is_named_with_its_size() -> None:
    shape = shape_of(noisy(lambda place: 1 + 0.3 * place / 59))
    assert shape is not None
    assert (shape.name, shape.factor) == ("drift", pytest.approx(1.3, abs=0.03))
    assert shape.told("runs").startswith("drifted by +")


def test_a_step_is_named_with_its_place() -> None:
    for place in (2, 20, 58):
        shape = shape_of(noisy(lambda at, place=place: 1.4 if at >= place else 1.0))
        assert shape is not None
        assert (shape.name, shape.at, shape.factor) == ("step", place, pytest.approx(1.4, abs=0.03))
    assert shape.told("runs") == f"stepped by {100 * (shape.factor - 1):+.0f} % after 58 runs"


def test_two_modes_are_named_with_their_share() -> None:
    rng = random.Random(1)
    shape = shape_of(noisy(lambda _: 2.3 if rng.random() < 0.3 else 1.0, 100))
    assert shape is not None
    assert (shape.name, shape.factor) == ("bimodal", pytest.approx(2.3, abs=0.05))
    assert 0.2 < shape.share < 0.4


@pytest.mark.parametrize("period", [2, 5, 12])
def test_a_period_is_named_with_its_length(period: int) -> None:
    shape = shape_of(noisy(lambda place: 1.1 if place % period < period / 2 else 1.0, 60))
    assert shape is not None
    assert (shape.name, shape.period) == ("periodic", pytest.approx(period, rel=0.01))


@pytest.mark.parametrize("count", [LEAST, 16, 60, 200])
def test_noise_has_no_shape(count: int) -> None:
    found = [shape_of(noisy(lambda _: 1.0, count, seed)) for seed in range(100)]
    assert found == [None] * 100
    assert shape_of([5.0] * count) is None
    assert shape_of([1.0] * (LEAST - 1)) is None
    assert change_of([0.0] * count) is None, "no time at all has no logarithm"


def test_too_small_a_change_is_no_shape() -> None:
    assert shape_of(noisy(lambda place: 1 + 0.03 * place / 59)) is None


def facts(values: Sequence[float], clock: Sequence[int] = ()) -> Facts:
    runs = [
        Run(
            mode=Mode.LATENCY,
            samples_ns=(round(value),) * 100,
            during=(Environment(clock_khz=(each,)),) if each else (),
        )
        for value, each in zip(values, list(clock) or [0] * len(values), strict=True)
    ]
    return Facts("0" * 64, runs, Basis.DEVICE, 1, None)


def verdict(limit: float, values: Sequence[float], rule: int = 4, clock: Sequence[int] = ()) -> Verdict:
    return judge([Budget(metric="latency_p50", limit=limit)], facts(values, clock), Judging(), rule)


def test_runs_that_step_decide_no_absolute_budget_and_the_clock_is_told() -> None:
    values = [1e6] * 12 + [1.6e6] * 12
    assert verdict(2e6, values, rule=3).outcome is Outcome.PASS, "older verdicts stay as they were"
    found = verdict(2e6, values, clock=[2_400_000] * 12 + [1_500_000] * 12)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "unsteady: stepped by +60 % after 12 runs; the clock fell from 2.4 to 1.5 GHz" in found.reason


def test_a_budget_between_two_modes_is_open_and_one_beyond_both_passes() -> None:
    rng = random.Random(3)
    values = [2e6 if rng.random() < 0.5 else 1e6 for _ in range(40)]
    assert verdict(3e6, values).outcome is Outcome.PASS
    assert "bimodal" in verdict(1.5e6, values).reason


def test_modes_inside_the_runs_are_named_where_the_percentile_lies_between_them() -> None:
    rng = random.Random(5)
    runs = []
    for number in range(20):
        samples = tuple(2_300_000 if rng.random() < 0.5 else 1_000_000 + number for _ in range(100))
        runs.append(Run(mode=Mode.LATENCY, samples_ns=samples))
    found = judge([Budget(metric="latency_p50", limit=1.6e6)], Facts("0" * 64, runs, Basis.DEVICE, 1, None), Judging())
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "bimodal" in found.reason
