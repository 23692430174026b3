"""Instructions: counted on a virtual board, judged exactly; and what a virtual board can't judge."""

from __future__ import annotations

import pytest

from edgebuild.core.measurement import Basis, Measurement, MeasurementKey, Memory, Run
from edgebuild.core.metric import METRICS, Budget, Kind, Mode, parse_budget
from edgebuild.core.profile import Judging, Measuring
from edgebuild.core.units import format_quantity
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.judge.exact import instructions_of, judge_instructions
from edgebuild.judge.facts import Facts
from edgebuild.judge.sampling import Continue, next_step
from edgebuild.judge.verdict import RULES, judge

LIMIT = Budget(metric="instructions", limit=1_000_000)
CHANGE = Budget(metric="instructions_change", limit=0.5)
LATENCY = Budget(metric="latency_p50", limit=1e9)


def exact(count: int, empty: int = 5000) -> Run:
    """A run of ``count`` instructions, of which two inferences were disturbed."""
    samples = (count + empty,) * 18 + (count + empty + 90_000,) * 2
    return Run(mode=Mode.EXACT, samples_ns=samples, empty_ns=(empty,) * 19 + (empty + 50_000,))


def facts(runs: list[Run], basis: Basis = Basis.VIRTUAL, baseline: list[Run] | None = None) -> Facts:
    return Facts("0" * 64, runs, basis, 100, None, baseline=baseline or [])


def test_a_run_counts_the_model_less_the_empty_one() -> None:
    assert instructions_of(exact(900_000)) == 900_000
    assert instructions_of(exact(900_000).model_copy(update={"empty_ns": ()})) is None
    assert instructions_of(exact(900_000).model_copy(update={"mode": Mode.LATENCY})) is None
    assert METRICS["instructions"].kind is Kind.EXACT
    assert parse_budget("instructions", "12 M").limit == 12e6
    assert format_quantity(3_678_700, METRICS["instructions"].unit) == "3,678,700"


@pytest.mark.parametrize(
    ("counts", "outcome", "words"),
    [
        ((999_999, 1_000_000), Outcome.PASS, ""),
        ((1_000_001, 1_000_002), Outcome.FAIL, "every run is above"),
        ((999_999, 1_000_001), Outcome.INCONCLUSIVE, "between the runs"),
        ((900_000, 901_000), Outcome.INCONCLUSIVE, "does not repeat"),
        ((900_000, 900_900), Outcome.PASS, ""),
        ((900_000,), Outcome.INCONCLUSIVE, "at least 2"),
        ((0, 0), Outcome.INCONCLUSIVE, "no more than an empty model"),
    ],
)
def test_runs_that_agree_decide(counts: tuple[int, ...], outcome: Outcome, words: str) -> None:
    line = judge_instructions(LIMIT, [exact(count) for count in counts], [], Basis.VIRTUAL)
    assert (line.outcome, line.basis) == (outcome, "exact")
    assert words in line.reason
    assert bool(line.reason) == bool(words)


@pytest.mark.parametrize(
    ("now", "outcome", "words"),
    [
        (1_000_000, Outcome.PASS, ""),
        (1_004_000, Outcome.PASS, ""),
        (1_010_000, Outcome.FAIL, "every run is above"),
        (1_005_000, Outcome.INCONCLUSIVE, "between the runs"),
        (900_000, Outcome.PASS, ""),
    ],
)
def test_one_percent_is_told_from_none(now: int, outcome: Outcome, words: str) -> None:
    baseline, runs = [exact(1_000_000), exact(1_000_300)], [exact(now), exact(now + 300)]
    line = judge_instructions(CHANGE, runs, baseline, Basis.VIRTUAL)
    assert line.outcome is outcome
    assert words in line.reason
    assert line.low is not None
    assert line.high is not None
    assert line.low <= 100 * (now / 1_000_000 - 1) <= line.high


def test_a_change_needs_a_baseline_that_repeats() -> None:
    runs = [exact(1_000_000)] * 2
    assert "no baseline" in judge_instructions(CHANGE, runs, [], Basis.VIRTUAL).reason
    assert "1 exact runs of the baseline" in judge_instructions(CHANGE, runs, runs[:1], Basis.VIRTUAL).reason
    assert parse_budget("instructions_change", "0.5 %") == CHANGE
    wild = judge_instructions(CHANGE, runs, [exact(1_000_000), exact(1_100_000)], Basis.VIRTUAL)
    assert (wild.outcome, "does not repeat" in wild.reason) == (Outcome.INCONCLUSIVE, True)


def test_a_latency_on_a_virtual_board_is_not_judged_and_exits_4() -> None:
    runs = [Run(mode=Mode.LATENCY, samples_ns=(1,) * 100)] * 8
    verdict = judge([LATENCY, Budget(metric="model_size", limit=1000)], facts(runs), Judging())
    assert (verdict.outcome.exit_code, verdict.deciding) == (4, "latency_p50")
    assert "not judged here" in verdict.reason


