"""docs/metrics.md, detection.md and multimodal.md: what they show is valid, and their commands do what they say.

The models have seeded weights and few samples: what is shown is that the road is whole, not how good they are.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from edgebuild.cli.main import main
from edgebuild.core.project import Project

ROOT = Path(__file__).parents[2]
PAGES = ("metrics", "detection", "multimodal")
PROFILE = """schema = 1
name = "short"
[quantization]
correction_samples = 4
calibration_samples = 4
[[quantization.settings]]
ranges = "minmax"
[measuring]
runs = 1
min_samples = 100
min_seconds = 0.0
warmup_seconds = 0.0
pairs = 1
[judging]
confidence = 0.4
"""


def blocks(page: str, language: str, part: slice = slice(None)) -> list[str]:
    """The code of a page, or of some of its sections: the first is what stands before the first heading."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    text = "".join(re.split(r"^## ", text, flags=re.MULTILINE)[part])
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_of_a_project_is_valid(page: str) -> None:
    for block in blocks(page, "toml"):
        shown = tomllib.loads(block)
        model = {"source": "m.onnx", **shown.get("model", {})}
        Project.model_validate({"name": "p", "build": {"targets": ["t"]}, **shown, "model": model})


def copied(example: str, place: Path) -> Path:
    """An example with seeded weights, a short profile and few samples."""
    shutil.copytree(ROOT / "examples" / example, place, ignore=shutil.ignore_patterns("build", "*.lock", "__pycache__"))
    (place / "profiles").mkdir(exist_ok=True)
    (place / "profiles" / "short.toml").write_text(PROFILE, encoding="utf-8")
    for project in place.glob("*.toml"):
        text = project.read_text(encoding="utf-8")
        for name, limit in (("calibration", 8), ("selection", 8), ("evaluation", 24)):
            text = re.sub(rf'^source = "data.py:{name}.*"$', rf"\g<0>\nlimit = {limit}", text, flags=re.MULTILINE)
        text = re.sub(r'^profile = ".*"\n', "", text, flags=re.MULTILINE)
        project.write_text(text.replace("[build]\n", '[build]\nprofile = "short"\n'), encoding="utf-8")
    _write_weights(place)
    return place


def _write_weights(place: Path) -> None:
    """Seeded ones, and the tokenizer of an example that makes its own."""
    from safetensors.torch import save_file

    sys.path.insert(0, str(place))
    try:
        model = importlib.import_module("model")
        save_file(model.untrained().state_dict(), place / "weights.safetensors")
        if (place / "captions.py").is_file():
            importlib.import_module("captions").write_tokenizer()
    finally:
        sys.path.remove(str(place))
        for name in ("model", "captions"):
            sys.modules.pop(name, None)


def execute(command: str, folder: Path) -> None:
    program, *words = shlex.split(command)
    if program == "edgebuild":
        assert main(words) == 0, command
    else:
        assert program == "python"
        subprocess.run([sys.executable, *words], cwd=folder, check=True)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("EDGEBUILD_DATA"), reason="EDGEBUILD_DATA is not set")
@pytest.mark.parametrize(
    ("page", "example", "part"),
    [
        ("detection", "detector", slice(None)),
        pytest.param("multimodal", "av_digits", slice(2), marks=pytest.mark.long),
        ("multimodal", "clip_like", slice(2, None)),
    ],
)
def test_the_commands_of_a_page_work(
    page: str, example: str, part: slice,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = copied(example, tmp_path / example)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    # Not those that take a device, nor a search of minutes: test_parts_pruning.py has a small one.
    for block in (one for one in blocks(page, "sh", part) if "board" not in one and "--fit" not in one):
        for command in block.strip().splitlines():
            execute(command, folder)
    said = capsys.readouterr().out
    assert "float32" in said
    assert "int8" in said
    if page == "detection":
        assert "post, for one sample on this machine" in said
        with np.load("boxes.npz", allow_pickle=False) as answers:
            assert answers["detections"].shape == (4, 20, 6)
    elif example == "av_digits":
        told = [line.split()[:2] for line in said.splitlines() if "(p = " in line]
        cases = [[name, missing] for name in ("float32", "int8") for missing in ("audio", "image")]
        assert sorted(told) == sorted(2 * cases)
        with np.load("answers.npz", allow_pickle=False) as answers, np.load("answers-parts.npz") as of_parts:
            assert answers["output"].shape == of_parts["logits"].shape == (4, 10)
