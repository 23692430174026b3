"""Two runs that take turns, for real on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgebuild.bench.bench import Bench
from edgebuild.bench.given import Side
from edgebuild.bench.runners.base import Crash
from edgebuild.core.errors import ConfigError, DeviceError
from edgebuild.core.measurement import Measurement
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.profile import Measuring
from edgebuild.core.target import RuntimeOptions
from edgebuild.core.verdict import Outcome
from edgebuild.core.wire import Response
from edgebuild.devices.ship import runner_zipapp
from edgebuild.devices.transports.local import open_local
from edgebuild.runner.processors import keep_to_fastest
from edgebuild.store.evidence import read_evidence
from edgebuild.trial import run_trial
from edgebuild.verification import verify
from tests.unit.test_runner_inputs import adder
from tests.unit.test_trial import PROFILE, TARGET, bundle_of

SHORT = Measuring(min_samples=30, min_seconds=0.05, warmup_seconds=0.05, turn_seconds=0.01)


def side() -> Side:
    return adder(), {name: np.zeros((1, 4), np.float32) for name in "ab"}


def test_both_have_enough_samples_and_every_turn_warms_up_anew() -> None:
    with Bench(open_local()) as bench:
        runs = bench.run_by_turns("onnxruntime", (side(), side()), RuntimeOptions(), SHORT, "seed")
    for run in runs:
        assert run.mode is Mode.TURNS
        assert len(run.samples_ns) >= 30
        assert sum(run.samples_ns) <= sum(run.samples_ns + run.warmup_ns)
        assert run.load_ns
        assert run.first_ns
    slow, brief = Measuring(min_samples=3, min_seconds=0, warmup_seconds=0, turn_seconds=1e-9), RuntimeOptions()
    with Bench(open_local()) as bench:
        first, _ = bench.run_by_turns("onnxruntime", (side(), side()), brief, slow, "seed")
    assert len(first.samples_ns) >= 3, "an inference that takes longer than a turn has a turn of its own"
    assert len(first.warmup_ns) <= 1


def test_both_are_on_the_same_processors_as_many_as_they_have_threads() -> None:
    most = len(os.sched_getaffinity(0))
    for threads in (1, most):
        with Bench(open_local()) as bench:
            runs = bench.run_by_turns("onnxruntime", (side(), side()), RuntimeOptions(threads=threads), SHORT, "seed")
        first, second = (run.after.processors for run in runs)
        assert first == second
        assert len(first or ()) == threads


@pytest.mark.parametrize(
    ("told", "count", "kept"),
    [
        ({"cpu_capacity": (512, 1024, 1024, 512)}, 1, {2}),
        ({"cpu_capacity": (512, 1024, 1024, 512)}, 3, {1, 2, 3}),
        ({"cpufreq/cpuinfo_max_freq": (2_000_000, 1_800_000, 1_800_000, 1_800_000)}, 1, {0}),
        ({}, 2, {2, 3}),
        ({}, 4, None),
        ({}, 9, None),
    ],
)
def test_the_fastest_processors_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, tuple[int, ...]], count: int, kept: set[int] | None
) -> None:
    for name, values in told.items():
        for number, value in enumerate(values):
            place = tmp_path / f"devices/system/cpu/cpu{number}/{name}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{value}\n")
    asked: list[set[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, numbers: asked.append(set(numbers)))
    keep_to_fastest(count, tmp_path)
    assert asked == ([] if kept is None else [kept])


def test_a_side_that_can_not_run_is_told_as_if_it_were_alone() -> None:
    broken = ({"model.onnx": b"no model"}, None)
    for sides in ((broken, side()), (side(), broken)):
        with Bench(open_local()) as bench, pytest.raises(Exception, match=r"failed twice|no model|model") as caught:
            bench.run_by_turns("onnxruntime", sides, RuntimeOptions(), SHORT, "seed")
        assert type(caught.value).__name__ == "ModelRejected"
    wrong = (adder(), {"a": np.zeros((1, 4), np.float32)})
    with Bench(open_local()) as bench, pytest.raises(ConfigError, match="no input b"):
        bench.run_by_turns("onnxruntime", (side(), wrong), RuntimeOptions(), SHORT, "seed")


def test_what_works_alone_only_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with Bench(open_local()) as bench:
        dead = [Crash("killed by SIGSEGV", killed=False), Response(schema=1, ok=True, samples_ns=(1,))]
        monkeypatch.setattr(bench._session, "run_by_turns", lambda *_: dead)
        with pytest.raises(DeviceError, match="turn_seconds = 0"):
            bench.run_by_turns("onnxruntime", (side(), side()), RuntimeOptions(), SHORT, "seed")


def test_a_child_that_is_killed_ends_both_and_reads_as_killed(tmp_path: Path) -> None:
    (tmp_path / "runner.pyz").write_bytes(runner_zipapp())
    (tmp_path / "dying.py").write_text(
        "import os, signal, subprocess, sys\n"
        "sys.path.insert(0, 'runner.pyz')\n"
        "from runner import turns\n"
        "sides = [[sys.executable, '-c', 'import os; os.kill(os.getpid(), 9)'],\n"
        "         [sys.executable, '-c', 'import os\\nwhile os.read(0, 1) == b\"g\": os.write(1, b\"m\")']]\n"
        "made = iter(sides)\n"
        "real = turns._Side.__init__\n"
        "turns._Side.__init__ = lambda self, command: real(self, next(made))\n"
        "sys.exit(turns.take_turns('s', ['a', 'b'], ['c', 'd']))\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, "dying.py"], cwd=tmp_path, timeout=30, check=False)
    assert done.returncode == -9


@pytest.mark.serial
def test_runs_by_turns_are_evidence_of_their_own_kind_and_judged_again(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    older, bundle = bundle_of(tmp_path / "old"), bundle_of(tmp_path, detour=1)
    wide, absolute = Budget(metric="latency_p50_change", limit=900.0), Budget(metric="latency_p50", limit=1e9)
    verdict = run_trial(bundle, open_local(), [wide, absolute], PROFILE, TARGET, baseline=older)
    assert verdict.outcome is Outcome.PASS
    found = [r.payload for r in read_evidence(bundle) if isinstance(r.payload, Measurement)]
    assert [m.key.workload for m in found] == ["by_turns"] * 4 + ["back_to_back"] * 4
    assert [line.count for line in verdict.lines] == [4, 4], "a run that shared the machine tells no latency by itself"
    assert verdict.baseline is not None
    assert {run.pair for run in verdict.baseline.runs} == {m.runs[0].pair for m in found[:4]}
    assert verify(bundle, TARGET)[-1].state == "ok"
