"""The pages on preprocessing: each project in them is valid, and each command is run in it as a reader would."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import onnx
import pytest
from file_samples import WORDS, write_tokenizer, write_wav
from onnx import TensorProto, helper
from PIL import Image
from several_inputs_project import PROFILE

from edgebuild.cli.main import main
from edgebuild.core.project import DataSource, InputSpec, Project

DOCS = Path(__file__).parents[2] / "docs"
RANDOM = np.random.default_rng(0)


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def write_model(path: Path, project: Project) -> None:
    """Three scores of the mean of the inputs, so that any shape will do."""
    inputs, nodes, means = [], [], []
    for name, spec in project.model.inputs.items():
        kind = TensorProto.INT64 if spec.dtype == "int64" else TensorProto.FLOAT
        shape = [spec.shape[0], "tokens"] if spec.buckets else spec.shape
        inputs.append(helper.make_tensor_value_info(name, kind, shape))
        nodes.append(helper.make_node("Cast", [name], [f"{name}_f"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Flatten", [f"{name}_f"], [f"{name}_flat"]))
        nodes.append(helper.make_node("ReduceMean", [f"{name}_flat"], [f"{name}_mean"], axes=[1]))
        means.append(f"{name}_mean")
    weights = helper.make_tensor("w", TensorProto.FLOAT, [len(means), 3], RANDOM.normal(size=3 * len(means)).tolist())
    nodes += [helper.make_node("Concat", means, ["all"], axis=1), helper.make_node("MatMul", ["all", "w"], ["scores"])]
    output = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])
    graph = helper.make_graph(nodes, "page", inputs, [output], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def images(root: Path, name: str, seed: int) -> None:
    (root / name).mkdir()
    for number in range(4):
        pixels = np.random.default_rng(seed + number).integers(0, 255, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(root / name / f"{number}.png")


def sounds(root: Path, name: str, seed: int) -> None:
    for number in range(4):
        write_wav(root / name / f"{number}.wav", seed + number)


def texts(root: Path, name: str, seed: int) -> None:
    write_tokenizer(root / "tokenizer.json")
    (root / "sentences.txt").write_text("the cat sat\nthe dog ran\n", encoding="utf-8")
    random = np.random.default_rng(seed)
    rows = [
        {"text": " ".join(random.choice(WORDS[4:], (8, 5)[n % 2])), "topic": ["sport", "food"][n % 2]} for n in range(4)
    ]
    (root / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "write", "number"), [("images", images, 0), ("sound", sounds, 0), ("text", texts, 0), ("text", texts, 1)]
)
def test_the_project_and_commands_of_a_page(
    page: str, write: object, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    text, commands = blocks(page, "toml")[number], blocks(page, "sh")[number]
    project = Project.model_validate(tomllib.loads(text))
    (tmp_path / "edgebuild.toml").write_text(text, encoding="utf-8")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "default.toml").write_text(PROFILE.replace("quick", "default"), encoding="utf-8")
    (tmp_path / "evaluation.csv").write_text(
        "".join(f"{n}.{'png' if page == 'images' else 'wav'},{n % 3}\n" for n in range(4))
    )
    write_model(tmp_path / "model.onnx", project)
    assert callable(write)
    for place, name in enumerate(("calibration", "evaluation")):
        write(tmp_path, name, 100 * place)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    for command in commands.strip().splitlines():
        assert main(shlex.split(command)[1:]) == 0, capsys.readouterr().err
    with np.load("answers.npz") as answers:
        assert answers["scores"].shape == (4, 3)
        assert len(np.unique(answers["scores"][:, 0])) > 1


def test_the_pieces_of_the_overview_are_valid() -> None:
    for piece in map(tomllib.loads, blocks("preprocessing", "toml")):
        for spec in piece.get("model", {}).get("inputs", {}).values():
            InputSpec.model_validate(spec)
        for source in piece.get("data", {}).values():
            DataSource.model_validate(source)
