"""Parts that are pruned together: what stays between them, how the whole's budget is split, and what is built of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from parts_project import make_project
from tiny_project import edit

from edgebuild.cli.main import main
from edgebuild.compress.allocate import Choice, allocate
from edgebuild.compress.compression import Material, Pupil, compress
from edgebuild.compress.groups import groups_of
from edgebuild.compress.sparsity import layer_weights
from edgebuild.compress.taking_out import kept_of, taken_out
from edgebuild.core.compression import Pruning, Sparsity
from edgebuild.core.parts import Wiring
from edgebuild.core.project import PartSource
from edgebuild.fitting import pricing
from edgebuild.models.graph import TorchModel
from edgebuild.models.joined import children_of, export_joined, export_joined_batched, opened
from edgebuild.models.load import load_model
from edgebuild.pipeline.project import build_project
from edgebuild.report.build import compression_text
from edgebuild.search.latency import LatencyCosting, OnTarget
from edgebuild.search.latency_of_parts import PartsCosting, WholeOnTarget
from edgebuild.search.parts import Multiples, parts_of
from edgebuild.search.table import Fitted
from edgebuild.store.bundle import open_bundle
from edgebuild.store.cache import Cache
from edgebuild.store.lock import load_lock
from edgebuild.store.toml import load_project

PRUNED = '\n[pruning]\nkeep = 0.6\nimportance = "magnitude"\nround_to = 1\n'


class Loaded(SimpleNamespace):
    """The project of three parts: each in torch, and all as one program."""

    parts: Mapping[str, PartSource]
    wiring: Wiring
    alone: dict[str, TorchModel]
    whole: TorchModel
    state: dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("pruned") / "project")
    for name in ("edgebuild", "late"):
        edit(root / f"{name}.toml", "[build]\n", '[data.evaluation]\nsource = "evaluation.npz"\n\n[build]\n')
    # What is heard need not be computed where there is no sound.
    edit(root / "edgebuild.toml", "[parts.fuse.inputs.heard]\n", "[parts.fuse.inputs.heard]\nabsent = 0.5\n")
    text = (root / "profiles/exact.toml").read_text(encoding="utf-8")
    (root / "profiles/pruned.toml").write_text(text.replace('"exact"', '"pruned"') + PRUNED, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def loaded(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    project, _ = load_project(root / "edgebuild.toml")
    cache, wiring = Cache(tmp_path_factory.mktemp("loaded")), project.wiring
    alone: dict[str, Any] = {name: load_model(project.parts[name], root, cache) for name in wiring.order}
    state = {f"{name}.{key}": value for name in alone for key, value in alone[name].program.state_dict.items()}
    with opened(project.parts, wiring, root, cache) as joined:
        whole = export_joined(joined, project.parts, wiring, state)
        batched = export_joined_batched(joined, project.parts, wiring, state)
    return Loaded(parts=project.parts, wiring=wiring, alone=alone, whole=whole, batched=batched, state=state)


def chained(loaded: Loaded, parts: Mapping[str, TorchModel], given: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """What torch makes of samples part by part; where there is no sound, 0.5 is what is heard."""
    values = dict(given)
    for name in loaded.wiring.order:
        model = parts[name]
        rows = [
            model.module(*(values[spec.name][row : row + 1] for spec in model.signature.inputs))
            for row in range(len(given["image"]))
        ]
        values[model.signature.outputs[0].name] = torch.cat([torch.as_tensor(row) for row in rows])
        if name == "hear":
            values["heard"][(given["sound"] == 0).all(1)] = 0.5
    return values["scores"]


def samples(count: int = 5) -> dict[str, torch.Tensor]:
    """The second one has no sound."""
    torch.manual_seed(0)
    made = {"image": torch.randn(count, 6), "sound": torch.randn(count, 5)}
    made["sound"][1] = 0
    return made


def test_one_program_of_all_parts_answers_as_their_chain_does(loaded: Loaded) -> None:
    given = samples()
    wanted = chained(loaded, loaded.alone, given)
    program = loaded.batched.program.module(check_guards=False)
    (made,) = program(*(given[spec.name] for spec in loaded.batched.signature.inputs))
    assert torch.allclose(made, wanted, atol=1e-6)
    assert [spec.name for spec in loaded.whole.signature.outputs] == ["scores", "seen", "heard"]


def test_what_parts_hand_on_is_never_pruned_and_each_becomes_what_it_is_in_the_whole(loaded: Loaded) -> None:
    assert [group.name for group in groups_of(loaded.whole.program).groups] == ["see.layers.0", "hear.layers.0"]
    settings = Pruning(keep=0.6, importance="magnitude", round_to=1)
    made = compress(Pupil(loaded.whole, None), settings, None, Material(), Path(), lambda _: None)
    children = children_of(loaded.wiring)
    parts = {name: taken_out(model, children[name], made.model, made.left) for name, model in loaded.alone.items()}
    assert {name: model.signature for name, model in parts.items()} == {
        name: model.signature for name, model in loaded.alone.items()
    }
    kept = {name: kept_of(name, loaded.alone[name], parts[name]) for name in parts}
    assert kept["fuse"].parameters == kept["fuse"].parameters_before
    assert sum(one.macs for one in kept.values()) == made.record.steps[-1].macs <= 0.6 * made.record.macs
    given = samples()
    for row in range(5):
        one = {name: value[row : row + 1] for name, value in given.items()}
        scores = made.model.module(*(one[spec.name] for spec in made.model.signature.inputs))[0]
        assert torch.allclose(scores, chained(loaded, parts, one), atol=1e-6)


def test_zeros_are_in_the_parts_as_in_the_whole(loaded: Loaded) -> None:
    zeros = Sparsity(pattern="unstructured", share=0.5)
    made = compress(Pupil(loaded.whole, None), None, None, Material(), Path(), lambda _: None, sparsity=zeros)
    children = children_of(loaded.wiring)
    parts = {name: taken_out(model, children[name], made.model, made.left) for name, model in loaded.alone.items()}
    weights = [weight for part in parts.values() for weight in layer_weights(part.program).values()]
    assert sum(int((weight == 0).sum()) for weight in weights) == sum(weight.numel() for weight in weights) // 2
    one = {name: value[:1] for name, value in samples().items()}
    scores = made.model.module(*(one[spec.name] for spec in made.model.signature.inputs))[0]
    assert torch.allclose(scores, chained(loaded, parts, one), atol=1e-6)


def test_names_that_modules_can_not_have(loaded: Loaded) -> None:
    wiring = loaded.wiring.model_copy(update={"order": ("training", "a.b", "float")})
    assert children_of(wiring) == {"training": "training_", "a.b": "a-b", "float": "float_"}


def test_of_two_parts_the_one_that_takes_longer_is_made_narrower(loaded: Loaded) -> None:
    """Each by its own table: the same layers, but in one runtime they take six times as long."""

    def whole(see: float, hear: float) -> PartsCosting:
        shares = {"see": see, "hear": hear, "fuse": 0.05}
        parts = {name: costing_of(loaded.alone[name]) for name in shares}
        measured = WholeOnTarget(SimpleNamespace(name="here"), parts, shares, lambda _: 0.6)  # type: ignore[arg-type]
        return PartsCosting(children_of(loaded.wiring), (measured,))

    grouped = groups_of(loaded.whole.program)
    importance = {group.name: [1.0] * group.width for group in grouped.groups}

    def widths(costing: PartsCosting) -> dict[str, int]:
        cost = costing.cost(loaded.whole.program, grouped)
        assert cost({}) == pytest.approx(1.0)
        assert costing.cost(loaded.whole.program, grouped)({"see.layers.0": 8, "hear.layers.0": 8}) < 1
        return allocate(Choice(importance, cost), 0.6)

    slow_eyes, slow_ears = widths(whole(0.72, 0.12)), widths(whole(0.12, 0.72))
    assert slow_eyes["see.layers.0"] < slow_eyes["hear.layers.0"]
    assert slow_ears["hear.layers.0"] < slow_ears["see.layers.0"]
    costing = whole(0.72, 0.12)
    (check,) = costing.check(slow_eyes)
    assert {part.part: part.before for part in check.parts} == {"see": 0.72, "hear": 0.12, "fuse": 0.05}
    assert check.predicted == pytest.approx(0.11 + sum(part.predicted for part in check.parts))
    right = costing.corrected([check]).cost(loaded.whole.program, grouped)
    assert right(slow_eyes) == pytest.approx(check.measured)


def costing_of(model: TorchModel) -> LatencyCosting:
    """A part of whose time all goes with its multiplications, and which is measured to take a tenth more than that."""
    grouped = groups_of(model.program)
    parts = parts_of(model.program, grouped)
    unit = 1 / parts.amount("linear MACs").total
    fitted = Fitted(Multiples(), {"linear MACs": 1.0, "constant": 0.0}, {"linear MACs": unit}, ())

    def measure(_: str, widths: Mapping[str, int]) -> Any:
        return SimpleNamespace(relative=1.1 * fitted.cost(parts)(widths))

    return LatencyCosting(parts, (OnTarget(SimpleNamespace(name="here"), fitted, None, measure),))  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_bundle_of_pruned_parts(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = build_project(root, ["host-onnxruntime"], "pruned", tmp_path / "out", cache=Cache(tmp_path / "cache"))
    (built,) = report.built
    assert built.error is None
    assert built.bundle is not None
    manifest = built.bundle.manifest
    record = manifest.compression
    assert record is not None
    assert [part.part for part in record.parts] == [part.name for part in manifest.parts[1:]]
    assert sum(part.parameters for part in record.parts) == record.steps[-1].parameters < record.parameters
    assert manifest.parts[0].variants[0].quality is not None
    assert manifest.parts[0].variants[0].quality.agreement is not None, "held against the parts as they were"
    assert main(["verify", str(built.bundle.path), "--require", "golden"]) == 0
    again = build_project(root, ["host-onnxruntime"], "pruned", tmp_path / "out", cache=Cache(tmp_path / "cache"))
    assert [step for step in again.steps if not step.cached] == []
    capsys.readouterr()


@pytest.mark.slow
def test_parts_are_pruned_by_what_each_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two parts, one computes long enough for its width to show; of the other nothing can go."""
    monkeypatch.setattr("edgebuild.search.latency_of_parts._PROBES", 1)
    root = make_project(tmp_path / "project")
    layers = "nn.Linear(inputs, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 4)"
    edit(root / "model.py", "nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, 4)", layers)
    text = PRUNED.replace("keep = 0.6", 'keep = 0.8\ncost = "latency"').replace("round_to = 1", "round_to = 64")
    with (root / "profiles/exact.toml").open("a", encoding="utf-8") as file:
        file.write(text)
    report = build_project(
        root / "late.toml", ["host-onnxruntime"], "exact", tmp_path / "out", cache=Cache(tmp_path / "cache"),
        pricing=pricing,
    )  # fmt: skip
    (built,) = report.built
    assert built.error is None
    assert built.bundle is not None
    record = built.bundle.manifest.compression
    assert record is not None
    assert [(table.target, table.part, len(table.probes)) for table in record.tables] == [
        ("host-onnxruntime", "see", 1), ("host-onnxruntime", "late", 0),
    ]  # fmt: skip
    (check,) = record.steps[-1].latencies
    see, late = check.parts
    assert see.before + late.before <= 1 + 1e-9
    assert see.predicted < see.before
    assert late.measured == late.predicted == late.before, "nothing of it can go"
    said = compression_text(record)
    assert "; see: parameters " in said
    assert f"{100 * late.before:.1f} of {100 * late.before:.1f} % of the whole's latency on host-onnxruntime" in said
    measured = [step.subject for step in report.steps if step.stage == "measure latency"]
    assert sum("the chain on host-onnxruntime" in subject for subject in measured) >= 3
    assert len(load_lock(root).latencies["host-onnxruntime"]) == len(measured)


