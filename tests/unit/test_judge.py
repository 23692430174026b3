from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebuild.core.artifact import Quality
from edgebuild.core.errors import ConfigError
from edgebuild.core.measurement import Basis, Memory, Run
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.profile import Judging, Measuring
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.judge.accuracy import drop_bounds, judge_accuracy, samples_without_disagreement
from edgebuild.judge.facts import Facts
from edgebuild.judge.medians import ANYTIME, TWO_LOOKS, WATCHFUL, MedianTest
from edgebuild.judge.order_statistics import binomial_tail, least_runs, median_bounds, percentile, upper_rank
from edgebuild.judge.runs import judge_runs
from edgebuild.judge.sampling import Continue, next_step
from edgebuild.judge.verdict import judge

P50 = "latency_p50"


def run(ns: int, *, steady: bool = True) -> Run:
    return Run(mode=Mode.LATENCY, samples_ns=(ns,) * 100, steady=steady)


def quality(lost: int, won: int, samples: int) -> Quality:
    return Quality(metric="top1", dataset="0" * 64, samples=samples, lost=lost, won=won)


def facts(runs: list[Run], basis: Basis = Basis.DEVICE) -> Facts:
    return Facts("0" * 64, runs, basis, 100, None)


def test_seven_runs_are_the_least_at_99_percent() -> None:
    assert least_runs(0.99) == 7
    assert upper_rank(6, 0.99) is None
    assert upper_rank(7, 0.99) == 7
    assert median_bounds([7, 1, 2, 3, 4, 5, 6], 0.99) == (1, 7)


@given(st.integers(1, 60), st.integers(0, 60))
def test_the_binomial_tail_agrees_with_scipy(n: int, k: int) -> None:
    from scipy.stats import binom

    assert float(binomial_tail(n, k)) == pytest.approx(float(binom.sf(k - 1, n, 0.5)), rel=1e-9, abs=1e-15)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=50), st.sampled_from([0.5, 0.9, 0.99]))
def test_percentiles_are_nearest_rank(samples: list[int], q: float) -> None:
    value = percentile(samples, q)
    assert value in samples
    assert sum(s <= value for s in samples) >= q * len(samples) - 1e-9


@pytest.mark.parametrize("test", [TWO_LOOKS, ANYTIME])
@pytest.mark.parametrize(("ns", "outcome"), [(90, Outcome.PASS), (100, Outcome.PASS), (101, Outcome.FAIL)])
def test_the_limit_itself_passes(ns: int, outcome: Outcome, test: MedianTest) -> None:
    line = judge_runs(Budget(metric=P50, limit=100), [run(ns)] * 8, 0.99, Basis.DEVICE, test=test)
    assert line.outcome is outcome


@pytest.mark.parametrize(
    ("runs", "basis", "words"),
    [
        ([run(1)] * 7, Basis.DEVICE, "needs at least 8"),
        ([run(1)] * 8, Basis.VIRTUAL, "basis virtual"),
        ([run(1, steady=False)] * 8, Basis.DEVICE, "unsteady"),
        ([run(99)] * 7 + [run(101)], Basis.DEVICE, "both sides"),
        ([run(99)] * 20 + [run(101)] * 60, Basis.DEVICE, "contradict"),
        ([Run(mode=Mode.LATENCY, samples_ns=(1,))] * 8, Basis.DEVICE, "needs 20 samples"),
    ],
)
def test_what_cannot_be_told_is_inconclusive(runs: list[Run], basis: Basis, words: str) -> None:
    line = judge_runs(Budget(metric=P50, limit=100), runs, 0.99, basis)
    assert line.outcome is Outcome.INCONCLUSIVE
    assert words in line.reason


@pytest.mark.parametrize(
    ("limit", "outcome"), [(99, "INCONCLUSIVE"), (150, "PASS"), (10**10, "PASS"), (26, "INCONCLUSIVE"), (25, "FAIL")]
)
def test_an_unsteady_device_that_is_clear_of_the_limit_decides(limit: int, outcome: str) -> None:
    rising = [run(ns, steady=False) for ns in (50, 53, 56, 59, 62, 65, 68, 71, 73, 75)]
    line = judge_runs(Budget(metric=P50, limit=limit), rising, 0.99, Basis.DEVICE, test=WATCHFUL)
    assert line.outcome.name == outcome
    older = judge_runs(Budget(metric=P50, limit=limit), rising, 0.99, Basis.DEVICE, test=ANYTIME)
    assert "unsteady" in older.reason  # what was judged by the rules before stays as it was
    slow = rising[0].model_copy(update={"samples_ns": (50,) * 99 + (76,)})
    line = judge_runs(Budget(metric=P50, limit=150), [*rising, slow], 0.99, Basis.DEVICE, test=WATCHFUL)
    assert line.outcome is Outcome.INCONCLUSIVE  # one inference is nearer


