"""Evaluating a bundle on this machine: the score, and what the variants answered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from test_trial import bundle_of

from edgebuild.cli.main import main

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
