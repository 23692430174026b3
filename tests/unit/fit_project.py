"""A project to be fitted: a net of two layers whose hidden channels can go, built in float in a second or two."""

from __future__ import annotations

from pathlib import Path

import numpy as np

MODEL = '''"""The model."""
from pathlib import Path

import torch
from edgebuild import read_weights
from torch import nn


def make():
    net = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 4))
    net.load_state_dict(read_weights(Path(__file__).parent / "weights.safetensors"))
    return net.eval()
'''

PROJECT = """schema = 1
name = "fitted"

[model]
source = "model.py:make"

[model.inputs.image]
shape = [1, 64]
dtype = "float32"

[data]
metric = "top1"

[data.selection]
source = "selection.npz"

[data.evaluation]
source = "evaluation.npz"

[build]
targets = ["host-onnxruntime"]
profile = "small"
seed = 0

[budgets]
accuracy_drop = "4 pt"
model_size = "8 KiB"
"""

PROFILE = """schema = 1
name = "small"

[pruning]
keep = 0.5
cost = "parameters"
importance = "magnitude"
round_to = 1

[fit]
trials = 12

[quantization]
precisions = ["float32"]

[measuring]
runs = 1
min_samples = 5
min_seconds = 0.0
warmup_seconds = 0.0
pairs = 1
"""


def make_fit_project(root: Path) -> Path:
    """Write the whole project into a new folder."""
    (root / "profiles").mkdir(parents=True)
    for name, text in {"model.py": MODEL, "edgebuild.toml": PROJECT, "profiles/small.toml": PROFILE}.items():
        (root / name).write_text(text, encoding="utf-8")
    sets = {name: _samples(number) for number, name in enumerate(("training", "selection", "evaluation"))}
    for name in ("selection", "evaluation"):
        image, labels = sets[name]
        np.savez(root / f"{name}.npz", image=image, labels=labels)
    _write_weights(root, *sets["training"])
    return root


def _samples(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """1,000 noisy pictures of four patterns, with labels."""
    patterns = np.random.default_rng(1).standard_normal((4, 64))
    random = np.random.default_rng([2, seed])
    labels = random.integers(0, 4, 1000)
    image = 0.6 * patterns[labels] + 1.5 * random.standard_normal((1000, 64))
    return image.astype(np.float32), labels


def _write_weights(root: Path, image: np.ndarray, labels: np.ndarray) -> None:
    """A first layer of noise, and the second one fitted to it by least squares."""
    from safetensors.numpy import save

    first = (np.random.default_rng(3).standard_normal((48, 64)) / 8).astype(np.float32)
    hidden = np.maximum(image @ first.T, 0)
    wanted = np.eye(4)[labels] - 0.25
    second = np.ascontiguousarray(np.linalg.lstsq(hidden, wanted, rcond=None)[0].T, np.float32)
    zeros = np.zeros(48, np.float32)
    weights = {"0.weight": first, "0.bias": zeros, "2.weight": second, "2.bias": zeros[:4]}
    (root / "weights.safetensors").write_bytes(save(weights))
