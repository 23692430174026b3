"""Budgets on what a compiler estimates: judged by its word, and said to be."""

from __future__ import annotations

import pytest

from edgebuild.core.artifact import Compilation, ModelFile, Placed, Placement
from edgebuild.core.measurement import Basis
from edgebuild.core.metric import METRICS, Budget, Kind
from edgebuild.core.profile import Judging, Measuring
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.judge.facts import Facts
from edgebuild.judge.sampling import next_step

DIGEST = "0" * 64
WHOLE = Placement(by="Vela 9", ops=(Placed(op="a", unit="npu"), Placed(op="b", unit="npu")), partitions=1)
SPLIT = Placement(by="Vela 9", ops=(Placed(op="a", unit="npu"), Placed(op="b", unit="cpu", rule="no")), partitions=1)


def facts(placement: Placement | None, basis: Basis = Basis.ESTIMATE, **estimates: float) -> Facts:
    made = placement and Compilation(
        files=(ModelFile(name="m", sha256=DIGEST, size=1),), placement=placement, estimates=estimates
    )
    return Facts(DIGEST, (), basis, 1000, None, is_float=True, compilation=made)


def verdict(found: Facts, **limits: float) -> Verdict:
    budgets = [Budget(metric=name, limit=limit) for name, limit in limits.items()]
    step = next_step(budgets, found, Judging(), Measuring())
    assert isinstance(step, Verdict), "nothing is sampled of what is only estimated"
    return step


def test_the_limit_itself_passes_and_what_is_above_fails() -> None:
    for limit, outcome in ((2048, Outcome.PASS), (2047, Outcome.FAIL)):
        found = verdict(facts(WHOLE, sram=2048), sram=limit)
        assert found.outcome is outcome
        assert found.lines[0].basis == "estimated by Vela 9"
        assert found.lines[0].estimate == 2048


def test_operators_and_partitions_are_counted() -> None:
    assert verdict(facts(WHOLE), cpu_fallback_ops=0, partitions=1).outcome is Outcome.PASS
    found = verdict(facts(SPLIT), cpu_fallback_ops=0, partitions=1)
    assert [line.outcome for line in found.lines] == [Outcome.FAIL, Outcome.PASS]


@pytest.mark.parametrize("metric", ["cycles", "latency_estimate"])
def test_time_with_operators_left_to_the_cpu_can_fail_and_not_pass(metric: str) -> None:
    found = facts(SPLIT, **{metric: 100.0})
    assert verdict(found, **{metric: 99.0}).outcome is Outcome.FAIL
    open_one = verdict(found, **{metric: 1000.0})
    assert open_one.outcome is Outcome.INCONCLUSIVE
    assert "1 operators are left to the CPU" in open_one.reason
    assert open_one.lines[0].high is None
    assert verdict(facts(WHOLE, **{metric: 100.0}), **{metric: 100.0}).outcome is Outcome.PASS


def test_what_no_compiler_told_is_inconclusive() -> None:
    assert "no compiler made this variant" in verdict(facts(None), sram=1).reason
    assert "Vela 9 does not tell it" in verdict(facts(WHOLE), sram=1).reason


def test_what_would_have_to_be_run_is_shown_beside_estimates_and_decides_alone() -> None:
    found = verdict(facts(WHOLE, sram=1), sram=1, latency_p90=1e9, instructions=1e9, peak_memory=1e9)
    assert found.outcome is Outcome.PASS
    assert [line.decides for line in found.lines] == [True, False, False, False]
    assert verdict(facts(WHOLE, sram=1), latency_p90=1e9).outcome is Outcome.INCONCLUSIVE


def test_on_a_device_without_a_compiler_estimates_are_shown_beside_what_is_measured() -> None:
    found = next_step(
        [Budget(metric="sram", limit=1), Budget(metric="latency_p50", limit=1)], facts(None, Basis.DEVICE), Judging(),
        Measuring(),
    )  # fmt: skip
    assert not isinstance(found, Verdict), "the time is sampled"
    alone = verdict(facts(None, Basis.DEVICE), sram=1)
    assert alone.outcome is Outcome.INCONCLUSIVE
    assert alone.lines[0].decides


def test_every_estimated_metric_says_what_it_is() -> None:
    named = [metric for metric in METRICS.values() if metric.kind is Kind.ESTIMATED]
    assert len(named) == 9
    assert all(metric.meaning and metric.mode is None for metric in named)
