"""A project of three small parts, and another one of two; ``whole`` in model.py is the first one as one graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np

MODEL = """import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, x):
        return self.layers(x)


class Fusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Linear(8, 3)

    def forward(self, seen, heard):
        return self.layers(torch.cat([seen, heard], 1))


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.see, self.hear, self.fuse = Encoder(6), Encoder(5), Fusion()

    def forward(self, image, sound):
        return self.fuse(self.see(image), self.hear(sound))


class Late(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Linear(9, 3)

    def forward(self, seen, sound):
        return self.layers(torch.cat([seen, sound], 1))


def whole():
    return Whole().eval()


def see():
    return whole().see


def hear():
    return whole().hear


def fuse():
    return whole().fuse


def late():
    return Late().eval()
"""

REST = """
[data]
metric = "top1"
classes = 3

[data.calibration]
source = "calibration.npz"

[data.selection]
source = "selection.npz"

[build]
targets = ["host-onnxruntime", "host-litert", "host-openvino"]
profile = "short"
"""

PARTS = (
    """schema = 1
name = "three"

[model]
source = "parts"
outputs = ["scores"]

[parts.fuse]
source = "model.py:fuse"
outputs = ["scores"]
[parts.fuse.inputs.seen]
shape = [1, 4]
[parts.fuse.inputs.heard]
shape = [1, 4]

[parts.see]
source = "model.py:see"
outputs = ["seen"]
[parts.see.inputs.image]
shape = [1, 6]
pre = [{ op = "normalize", mean = [3.0], std = [2.0] }]

[parts.hear]
source = "model.py:hear"
outputs = ["heard"]
[parts.hear.inputs.sound]
shape = [1, 5]
absent = "zeros"
"""
    + REST
)

LATE = (
    """schema = 1
name = "two"

[model]
source = "parts"
outputs = ["scores"]

[parts.see]
source = "model.py:see"
outputs = ["seen"]
budgets = { model_size = "1 KiB" }
[parts.see.inputs.image]
shape = [1, 6]
pre = [{ op = "normalize", mean = [3.0], std = [2.0] }]

[parts.late]
source = "model.py:late"
outputs = ["scores"]
[parts.late.inputs.seen]
shape = [1, 4]
[parts.late.inputs.sound]
shape = [1, 5]
"""
    + REST
    + """keep_both = true

[budgets]
model_size = "1 MiB"
"""
)

PROFILE = """schema = 1
name = "short"

[quantization]
precisions = [{precisions}]
correction_samples = 4
calibration_samples = 8

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


def make_project(root: Path) -> Path:
    """Write both projects; the profile ``short`` quantizes, ``exact`` does not."""
    (root / "profiles").mkdir(parents=True)
    (root / "model.py").write_text(MODEL, encoding="utf-8")
    (root / "edgebuild.toml").write_text(PARTS, encoding="utf-8")
    (root / "late.toml").write_text(LATE, encoding="utf-8")
    (root / "profiles/short.toml").write_text(PROFILE.replace("{precisions}", '"float32", "int8"'), encoding="utf-8")
    exact = PROFILE.replace("{precisions}", '"float32"').replace('"short"', '"exact"')
    (root / "profiles/exact.toml").write_text(exact, encoding="utf-8")
    random = np.random.default_rng(0)
    for name, count in (("calibration", 16), ("selection", 12), ("evaluation", 20)):
        arrays = {
            "image": random.normal(3, 2, (count, 6)).astype(np.float32),
            "sound": random.normal(0, 1, (count, 5)).astype(np.float32),
            "labels": random.integers(0, 3, count),
        }
        np.savez(root / f"{name}.npz", **arrays)  # type: ignore[arg-type]
    return root
