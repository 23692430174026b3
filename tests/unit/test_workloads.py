"""Bursts, a duty cycle and sustained minutes: runs at another pace, each with metrics of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgebuild.bench.bench import Bench
from edgebuild.core import workload
from edgebuild.core.measurement import Measurement, Run
from edgebuild.core.metric import METRICS, Budget, Mode
from edgebuild.core.profile import Measuring
from edgebuild.core.target import RuntimeOptions
from edgebuild.core.verdict import Outcome
from edgebuild.core.wire import Request
from edgebuild.core.workload import Workload
from edgebuild.devices.ship import runner_zipapp
from edgebuild.devices.transports.local import open_local
from edgebuild.judge.runs import minutes_of, value_of
from edgebuild.store.evidence import read_evidence
from edgebuild.trial import run_trial
from edgebuild.verification import verify
from tests.unit.test_runner_inputs import adder
from tests.unit.test_trial import PROFILE, TARGET, bundle_of

BRIEF = {
    Mode.BURST: Workload(burst=10, gap_seconds=0.01),
    Mode.DUTY: Workload(burst=1, period_seconds=0.002),
    Mode.SUSTAINED: Workload(seconds=0.3),
}


def test_each_pace_has_runs_of_its_own_and_is_judged_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for mode, brief in BRIEF.items():
        monkeypatch.setitem(workload.WORKLOADS, mode, brief)
    bundle = bundle_of(tmp_path)
    measuring = PROFILE.measuring.model_copy(update={"min_samples": 100})
    limits = {"burst_p90": 1e9, "duty_cycle_p90": 1e9, "sustained_p90": 1e9, "latency_p50": 1e9}
    budgets = [Budget(metric=name, limit=limit) for name, limit in limits.items()]
    profile = PROFILE.model_copy(update={"measuring": measuring})
    verdict = run_trial(bundle, open_local(), budgets, profile, TARGET)
    assert [line.count for line in verdict.lines] == [4] * 4
    assert Outcome.FAIL not in {line.outcome for line in verdict.lines}, "a busy machine may leave them open"
    found = [r.payload.key.workload for r in read_evidence(bundle) if isinstance(r.payload, Measurement)]
    assert {name: found.count(name) for name in found} == {
        "back_to_back": 4, "burst": 4, "duty_cycle": 4, "sustained": 4
    }  # fmt: skip
    assert verify(bundle, TARGET)[-1].state == "ok"


def test_pauses_come_between_bursts_and_a_duty_cycle_keeps_its_beat(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive = tmp_path / "runner.pyz"
    archive.write_bytes(runner_zipapp())
    monkeypatch.syspath_prepend(str(archive))
    from runner import pace

    now, slept = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 6))
        now[0] += seconds

    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(pace.time, "sleep", sleep)
    bursts = pace.Pace({"burst": 3, "gap_seconds": 0.5})
    for made in range(7):
        bursts.wait(made)
    assert slept == [0.5, 0.5]
    slept.clear()
    beat = pace.Pace({"burst": 1, "period_seconds": 0.1})
    for made in range(4):
        beat.wait(made)
        now[0] += 0.03
    assert slept == [0.07, 0.07, 0.07]
    now[0] += 1.0
    beat.wait(4)
    beat.wait(5)
    assert slept[-2:] == [0.0, 0.1], "what is late is not made up for"
    for name in [name for name in sys.modules if name.partition(".")[0] == "runner"]:
        del sys.modules[name]


def test_of_very_many_inferences_some_are_kept() -> None:
    request = Request(
        mode=Mode.LATENCY, runtime="onnxruntime", min_samples=100, max_samples=10, min_seconds=0, warmup_seconds=0
    )
    with Bench(open_local()) as bench:
        answer = bench.execute(request, adder(), {name: np.zeros((1, 4), np.float32) for name in "ab"})
        assert (answer.every, len(answer.samples_ns)) == (16, 7)
        run = bench.latency_run("onnxruntime", adder(), None, RuntimeOptions(), Measuring(min_samples=20))
    assert run.every == 1


def sustained(samples: tuple[int, ...]) -> Run:
    return Run(mode=Mode.SUSTAINED, samples_ns=samples)


def test_the_first_minute_is_held_against_the_last() -> None:
    run = sustained((100,) * 1000 + (150,) * 400 + (200,) * 100)
    first, last = minutes_of(run)
    assert set(first) == {100}
    assert sum(first) == sum(run.samples_ns) // 5
    assert value_of(METRICS["sustained_p90"], run) == 200
    assert value_of(METRICS["sustained_slowdown"], run) == pytest.approx(50.0)
    assert sorted(set(last)) == [150, 200]
    assert value_of(METRICS["sustained_slowdown"], sustained((100,) * 20)) is None, "too few to tell"
    assert value_of(METRICS["sustained_slowdown"], Run(mode=Mode.LATENCY, samples_ns=(1,) * 500)) is None
    assert minutes_of(sustained(())) == ((), ())
