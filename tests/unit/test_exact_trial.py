"""Trials on a board that counts instructions; the board itself is played by this machine, and its counts are given."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import edgebuild.trial as trial
from edgebuild import opening, sampling
from edgebuild.bench.bench import Bench
from edgebuild.bench.empty_models import empty_chain, empty_model, runtimes_with_empty
from edgebuild.bench.exact import SAMPLES, WARM_UP, exact_run, with_fixed_seed
from edgebuild.core.device import DeviceEntry, Virtual
from edgebuild.core.errors import ConfigError
from edgebuild.core.measurement import Basis, Measurement, Run
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.target import RuntimeOptions
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.devices.base import Device
from edgebuild.devices.ship import RUNNER
from edgebuild.devices.transports.local import open_local
from edgebuild.judge.exact import instructions_of
from edgebuild.report.verdict import line_texts
from edgebuild.store.bundle import Bundle
from edgebuild.store.devices import save_device
from edgebuild.store.evidence import append, read_evidence
from edgebuild.verification import verify
from tests.unit.test_trial import PROFILE, TARGET, bundle_of, host_project

VERSIONS = {"qemu": "7.2.0", "kernel": "6.1", "cpu": "cortex-a76", "clock": "instructions"}
LIMIT = Budget(metric="instructions", limit=1000.0)


def board(**versions: str) -> Device:
    return dataclasses.replace(open_local(), name="board", basis=Basis.VIRTUAL, versions=VERSIONS | versions)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What the next runs count, under "now"."""
    given = {"now": 900}

    def counted(bench: Bench, runtime: str, files: object, inputs: object, options: object, seed: int) -> Run:
        return Run(mode=Mode.EXACT, seed=seed, samples_ns=(given["now"] + 50,) * 20, empty_ns=(50,) * 20)

    monkeypatch.setattr(sampling, "exact_run", counted)
    return given


def exact_runs(bundle: Bundle) -> list[Measurement]:
    found = [r.payload for r in read_evidence(bundle) if isinstance(r.payload, Measurement)]
    return [each for each in found if each.key.workload == "exact"]


def test_the_empty_model_of_every_runtime_runs_in_it() -> None:
    assert runtimes_with_empty() == tuple(
        sorted(path.stem.removesuffix("_session") for path in RUNNER.glob("*_session.py"))
    )
    with Bench(open_local()) as bench:
        for runtime in runtimes_with_empty():
            files = empty_model(runtime)
            assert sum(map(len, files.values())) < 1000
            value = np.array([[1.5]], np.float32)
            (back,) = bench.infer(runtime, files, {"x": value}, RuntimeOptions())
            np.testing.assert_array_equal(back, value)
    with pytest.raises(ConfigError, match="no empty model of none"):
        empty_model("none")


def test_an_empty_chain_is_subtracted_from_a_chain() -> None:
    runtimes, value = ("onnxruntime", "litert", "onnxruntime"), np.array([[1.5]], np.float32)
    files, chain = empty_chain(runtimes), "chain:onnxruntime+litert"
    with Bench(with_fixed_seed(board())) as bench:
        (back,) = bench.infer(chain, files, {"t0": value}, RuntimeOptions())
        np.testing.assert_array_equal(back, value)
        run = exact_run(bench, chain, files, None, RuntimeOptions())
        assert list(bench.empties) == ["chain:onnxruntime litert onnxruntime"]
        assert len(run.samples_ns) == len(run.empty_ns) == SAMPLES


def test_an_exact_run_is_a_few_inferences_and_those_of_an_empty_model_made_once() -> None:
    with Bench(with_fixed_seed(board())) as bench:
        assert bench.device.python[:2] == ("env", "-i")
        assert "PYTHONHASHSEED=0" in bench.device.python
        run = exact_run(bench, "onnxruntime", empty_model("onnxruntime"), None, RuntimeOptions(), 3)
        assert (run.mode, run.seed, len(run.warmup_ns)) == (Mode.EXACT, 3, WARM_UP)
        assert len(run.samples_ns) == len(run.empty_ns) == SAMPLES
        assert instructions_of(run) is not None
        again = exact_run(bench, "onnxruntime", empty_model("onnxruntime"), None, RuntimeOptions())
        assert again.empty_ns == run.empty_ns
        with pytest.raises(ConfigError, match="only then it repeats"):
            exact_run(bench, "onnxruntime", empty_model("onnxruntime"), None, RuntimeOptions(threads=2))


@pytest.mark.parametrize(
    "device",
    [open_local(), dataclasses.replace(board(), python=("python3", "-E"))],
    ids=["the host's clock", "another start"],
)
def test_only_a_board_that_counts_is_counted_on(device: Device) -> None:
    with pytest.raises(ConfigError, match=r"does not count|starts Python with"):
        with_fixed_seed(device)


