"""A project whose profile prunes: what is built, what is told of it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_project import edit, make_project, write_samples

from edgebuild.cli.main import main
from edgebuild.core.compression import Compression
from edgebuild.pipeline.project import BuildReport, build_project
from edgebuild.store.bundle import Bundle
from edgebuild.store.cache import Cache
from edgebuild.trial import facts_of

pytestmark = pytest.mark.slow

PRUNING = "[pruning]\nkeep = 0.5\nround_to = 1\n\n"
RECOVERY = "[recovery]\nepochs = 2\nbatch_size = 8\n\n"
TRAINING = '[data.training]\nsource = "training.npz"\n\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = make_project(tmp_path / "project")
    write_samples(place, "training", 9)
    edit(place / "edgebuild.toml", "[build]", TRAINING + "[build]")
    edit(place / "profiles" / "tiny.toml", "[quantization]", PRUNING + RECOVERY + "[quantization]")
    return place


def build(root: Path, cache: Path) -> BuildReport:
    return build_project(root, cache=Cache(cache))


def bundle_of(report: BuildReport) -> Bundle:
    (built,) = report.built
    assert built.error is None
    assert built.bundle is not None
    return built.bundle


def compression_of(bundle: Bundle) -> Compression:
    found = bundle.manifest.compression
    assert found is not None
    return found


def test_a_pruned_model_is_built_and_held_against_the_dense_one(root: Path, tmp_path: Path) -> None:
    report = build(root, tmp_path / "cache")
    bundle = bundle_of(report)
    found = compression_of(bundle)
    (step,) = found.steps
    assert step.importance == "taylor"
    assert step.macs <= 0.5 * found.macs
    assert step.parameters < found.parameters
    assert (step.score_name, len(step.scores)) == ("top1", 3)
    assert {(group.group, group.before) for group in found.groups} == {("first", 8)}
    assert bundle.manifest.lineage.model == found.dense != found.model
    (part,) = bundle.manifest.parts
    exact = next(variant for variant in part.variants if variant.precision == "float32")
    assert exact.quality is not None
    assert exact.quality.sqnr_db is not None
    assert exact.quality.sqnr_db < 30  # against the dense model: it is not its own twin
    assert not facts_of(bundle, part, exact, None, (), ()).is_float
    again = build(root, tmp_path / "cache")
    assert [step for step in again.steps if not step.cached] == []
    assert bundle_of(again).digest == bundle.digest
    assert bundle_of(build(root, tmp_path / "other")).digest == bundle.digest
    assert not (tmp_path / "cache" / "v1" / "unfinished").exists() or not any(
        path.is_file() for path in (tmp_path / "cache" / "v1" / "unfinished").rglob("*")
    )


def test_steps_and_another_cost(root: Path, tmp_path: Path) -> None:
    edit(root / "profiles" / "tiny.toml", "keep = 0.5", 'keep = 0.3\ncost = "parameters"\nsteps = 2')
    found = compression_of(bundle_of(build(root, tmp_path / "cache")))
    first, second = found.steps
    assert 0.3 * found.parameters < first.parameters <= 0.3**0.5 * found.parameters
    assert second.parameters <= 0.3 * found.parameters
    assert (len(first.scores), len(second.scores)) == (2, 3)
    edit(root / "profiles" / "tiny.toml", 'cost = "parameters"', 'cost = "macs-and-parameters"')
    found = compression_of(bundle_of(build(root, tmp_path / "cache")))
    last = found.steps[-1]
    assert last.macs / found.macs + last.parameters / found.parameters <= 2 * 0.3


def test_without_training_data_weights_decide(root: Path, tmp_path: Path) -> None:
    edit(root / "edgebuild.toml", TRAINING, "")
    edit(root / "profiles" / "tiny.toml", RECOVERY, "")
    found = compression_of(bundle_of(build(root, tmp_path / "cache")))
    assert found.steps[0].importance == "magnitude"
    assert found.steps[0].scores == ()
    assert found.training is None


def test_what_ranges_are_taken_on_can_teach(root: Path, tmp_path: Path) -> None:
    edit(root / "edgebuild.toml", TRAINING, "")
    edit(root / "profiles" / "tiny.toml", "epochs = 2", 'epochs = 2\nlearn_from = "calibration"')
    bundle = bundle_of(build(root, tmp_path / "cache"))
    found = compression_of(bundle)
    assert found.training == bundle.manifest.lineage.calibration
    assert len(found.steps[0].scores) == 3
    edit(root / "edgebuild.toml", "[build]", TRAINING + "[build]")
    assert compression_of(bundle_of(build(root, tmp_path / "cache"))).training == found.training


@pytest.mark.parametrize(
    ("edits", "code", "words"),
    [
        ([("edgebuild.toml", TRAINING, "")], 2, "[data.training]: missing"),
        ([("profiles/tiny.toml", PRUNING, "")], 2, "nothing is pruned; add [pruning]"),
        ([("profiles/tiny.toml", "keep = 0.5", "keep = 0.001")], 3, "even at its cheapest widths"),
        ([("profiles/tiny.toml", "keep = 0.5", "keep = 1.5")], 2, "keep"),
        (
            [("profiles/tiny.toml", "keep = 0.5", 'keep = 0.5\nimportance = "taylor"'),
             ("profiles/tiny.toml", RECOVERY, ""), ("edgebuild.toml", TRAINING, "")],
            2, "there are no labelled training data",
        ),
        ([("edgebuild.toml", 'source = "training.npz"', 'source = "evaluation.npz"')], 2, "evaluation"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(
    root: Path, edits: list[tuple[str, str, str]], code: int, words: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    for file, old, new in edits:
        edit(root / file, old, new)
    assert main(["build", str(root), "--json"]) == code
    said = capsys.readouterr()
    assert words in said.out + said.err
    assert json.loads(said.out)["exit_code"] == code
    assert not (root / "build").exists()


def test_the_table_tells_what_went(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["build", str(root)]) == 0
    said = capsys.readouterr()
    assert "pruned by taylor: parameters" in said.out
    assert "compress: model" in said.err
    assert main(["build", str(root), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["result"]["targets"][0]["compression"]
    assert told["steps"][0]["macs"] <= 0.5 * told["macs"]
