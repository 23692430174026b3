"""docs/streaming.md: the project in it is built, and its commands do what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgebuild.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "streaming.md"
FAST = """schema = 1
name = "quick"
[quantization]
correction_samples = 8
calibration_samples = 16
[[quantization.settings]]
ranges = "minmax"
correct_bias = true
[measuring]
runs = 1
pairs = 1
max_runs = 12
max_seconds = 20.0
min_samples = 100
min_seconds = 0.0
warmup_seconds = 0.0
[judging]
accuracy_confidence = 0.95
confidence = 0.4
"""
"""The profile "quick", quicker."""


def test_the_commands_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    files = re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert [name for name, _ in files] == ["model.py", "edgebuild.toml", "data.py"]
    for name, content in files:
        (tmp_path / name).write_text(content, encoding="utf-8")
    profile = tmp_path / "profiles" / "quick.toml"
    profile.parent.mkdir()
    profile.write_text(FAST, encoding="utf-8")
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    said = {}
    for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
        command = shlex.split(line)
        if command[0] == "python":
            subprocess.run([sys.executable, *command[1:]], check=True)
            continue
        assert command[0] == "edgebuild"
        code = main(command[1:])
        said[command[1]] = capsys.readouterr().out
        assert code in ((0, 4) if command[1] == "gate" else (0,)), said[command[1]]
    with np.load("out.npz") as made:
        assert {name: made[name].shape for name in made.files} == {"scores": (2, 12, 3), "h_out": (2, 12, 16)}
    assert re.search(r"golden +ok", said["verify"])
    assert "100.00 % top1" in said["eval"]
    assert "real_time_factor" in said["bench"]
    assert "real_time_factor ≤ 0.500 x" in said["gate"]
