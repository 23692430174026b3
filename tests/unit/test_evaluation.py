"""Evaluating a bundle on this machine: the score, and what the variants answered."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from test_trial import bundle_of

from edgebuild.cli.main import main
from edgebuild.core.artifact import Manifest, ModelFile
from edgebuild.core.digest import digest_bytes
from edgebuild.core.evidence import Ablation, VariantQuality
from edgebuild.report.html.reported import reported_of
from edgebuild.store.bundle import Bundle, write_bundle
from edgebuild.store.evidence import read_evidence

PROJECT = """schema = 1
name = "double"
[model]
source = "model.onnx"
[model.inputs.x]
shape = [1, 4]
[data.evaluation]
source = "evaluation.npz"
[build]
targets = ["host"]
"""
TARGET = """schema = 1
name = "host"
title = "here"
family = "host"
runtime = "onnxruntime"
transport = "local"
"""


def test_eval_writes_what_was_answered(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path)
    for name, text in (
        ("edgebuild.toml", PROJECT), ("targets/host.toml", TARGET), ("profiles/p.toml", 'schema = 1\nname = "p"\n'),
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    samples = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    np.savez(tmp_path / "evaluation.npz", x=samples, labels=samples.argmax(1))
    answers = tmp_path / "answers.npz"
    assert main(["eval", str(bundle.path), "--project", str(tmp_path), "--output", str(answers)]) == 0
    with np.load(answers, allow_pickle=False) as written:
        assert written.files == ["float32/y"]
        np.testing.assert_array_equal(written["float32/y"], samples + samples)


SUM = """schema = 1
name = "double"
[model]
source = "model.onnx"
[model.inputs.x]
shape = [1, 4]
[data]
classes = 4
[data.evaluation]
source = "evaluation.npz"
[build]
targets = ["host"]
"""


def sum_of_two(folder: Path, quality: object = None) -> Bundle:
    """A bundle whose model adds two inputs; one may be missing, and the answer is where the largest sum is."""
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xzy"]
    graph = helper.make_graph([helper.make_node("Add", ["x", "z"], ["y"])], "sum", values[:2], values[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    zeros, golden = np.zeros((2, 4), np.float32), io.BytesIO()
    np.savez(golden, **{"input/x": zeros, "input/z": zeros, "expected/float32/y": zeros})
    files = {"float32/model.onnx": model, "golden.npz": golden.getvalue()}
    listed = [ModelFile(name=name, sha256=digest_bytes(data), size=len(data)) for name, data in files.items()]
    (folder / "other").mkdir(parents=True)
    told = bundle_of(folder / "other").manifest.model_dump(mode="json", by_alias=True)
    told["files"] = [file.model_dump() for file in listed]
    told["parts"][0]["signature"] |= {
        "inputs": [{"name": "x", "shape": [1, 4]}, {"name": "z", "shape": [1, 4], "absent": "zeros"}],
        "answer": [{"op": "argmax"}],
    }
    told["parts"][0]["variants"][0] |= {"files": [listed[0].model_dump()], "quality": quality}
    return write_bundle(folder / "b", files, Manifest.model_validate(told))


def test_what_may_be_missing_is_left_out_and_answers_are_after_post(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = sum_of_two(tmp_path)
    for name, text in (
        ("edgebuild.toml", SUM), ("targets/host.toml", TARGET), ("profiles/p.toml", 'schema = 1\nname = "p"\n'),
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    x, z = np.random.default_rng(0).standard_normal((2, 40, 4)).astype(np.float32)
    labels, alone = (x + z).argmax(1), x.argmax(1)
    np.savez(tmp_path / "evaluation.npz", x=x, z=z, labels=labels)
    project = ["--project", str(tmp_path)]
    assert main(["eval", str(bundle.path), *project, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["result"]["variants"]
    assert told["quality"]["value"] == 100
    assert told["post_seconds"] > 0
    (left,) = told["ablated"]
    assert left["missing"] == ["z"]
    assert left["quality"]["value"] == pytest.approx(100 * (labels == alone).mean())
    assert (left["gain"]["won"], left["gain"]["lost"]) == ((labels != alone).sum(), 0)
    assert main(["eval", str(bundle.path), *project, "--no-ablate"]) == 0
    assert "all inputs win" not in capsys.readouterr().out
    assert read_evidence(bundle) == (), "the bundle was not reported on these samples"
    reported = sum_of_two(tmp_path / "reported", told["quality"])
    assert main(["eval", str(reported.path), *project]) == 0
    found = [record.payload for record in read_evidence(reported)]
    assert [type(each) for each in found] == [VariantQuality, Ablation]
    kept = reported_of(reported).ablations
    assert [(one.missing, one.quality.value, one.won) for one in kept] == [
        (("z",), left["quality"]["value"], left["gain"]["won"])
    ]
    capsys.readouterr()
    assert main(["report", str(reported.path), *project]) == 0
    assert f"without z: float32 {left['quality']['value']:.2f} % top1" in capsys.readouterr().out
    np.savez(tmp_path / "x.npz", x=x)
    answers = tmp_path / "answers.npz"
    assert main(["run", str(bundle.path), *project, "--input", str(tmp_path / "x.npz"), "-o", str(answers)]) == 0
    assert "ms a sample, on this machine" in capsys.readouterr().out
    with np.load(answers, allow_pickle=False) as written:
        np.testing.assert_array_equal(written["y"], alone)
    np.savez(tmp_path / "none.npz")
    assert main(["run", str(bundle.path), *project, "--input", str(tmp_path / "none.npz")]) == 2