def test_exact_budgets_decide_beside_it() -> None:
    verdict = judge([LATENCY, LIMIT], facts([exact(900_000)] * 2), Judging())
    assert (verdict.outcome, verdict.rule) == (Outcome.PASS, 4)
    assert [line.decides for line in verdict.lines] == [False, True]
    assert "not judged here" in verdict.lines[0].reason
    broken = judge([LATENCY, LIMIT], facts([exact(1_100_000)] * 2), Judging())
    assert (broken.outcome, broken.deciding) == (Outcome.FAIL, "instructions")
    too_big = judge([LATENCY, LIMIT, Budget(metric="model_size", limit=99)], facts([exact(9)] * 2), Judging())
    assert (too_big.outcome, too_big.deciding) == (Outcome.FAIL, "model_size")


def test_on_the_device_times_decide_and_instructions_do_not() -> None:
    runs = [Run(mode=Mode.LATENCY, samples_ns=(1,) * 100)] * 8
    assert judge([LATENCY, LIMIT], facts(runs, Basis.DEVICE), Judging()).outcome is Outcome.PASS
    alone = judge([LIMIT], facts(runs, Basis.DEVICE), Judging())
    assert (alone.outcome, "a virtual board counts them" in alone.reason) == (Outcome.INCONCLUSIVE, True)


def test_memory_is_judged_on_a_virtual_board_and_was_not_by_rule_1() -> None:
    runs = [Run(mode=Mode.MEMORY, memory=Memory(vm_hwm=150, floor=100))] * 8
    budgets = [Budget(metric="peak_memory", limit=50)]
    assert judge(budgets, facts(runs), Judging()).outcome is Outcome.PASS
    older = judge(budgets, facts(runs), Judging(), rule=1)
    assert (older.outcome, older.rule, "not judged here" in older.reason) == (Outcome.INCONCLUSIVE, 1, True)
    assert judge(budgets, facts(runs, Basis.SIMULATOR), Judging()).outcome is Outcome.INCONCLUSIVE


def test_all_rules_stay_and_agree_where_there_is_no_doubt_on_a_device() -> None:
    assert set(RULES) == {1, 2, 3, 4}
    runs = [Run(mode=Mode.LATENCY, samples_ns=(500,) * 100)] * 8
    for limit in (400, 500, 600):
        budgets = [Budget(metric="latency_p50", limit=limit), Budget(metric="model_size", limit=100)]
        one, two, three = (judge(budgets, facts(runs, Basis.DEVICE), Judging(), rule) for rule in (1, 2, 3))
        assert one.model_copy(update={"rule": 2}) == two
        assert two.model_copy(update={"rule": 3}) == three


def test_two_exact_runs_are_asked_for_and_no_times_on_a_virtual_board() -> None:
    budgets = [LATENCY, LIMIT]
    assert next_step(budgets, facts([]), Judging(), Measuring()) == Continue(Mode.EXACT, 2)
    assert next_step(budgets, facts([exact(9)]), Judging(), Measuring()) == Continue(Mode.EXACT, 1)
    assert isinstance(next_step(budgets, facts([exact(9)] * 2), Judging(), Measuring()), Verdict)
    assert isinstance(next_step([LATENCY], facts([]), Judging(), Measuring()), Verdict)
    assert next_step(budgets, facts([], Basis.DEVICE), Judging(), Measuring()) == Continue(Mode.LATENCY, 8)


def test_exact_runs_are_filed_apart_and_the_differing_tool_is_named() -> None:
    key = MeasurementKey(
        bundle="0" * 64, part="model", precision="int8", model="1" * 64, signature="main", workload="back_to_back",
        device="board", threads=1, toolchain={"qemu": "7.2", "runtime": "x"}, basis=Basis.VIRTUAL,
    )  # fmt: skip
    counted = key.of_mode(Mode.EXACT)
    assert counted.workload == "exact"
    assert counted.of_mode(Mode.LATENCY) == key
    other = counted.model_copy(update={"toolchain": {"qemu": "9.1", "runtime": "x", "kernel": "6"}, "bundle": "2" * 64})
    assert counted.differing(other) == ("bundle", "toolchain.kernel", "toolchain.qemu")


def test_older_evidence_still_loads() -> None:
    older = {
        "bundle": "0" * 64, "lines": [{"budget": {"metric": "model_size", "limit": 9.0}, "outcome": "PASS"}],
        "outcome": "PASS", "rule": 1,
    }  # fmt: skip
    verdict = Verdict.model_validate(older)
    assert (verdict.baseline, verdict.lines[0].decides) == (None, True)
    run = Run.model_validate({"mode": "memory", "memory": {"vm_hwm": 5, "floor": 1}})
    assert (run.empty_ns, run.told_ns, run.memory and run.memory.pss_peak) == ((), {}, None)
    assert Measurement.model_fields.keys() == {"key", "runs"}
