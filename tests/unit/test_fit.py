"""``build --fit``: what it finds, what it says where there is nothing to find, and what kills leave of it."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import warm
from fit_project import make_fit_project
from tiny_project import edit

from edgebuild.cli.main import main
from edgebuild.core.digest import digest_json
from edgebuild.core.errors import DeviceError
from edgebuild.core.fit import Setting
from edgebuild.core.measurement import Measurement
from edgebuild.fitting import planned
from edgebuild.search.errands import Errand, errand_of, make
from edgebuild.search.processes import ENDED
from edgebuild.search.rehearsal import without_limits
from edgebuild.store.bundle import open_bundle
from edgebuild.store.evidence import read_evidence
from edgebuild.store.lock import load_lock, save_lock

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one search built, the others find."""
    return tmp_path_factory.mktemp("fit") / "cache"


@pytest.fixture
def root(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(cache))
    return make_fit_project(tmp_path / "project")


def fit(root: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the document of a search."""
    code = main(["build", str(root), "--fit", "--json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def budgets(*texts: str) -> list[str]:
    return [part for text in texts for part in ("--budget", text)]


def test_what_can_be_met_is_met_and_the_gate_says_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(root / "edgebuild.toml", '"8 KiB"', '"12 KiB"')
    assert main(["release", str(root)]) == 2
    assert "run edgebuild build --fit" in capsys.readouterr().err
    code = main(["build", str(root), "--json"])  # the profile asks for a search
    document = json.loads(capsys.readouterr().out)
    found = document["result"]["fit"]
    assert (code, found["met"], found["binding"], found["relaxations"]) == (0, True, [], [])
    assert Setting(**found["trials"][0]["setting"]) == Setting(int8=False)
    assert 0.8 < found["chosen"]["keep"] < 1
    bundle = root / "build" / "fitted" / "host-onnxruntime"
    assert main(["gate", str(bundle), "--project", str(root)]) == 0
    assert load_lock(root).fits == {found["subject"]: Setting(**found["chosen"])}
    capsys.readouterr()
    digest = document["result"]["targets"][0]["digest"]
    assert main(["build", str(root), "--json"]) == 0
    assert "fit" not in json.loads(capsys.readouterr().out)["result"]
    assert main(["release", str(root), "--json"]) == 0  # by the lock, without a search
    assert digest in capsys.readouterr().out


@pytest.mark.parametrize("limits", [("accuracy_drop=25 pt",), ("model_size=20 KiB",)])
def test_budgets_of_the_command_line_are_fitted_to(
    root: Path, capsys: pytest.CaptureFixture[str], limits: tuple[str, ...]
) -> None:
    code, document = fit(root, capsys, *budgets(*limits))
    assert (code, document["exit_code"]) == (0, 0)
    asked = {line["budget"]["metric"]: line["budget"]["limit"] for line in document["result"]["verdicts"][0]["lines"]}
    assert len(asked) == 2
    assert all(line["outcome"] == "PASS" for line in document["result"]["verdicts"][0]["lines"])


def test_where_nothing_meets_the_budgets_the_advice_does(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = fit(root, capsys)
    found = document["result"]["fit"]
    assert (code, found["met"]) == (1, False)
    ((target, line),) = found["binding"]
    assert (target, line["budget"]["metric"]) == ("host-onnxruntime", "accuracy_drop")
    units = {"accuracy_drop": "pt", "model_size": "B"}
    advised = {each["asked"]["metric"]: each["limit"] for each in found["relaxations"]}
    assert advised.keys() == units.keys()
    for metric, limit in advised.items():
        assert fit(root, capsys, *budgets(f"{metric}={limit} {units[metric]}"))[0] == 0
    page = root / "front.html"
    assert main(["build", str(root), "--fit", "--html", str(page)]) == 1
    said = capsys.readouterr().out
    assert "It misses" in said
    assert "would be met" in said
    drawn = page.read_text(encoding="utf-8")
    assert "On the Pareto front:" in drawn
    assert all(Setting(**trial["setting"]).label in drawn for trial in found["trials"])


def test_what_was_measured_counts_for_other_limits_too(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(root / "profiles" / "small.toml", "min_samples = 5", "min_samples = 20")  # the median of fewer is not told
    limits = ("latency_p50=1 s", "model_size=12 KiB")
    tried = [fit(root, capsys, *budgets(*limits, "accuracy_drop=3 pt"))[1]["result"]["fit"]["trials"]]
    measured = runs_of_trials(root)
    assert any(measured.values())
    tried.append(fit(root, capsys, *budgets(*limits, "accuracy_drop=30 pt"))[1]["result"]["fit"]["trials"])
    assert {name: count for name, count in runs_of_trials(root).items() if name in measured} == measured
    first, second = ({trial["setting"]["keep"]: latency_of(trial) for trial in trials} for trials in tried)
    shared = first.keys() & second.keys()
    assert len(shared) > 2
    assert {keep: first[keep] for keep in shared} == {keep: second[keep] for keep in shared}


def runs_of_trials(root: Path) -> dict[str, int]:
    """Of each trial's bundle, how many runs are evidence."""
    places = (root / "build" / "fitted" / ".fit").glob("*/*/host-onnxruntime")
    payloads = {place.parent.name: [one.payload for one in read_evidence(open_bundle(place))] for place in places}
    return {
        name: sum(len(one.runs) for one in found if isinstance(one, Measurement)) for name, found in payloads.items()
    }


def latency_of(trial: dict[str, Any]) -> float:
    """As a trial was judged by it."""
    lines = (line for fitted in trial["fitted"] for line in fitted["lines"])
    return next(float(line["estimate"]) for line in lines if line["budget"]["metric"] == "latency_p50")


def test_without_its_word_the_profile_is_pruned_by_what_binds(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pruning = '[pruning]\nkeep = 0.5\ncost = "parameters"\nimportance = "magnitude"\nround_to = 1\n\n'
    edit(root / "profiles" / "small.toml", pruning, "")
    edit(root / "profiles" / "small.toml", "min_samples = 5", "min_samples = 20")
    code, document = fit(root, capsys, *budgets("latency_p50=1 s", "model_size=12 KiB", "accuracy_drop=25 pt"))
    found = document["result"]["fit"]
    assert (code, found["met"], found["chosen"]["cost"]) == (0, True, "parameters")


FIXED = """

class Fixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = make()

    def forward(self, image):
        return self.net(image.reshape(1, 64))


def fixed():
    return Fixed().eval()
"""


@pytest.mark.parametrize(("source", "training"), [("make", False), ("fixed", False), ("fixed", True)])
def test_without_training_data_what_ranges_are_taken_on_teaches(
    root: Path, capsys: pytest.CaptureFixture[str], source: str, training: bool
) -> None:
    edit(root / "profiles" / "small.toml", '[pruning]\nkeep = 0.5\ncost = "parameters"\n', "")
    edit(root / "profiles" / "small.toml", 'importance = "magnitude"\nround_to = 1\n\n', "")
    (root / "model.py").write_text((root / "model.py").read_text(encoding="utf-8") + FIXED, encoding="utf-8")
    edit(root / "edgebuild.toml", "model.py:make", f"model.py:{source}")
    with np.load(root / "evaluation.npz") as stored:
        np.savez(root / "calibration.npz", image=stored["image"][:300])
        np.savez(root / "evaluation.npz", image=stored["image"][300:], labels=stored["labels"][300:])
    calibration = f'[data.{"training" if training else "calibration"}]\nsource = "calibration.npz"\n\n'
    edit(root / "edgebuild.toml", "[data.selection]", calibration + "[data.selection]")
    assert main(["build", str(root), "--fit", "--json", "--trials", "2", *budgets("model_size=9 KiB")]) in (0, 1)
    told = capsys.readouterr()
    last = json.loads(told.out)["result"]["fit"]["trials"][-1]
    drop = next(line for line in last["fitted"][0]["lines"] if line["budget"]["metric"] == "accuracy_drop")
    if source == "make":
        assert "learned back" not in told.err
        assert last["setting"]["recover"]
        assert drop["estimate"] < 3
    else:
        assert "with a batch of" in told.err
        assert "not learned back" in told.err
        assert not last["setting"]["recover"]
        assert drop["estimate"] > 3


def test_every_target_can_have_weights_of_its_own(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(root / "profiles" / "small.toml", "trials = 12", 'trials = 12\nweights = "own"')
    edit(root / "edgebuild.toml", '["host-onnxruntime"]', '["host-onnxruntime", "host-litert"]')
    edit(root / "edgebuild.toml", '"4 pt"', '"25 pt"')
    edit(root / "edgebuild.toml", 'model_size = "8 KiB"', '[budgets.host-litert]\nmodel_size = "8 KiB"')
    code, document = fit(root, capsys)
    onnx, litert = document["result"]["fits"]
    assert (code, onnx["met"], litert["met"]) == (0, True, True)
    assert onnx["chosen"]["keep"] is None  # no limit on its size
    assert litert["chosen"]["keep"] < 1
    places = {one["target"]: (one["digest"], one["compression"]) for one in document["result"]["targets"]}
    assert (places["host-onnxruntime"][1] is None, places["host-litert"][1] is None) == (True, False)
    lock = load_lock(root)
    assert lock.fits == {one["subject"]: Setting(**one["chosen"]) for one in (onnx, litert)}
    assert main(["build", str(root), "--json"]) == 0  # by the lock, without a search
    again = json.loads(capsys.readouterr().out)["result"]
    assert "fits" not in again
    assert {one["target"]: (one["digest"], one["compression"]) for one in again["targets"]} == places
    save_lock(root, lock.model_copy(update={"fits": {onnx["subject"]: Setting(**onnx["chosen"])}}))
    assert main(["build", str(root), "--json"]) == 0  # what the lock does not know is searched
    again = json.loads(capsys.readouterr().out)["result"]
    assert [one["subject"] for one in again["fits"]] == [litert["subject"]]
    assert {one["target"]: (one["digest"], one["compression"]) for one in again["targets"]} == places
    assert load_lock(root) == lock
    assert main(["build", str(root), "--fit", "--html", str(root / "front.html")]) == 0
    said = capsys.readouterr().out
    assert said.count("was built, and judged") == 2
    assert {"host-onnxruntime", "host-litert"} <= set(said.replace(":", " ").split())


def test_a_size_that_no_model_has(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = fit(root, capsys, *budgets("model_size=100 B"))
    found = document["result"]["fit"]
    assert code == 1
    assert "model_size" in {line["budget"]["metric"] for _, line in found["binding"]}
    assert any(trial["refused"] for trial in found["trials"])


def test_it_ends_after_so_many(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, document = fit(root, capsys, "--trials", "2")
    assert len(document["result"]["fit"]["trials"]) == 2
    assert document["result"]["fit"]["ended"] == "2 builds were tried"
    _, document = fit(root, capsys, "--minutes", "0.0001")
    assert len(document["result"]["fit"]["trials"]) == 1


def on_a_board(root: Path) -> None:
    """The project for a target that is not this machine; of what it has budgets on, nothing is measured."""
    edit(root / "edgebuild.toml", "host-onnxruntime", "raspberry-pi-5")


def test_several_at_once_are_found_in_the_cache(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "new"))
    on_a_board(root)
    assert main(["build", str(root), "--fit", "--json", "--trials", "3", "--at-once", "2"]) in (0, 1)
    captured = capsys.readouterr()
    keeps = [trial["setting"]["keep"] for trial in json.loads(captured.out)["result"]["fit"]["trials"]]
    assert len(keeps) == 3
    assert f"build ahead: keep-{keeps[1]}-float, keep-{keeps[2]}-float" in captured.err
    lines = captured.err.splitlines()
    assert [f"keep-{keep}-float: compress: model" in lines for keep in keeps[1:]] == [True, True]
    assert "compress: model" not in lines


def test_a_process_that_dies_is_made_up_for(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "new"))
    on_a_board(root)
    monkeypatch.setattr("edgebuild.search.errands.Errand.model_dump_json", lambda _: "what no process can read")
    assert main(["build", str(root), "--fit", "--json", "--trials", "3", "--at-once", "2"]) in (0, 1)
    captured = capsys.readouterr()
    assert captured.err.count("its process ended with 1 (") == 2
    assert captured.err.count("; it is built here") == 2
    assert len(json.loads(captured.out)["result"]["fit"]["trials"]) == 3


def test_processes_end_with_the_search(root: Path, tmp_path: Path) -> None:
    on_a_board(root)
    errand = errand_of(without_limits(planned(root, (), "", tmp_path / "out", (), lambda _: None)))
    command = [sys.executable, "-m", "edgebuild.search.processes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        started.stdin.write(f"{errand.model_dump_json()}\n")
        started.stdin.flush()
        assert started.stdout.readline() == "load: model\n"
        started.stdin.close()
        assert started.wait(60) == ENDED
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("project", sorted(EXAMPLES.glob("*/edgebuild.toml")), ids=lambda path: path.parent.name)
def test_whoever_makes_an_errand_reads_what_was_planned(project: Path) -> None:
    plan = planned(project, (), "", None, (), lambda _: None)
    errand = errand_of(plan)
    read = Errand.model_validate_json(errand.model_dump_json())
    assert read == errand
    assert digest_json(read.project) == digest_json(plan.project)
    assert digest_json(read.profiles[0]) == digest_json(plan.profile)


def test_another_machine_says_that_it_is_none(root: Path) -> None:
    errand = errand_of(planned(root, (), "", None, (), lambda _: None))
    assert "another one than the search's" in make(errand.model_copy(update={"kind": "0" * 64}), lambda _: None)
    assert "there is no target" in make(errand.model_copy(update={"targets": ("nowhere",)}), lambda _: None)


def test_where_building_measures_there_is_one_at_a_time(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(root), "--fit", "--json", "--trials", "2", "--at-once", "2"]) in (0, 1)
    captured = capsys.readouterr()
    assert "one build at a time, here: host-onnxruntime is this machine, and a build that measures" in captured.err
    assert "build ahead" not in captured.err


def test_without_a_cluster_it_says_so(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    on_a_board(root)
    edit(root / "profiles" / "small.toml", "trials = 12", 'trials = 12\nbuilders = "ray"')
    assert main(["build", str(root), "--fit"]) == 2
    lacking = "is ray, and no cluster answers" if importlib.util.find_spec("ray") else "ray is not installed"
    assert f"[fit] builders: {lacking}" in capsys.readouterr().err


def test_a_device_that_is_gone_costs_nothing_that_was_done(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise DeviceError("local", "it is gone", transient=True)

    with monkeypatch.context() as patch:
        patch.setattr("edgebuild.search.rehearsal.open_for", gone)
        assert main(["build", str(root), "--fit", "--json"]) == 5
    capsys.readouterr()
    _, document = fit(root, capsys)
    assert document["result"]["fit"]["trials"]


def test_what_does_not_go_together_is_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(root), "--trials", "3"]) == 2
    assert "add --fit" in capsys.readouterr().err
    text = (root / "edgebuild.toml").read_text(encoding="utf-8")
    (root / "edgebuild.toml").write_text(text[: text.index("[budgets]")], encoding="utf-8")
    assert main(["build", str(root), "--fit"]) == 2
    assert "every build would do" in capsys.readouterr().err
    assert main(["build", str(root), "--fit", "--budget", "model_size=many"]) == 2


def test_a_profile_with_zeros_is_not_searched(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(root / "profiles" / "small.toml", "[fit]\ntrials = 12", '[sparsity]\npattern = "unstructured"')
    assert main(["build", str(root), "--fit"]) == 2
    said = capsys.readouterr().err
    assert "[sparsity]" in said
    assert "profile small" in said
    assert "build without --fit" in said


def killed_at(root: Path, cache: Path, line: int) -> bool:
    """Whether a search was killed after so many lines of progress; it may have ended before."""
    environment = {**os.environ, "EDGEBUILD_CACHE": str(cache)}
    command = warm.start(["build", str(root), "--fit", "--json"], environment, root, stdout=False)
    for number, _ in enumerate(command.said, start=1):
        if number == line:
            command.kill()
    code, _ = command.code()
    return code == -signal.SIGKILL


def test_killed_again_and_again_it_finds_the_same(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    undisturbed = fit(root, capsys)[1]["result"]["fit"]
    other = make_fit_project(tmp_path / "other")
    killed = [killed_at(other, tmp_path / "new", line) for line in (4, 6, 8)]
    assert killed == [True] * 3
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "new"))
    assert fit(other, capsys)[1]["result"]["fit"] == undisturbed