@pytest.mark.usefixtures("counts")
def test_two_runs_decide_are_kept_and_judged_again(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path)
    budgets = [Budget(metric="latency_p50", limit=1.0), LIMIT]
    verdict = trial.run_trial(bundle, board(), budgets, PROFILE, TARGET)
    assert (verdict.outcome, verdict.rule) == (Outcome.PASS, 4)
    kept = exact_runs(bundle)
    assert len(kept) == 2
    assert kept[0].key.toolchain.items() >= VERSIONS.items()
    assert trial.run_trial(bundle, board(), budgets, PROFILE, TARGET).lines == verdict.lines
    assert len(exact_runs(bundle)) == 2
    assert verify(bundle, TARGET)[-1].state == "ok"
    shown = line_texts(verdict)
    assert shown[0].startswith("BESIDE")
    assert "not judged here" in shown[0]
    assert shown[1] == "PASS          instructions ≤ 1,000: 900"


@pytest.mark.usefixtures("counts")
def test_runs_of_another_emulator_do_not_count(tmp_path: Path) -> None:
    bundle, said = bundle_of(tmp_path), list[str]()
    trial.run_trial(bundle, board(qemu="9.1"), [LIMIT], PROFILE, TARGET)
    trial.run_trial(bundle, board(), [LIMIT], PROFILE, TARGET)
    assert len(exact_runs(bundle)) == 4
    (other := tmp_path / "now").mkdir()
    newer = bundle_of(other)
    change = [Budget(metric="instructions_change", limit=0.5)]
    trial.run_trial(newer, board(kernel="6.12"), change, PROFILE, TARGET, baseline=bundle, progress=said.append)
    assert len(exact_runs(bundle)) == 6
    assert any("not comparable: toolchain.kernel differ" in line for line in said), said


@pytest.mark.parametrize(("count", "outcome"), [(900, Outcome.PASS), (909, Outcome.FAIL), (850, Outcome.PASS)])
def test_a_change_of_one_percent_is_told_from_none(
    tmp_path: Path, counts: dict[str, int], count: int, outcome: Outcome
) -> None:
    (older := tmp_path / "older").mkdir()
    baseline, bundle = bundle_of(older), bundle_of(tmp_path)
    trial.run_trial(baseline, board(), [LIMIT], PROFILE, TARGET)
    counts["now"] = count
    budgets = [Budget(metric="instructions_change", limit=0.5)]
    verdict = trial.run_trial(bundle, board(), budgets, PROFILE, TARGET, baseline=baseline)
    assert verdict.outcome is outcome
    assert verdict.lines[0].estimate == pytest.approx(100 * (count / 900 - 1))
    assert verdict.baseline is not None
    assert len(exact_runs(baseline)) == 2
    assert verify(bundle, TARGET)[-1].state == "ok"


@pytest.mark.usefixtures("counts")
def test_a_verdict_with_a_baseline_of_another_kind_is_broken(tmp_path: Path) -> None:
    (older := tmp_path / "older").mkdir()
    baseline, bundle = bundle_of(older), bundle_of(tmp_path)
    budgets = [Budget(metric="instructions_change", limit=0.5)]
    verdict = trial.run_trial(bundle, board(), budgets, PROFILE, TARGET, baseline=baseline)
    assert verdict.baseline is not None
    strange = verdict.baseline.model_copy(update={"key": verdict.baseline.key.model_copy(update={"threads": 2})})
    (record,) = [r for r in read_evidence(bundle) if isinstance(r.payload, Verdict)]
    append(bundle, record.model_copy(update={"payload": verdict.model_copy(update={"baseline": strange})}))
    check = verify(bundle, TARGET)[-1]
    assert (check.state, "threads" in check.why) == ("broken", True)


def test_budgets_choose_how_a_board_is_booted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEBUILD_DEVICES", str(tmp_path))
    save_device(DeviceEntry(name="board", transport="ssh", virtual=Virtual(cpu="cortex-a76")))
    save_device(DeviceEntry(name="pi", transport="ssh", address="pi"))
    asked: list[bool] = []

    def opened(target: object, device: object, say: object, *, exact: bool) -> None:
        asked.append(exact)

    monkeypatch.setattr(opening, "open_device", opened)
    latency = Budget(metric="latency_p50", limit=1.0)
    for budgets, device in (([LIMIT], "board"), ([latency], "board"), ([LIMIT], "pi"), ([LIMIT], None)):
        opening.open_for(budgets, TARGET, device)
    assert asked == [True, False, False, False]


def test_commands_say_where_instructions_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edgebuild.cli.main import main

    host_project(tmp_path)
    bundle = str(bundle_of(tmp_path).path)
    common = ["--project", str(tmp_path), "--json"]
    assert main(["bench", bundle, "--exact", *common]) == 2
    assert "this machine is not virtual" in json.loads(capsys.readouterr().out)["error"]["message"]
    assert main(["gate", bundle, "--budget", "instructions=12 M", *common]) == 4
    found = json.loads(capsys.readouterr().out)["result"]
    assert (found["outcome"], "a virtual board counts them" in found["reason"]) == ("INCONCLUSIVE", True)