def _late(root: Path, name: str, budgets: str) -> None:
    """The project of two parts with other budgets of the encoder."""
    text = (root / "late.toml").read_text(encoding="utf-8")
    own = 'budgets = { model_size = "1 KiB" }'
    assert text.count(own) == 1
    (root / name).write_text(text.replace(own, budgets), encoding="utf-8")


def _search(project: Path, out: Path, budget: str, *more: str) -> list[str]:
    """The command that fits a project to a budget of the whole, on one runtime."""
    where = ["-t", "host-onnxruntime", "-p", "exact", "-o", str(out)]
    return ["build", str(project), *where, "--fit", "--budget", budget, "--json", *more]


@pytest.mark.slow
def test_a_search_over_parts(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    _late(root, "free.toml", "")
    command = _search(root / "free.toml", tmp_path / "out", "model_size=2.4 KiB", "--trials", "3")
    code = main(command)
    found = json.loads(capsys.readouterr().out)["result"]
    assert (code, found["fit"]["met"]) == (0, True)
    assert found["fit"]["trials"][0]["setting"]["keep"] is None
    assert 0 < found["fit"]["chosen"]["keep"] < 1
    bundle = open_bundle(tmp_path / "out" / "host-onnxruntime")
    assert bundle.manifest.compression is not None
    assert bundle.manifest.parts[0].variants[0].size <= 2.4 * 1024
    assert main(command) == 0, "what was found is found again, from what was built and measured"
    again = json.loads(capsys.readouterr().out)["result"]
    assert again["fit"]["trials"] == found["fit"]["trials"]
    assert all(step["cached"] for step in again["steps"])


@pytest.mark.slow
def test_a_search_meets_the_budgets_of_parts_too(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dense whole is inside its own limit; the encoder is not inside its own."""
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    _late(root, "limited.toml", 'budgets = { model_size = "1.2 KiB" }')
    command = _search(root / "limited.toml", tmp_path / "out", "model_size=100 KiB")
    code = main(command)
    document = json.loads(capsys.readouterr().out)
    found = document["result"]["fit"]
    assert (code, found["met"]) == (0, True)
    assert 0 < found["chosen"]["keep"] < 1
    dense = found["trials"][0]["fitted"]
    assert [(one["part"], one["lines"][0]["outcome"]) for one in dense] == [("", "PASS"), ("see", "FAIL")]
    assert [one["subject"] for one in document["outcomes"]] == ["host-onnxruntime", "host-onnxruntime (see)"]
    bundle = tmp_path / "out" / "host-onnxruntime"
    assert main(["gate", str(bundle), "--part", "see", "--project", str(root)]) == 0
    _late(root, "limited.toml", 'budgets = { model_size = "1 B" }')
    capsys.readouterr()
    assert main(command) == 1
    found = json.loads(capsys.readouterr().out)["result"]["fit"]
    assert [place for place, _ in found["binding"]] == ["host-onnxruntime (see)"]
    assert [advice["target"] for advice in found["relaxations"]] == ["host-onnxruntime (see)"]


def test_a_part_that_is_a_file_is_refused(root: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = (root / "edgebuild.toml").read_text(encoding="utf-8")
    (root / "foreign.toml").write_text(text.replace("model.py:hear", "hear.onnx"), encoding="utf-8")
    assert main(["build", str(root / "foreign.toml"), "-p", "pruned", "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "[parts.hear]" in said
    assert "a .onnx file cannot be pruned together with other parts" in said
    assert not (tmp_path / "out").exists()
