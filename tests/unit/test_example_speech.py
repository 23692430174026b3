"""The speech example: its front end inside the graph is the declared one, and its two projects agree otherwise."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from file_samples import write_wav

from edgebuild.steps.preprocess import apply_steps

FOLDER = Path(__file__).parents[2] / "examples" / "speech_digits"


def test_the_front_end_in_the_graph_is_the_declared_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    front_end = importlib.import_module("front_end")
    try:
        spec = front_end.declared()
        sounds = np.stack([write_wav(tmp_path / f"{n}.wav", n, seconds=1.0) for n in range(3)]) / np.float32(32768)
        sounds[2, 4000:] = 0  # silence meets the floor
        inside = front_end.LogMel(spec)(torch.from_numpy(sounds)).numpy()
    finally:
        sys.modules.pop("front_end", None)
    declared = apply_steps(sounds, spec.pre)
    assert inside.shape == declared.shape == (3, *spec.shape[1:])
    assert float(np.abs(inside - declared).max()) < 2e-3


def test_both_projects_read_the_same_sets() -> None:
    outside, inside = (
        tomllib.loads((FOLDER / name).read_text(encoding="utf-8")) for name in ("edgebuild.toml", "in_graph.toml")
    )
    assert inside["data"] == outside["data"]
    (one,), (other,) = outside["model"]["inputs"].values(), inside["model"]["inputs"].values()
    assert other["pre"] == one["pre"][:1]
