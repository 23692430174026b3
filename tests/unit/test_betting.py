"""The anytime-valid test of a median: its wealth is fair, and its error is counted exactly and not simulated."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebuild.core.measurement import Basis, Run
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.profile import Judging, Measuring
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.judge.betting import hits_needed, least_runs, median_bounds, runs_to_go, wealth
from edgebuild.judge.facts import Facts
from edgebuild.judge.runs import judge_runs
from edgebuild.judge.sampling import Continue, next_step

P50 = "latency_p50"
VALUES = st.lists(st.integers(0, 30).map(float), max_size=60)


def run(ns: float) -> Run:
    return Run(mode=Mode.LATENCY, samples_ns=(int(ns),) * 100)


def ever_refuted(chance: Fraction, runs: int, confidence: float) -> Fraction:
    """The chance that at any time up to so many runs the wealth reaches 1/α, by adding up all ways to get there."""
    refuted, alive = Fraction(0), {0: Fraction(1)}
    for count in range(1, runs + 1):
        grown: dict[int, Fraction] = {}
        for hits, mass in alive.items():
            grown[hits + 1] = grown.get(hits + 1, Fraction(0)) + mass * chance
            grown[hits] = grown.get(hits, Fraction(0)) + mass * (1 - chance)
        needed = hits_needed(count, confidence)
        refuted += sum(mass for hits, mass in grown.items() if needed is not None and hits >= needed)
        alive = {hits: mass for hits, mass in grown.items() if needed is None or hits < needed}
    return refuted


@pytest.mark.parametrize("runs", range(9))
def test_the_game_is_fair(runs: int) -> None:
    paths = [wealth(runs, sum(signs)) for signs in product((0, 1), repeat=runs)]
    assert sum(paths) == 2**runs


@pytest.mark.parametrize("runs", range(1, 9))
def test_no_step_gains_on_average_where_hits_are_no_likelier_than_misses(runs: int) -> None:
    for hits in range(runs):
        after = (wealth(runs, hits + 1) + wealth(runs, hits)) / 2
        assert after == wealth(runs - 1, hits)


@pytest.mark.parametrize(("confidence", "alpha"), [(0.99, Fraction(1, 100)), (0.9, Fraction(1, 10))])
def test_looking_after_every_one_of_200_runs_errs_less_often_than_alpha(confidence: float, alpha: Fraction) -> None:
    assert alpha / 3 < ever_refuted(Fraction(1, 2), 200, confidence) <= alpha
    assert ever_refuted(Fraction(2, 5), 200, confidence) <= alpha


def test_a_shift_of_0_8_deviations_is_found_within_100() -> None:
    assert ever_refuted(Fraction("0.788"), 100, 0.99) >= Fraction(95, 100)


@pytest.mark.parametrize(("confidence", "runs"), [(0.99, 8), (0.9, 4), (0.999, 11)])
def test_the_least_runs(confidence: float, runs: int) -> None:
    assert least_runs(confidence) == runs
    assert hits_needed(runs, confidence) == runs


@given(st.integers(8, 90))
def test_the_fewest_hits_refute_and_one_less_do_not(runs: int) -> None:
    needed = hits_needed(runs, 0.99)
    assert needed is not None
    assert wealth(runs, needed) >= 100 > wealth(runs, needed - 1)


@given(VALUES, st.integers(0, 30))
def test_bounds_refute_a_limit_when_some_beginning_does(values: list[float], limit: int) -> None:
    low, high = median_bounds(values, 0.9)
    begun = [values[:n] for n in range(1, len(values) + 1)]
    below = [(len(b), sum(v <= limit for v in b)) for b in begun]
    needed = [(hits_needed(n, 0.9), n, hits) for n, hits in below]
    assert (high is not None and high <= limit) == any(k is not None and hits >= k for k, _, hits in needed)
    assert (low is not None and low > limit) == any(k is not None and n - hits >= k for k, n, hits in needed)


@given(VALUES, st.integers(0, 30))
def test_runs_to_go_are_the_least_that_could_decide(values: list[float], limit: int) -> None:
    line = judge_runs(Budget(metric=P50, limit=limit), [run(v) for v in values], 0.9, Basis.DEVICE)
    if line.outcome is not Outcome.INCONCLUSIVE or "contradict" in line.reason:
        return
    more = runs_to_go(values, limit, 0.9)
    best = [
        judge_runs(Budget(metric=P50, limit=limit), [run(v) for v in (*values, *[end] * n)], 0.9, Basis.DEVICE).outcome
        for n in (more - 1, more)
        for end in (0.0, 31.0)
    ]
    assert set(best[:2]) == {Outcome.INCONCLUSIVE}
    assert set(best[2:]) != {Outcome.INCONCLUSIVE}


def test_sampling_stops_as_soon_as_it_is_decided() -> None:
    budgets, most = [Budget(metric=P50, limit=100)], Measuring()
    made: list[Run] = []
    for ns in (90, 90, 101, *[90] * 30):
        step = next_step(budgets, Facts("0" * 64, made, Basis.DEVICE, 1, None), Judging(), most)
        if isinstance(step, Verdict):
            assert (step.outcome, len(made)) == (Outcome.PASS, 15)
            return
        assert step == Continue(Mode.LATENCY, 8 - len(made) if len(made) < 8 else 15 - len(made))
        made.append(run(ns))
    pytest.fail("never decided")


def test_runs_that_contradict_each_other_decide_nothing_and_no_more_are_wanted() -> None:
    budgets, made = [Budget(metric=P50, limit=100)], [run(90)] * 20 + [run(200)] * 60
    step = next_step(budgets, Facts("0" * 64, made, Basis.DEVICE, 1, None), Judging(), Measuring(max_runs=200))
    assert isinstance(step, Verdict)
    assert step.outcome is Outcome.INCONCLUSIVE
    assert "stepped by +122 % after 20 runs" in step.reason