@pytest.mark.parametrize("test", [TWO_LOOKS, ANYTIME])
def test_false_passes_at_the_boundary_are_rarer_than_alpha(test: MedianTest) -> None:
    generator = random.Random(1)
    passes, trials, limit = 0, 6000, 10**6
    for _ in range(trials):
        runs = [run(int(limit * generator.lognormvariate(1e-9, 0.05)) + 1) for _ in range(21)]
        first = judge_runs(Budget(metric="cold_start", limit=limit), [], 0.95, Basis.DEVICE, test=test)
        assert first.outcome is Outcome.INCONCLUSIVE
        values = [r.model_copy(update={"load_ns": r.samples_ns[0], "samples_ns": ()}) for r in runs]
        line = judge_runs(Budget(metric="cold_start", limit=limit), values, 0.95, Basis.DEVICE, test=test)
        passes += line.outcome is Outcome.PASS
    assert passes / trials <= 0.05 + 3 * (0.05 * 0.95 / trials) ** 0.5


def test_half_a_point_at_99_percent_needs_919_samples() -> None:
    # 918 at exactly 0.5 points: (1 - 0.005)^918 < 0.01042, ^919 <= 0.01
    assert samples_without_disagreement(0.5, 0.99) == 919
    budget = Budget(metric="accuracy_drop", limit=0.5)
    assert judge_accuracy(budget, quality(0, 0, 1500), 0.99).outcome is Outcome.PASS
    line = judge_accuracy(budget, quality(0, 0, 918), 0.99)
    assert line.outcome is Outcome.INCONCLUSIVE
    assert "at least 919" in line.reason
    assert judge_accuracy(budget, quality(60, 0, 1000), 0.99).outcome is Outcome.FAIL


@given(st.integers(0, 40), st.integers(0, 40), st.integers(100, 2000))
def test_the_bounds_of_a_drop_hold_the_estimate_and_are_symmetric(lost: int, won: int, n: int) -> None:
    low, high = drop_bounds(lost, won, n, 0.95)
    assert low <= 100 * (lost - won) / n <= high
    back_low, back_high = drop_bounds(won, lost, n, 0.95)
    assert (back_low, back_high) == pytest.approx((-high, -low), abs=1e-6)


def test_memory_is_judged_above_the_floor() -> None:
    runs = [Run(mode=Mode.MEMORY, memory=Memory(vm_hwm=150, floor=100))] * 8
    assert judge_runs(Budget(metric="peak_memory", limit=50), runs, 0.99, Basis.DEVICE).outcome is Outcome.PASS
    assert judge_runs(Budget(metric="process_memory", limit=149), runs, 0.99, Basis.DEVICE).outcome is Outcome.FAIL


def test_a_failed_budget_outranks_an_open_one_and_no_budget_never_passes() -> None:
    budgets = [Budget(metric="model_size", limit=99), Budget(metric=P50, limit=1)]
    verdict = judge(budgets, facts([]), Judging())
    assert (verdict.outcome, verdict.deciding, verdict.rule) == (Outcome.FAIL, "model_size", 4)
    assert judge([], facts([]), Judging()).outcome is Outcome.INCONCLUSIVE
    with pytest.raises(ConfigError, match="version 99"):
        judge(budgets, facts([]), Judging(), rule=99)


def test_sampling_goes_to_the_plan_then_on_until_it_is_decided_or_spent() -> None:
    budgets, open_runs = [Budget(metric=P50, limit=100)], [run(99), run(101)] * 20
    assert next_step(budgets, facts([]), Judging(), Measuring()) == Continue(Mode.LATENCY, 8)
    assert isinstance(next_step(budgets, facts(open_runs[:8]), Judging(), Measuring()), Continue)
    assert next_step(budgets, facts(open_runs[:38]), Judging(), Measuring()) == Continue(Mode.LATENCY, 2)
    assert isinstance(next_step(budgets, facts(open_runs[:40]), Judging(), Measuring()), Verdict)
    assert isinstance(next_step(budgets, facts([run(1)] * 8), Judging(), Measuring()), Verdict)
