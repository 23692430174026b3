"""A project small enough to be built again and again: a residual CNN for 8 x 8 images, everything it reads its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

MODEL = '''"""The model."""
from pathlib import Path

from edgebuild import read_weights
from layers import Net


def make():
    net = Net()
    net.load_state_dict(read_weights(Path(__file__).parent / "weights.safetensors"))
    return net.eval()
'''

LAYERS = '''"""Its layers."""
import torch
from torch import nn

SCALE = 1.0


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 4)

    def forward(self, image):
        x = torch.relu(self.norm(self.first(image)))
        x = torch.relu(self.second(x) + x)
        return self.head(x.mean((2, 3))) * SCALE
'''

DATA = '''"""Samples."""
import os
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
GAIN = 1.0


def read(name):
    with np.load(HERE / name) as stored:
        return {key: stored[key] for key in stored.files}


def calibration():
    samples = read("calibration.npz")
    return {**samples, "image": samples["image"] * np.float32(GAIN)}


def selection():
    samples = read("selection.npz")
    return {**samples, "image": samples["image"] + np.float32(os.environ.get("TINY_SHIFT", "0"))}


def evaluation():
    return read("evaluation.npz")
'''

PROJECT = """schema = 1
name = "tiny"

[model]
source = "model.py:make"

[model.inputs.image]
shape = [1, 1, 8, 8]
dtype = "float32"
layout = "NCHW"

[data.calibration]
source = "data.py:calibration"

[data.selection]
source = "data.py:selection"
pure = false

[data.evaluation]
source = "data.py:evaluation"

[build]
targets = ["board"]
profile = "tiny"
seed = 0
"""

TARGET = """schema = 1
name = "board"
title = "A board that is not here"
family = "arm-cpu"
runtime = "onnxruntime"
transport = "ssh"

[hardware]
memory_mib = 512

[int8]
weight_granularity = "per_channel"
activation_dtype = "u8"

[sources]
hardware = "made up for a test"
int8 = "made up for a test"
"""

PROFILE = """schema = 1
name = "tiny"

[quantization]
correction_samples = 8
calibration_samples = 16

[[quantization.settings]]
ranges = "minmax"
correct_bias = true

[measuring]
runs = 1
min_samples = 5
min_seconds = 0.0
warmup_seconds = 0.0
pairs = 1

[judging]
accuracy_confidence = 0.95
"""

HOSTS = ("host-onnxruntime", "host-litert", "host-openvino")


def make_project(root: Path, seed: int = 0) -> Path:
    """Write the whole project into a new folder."""
    (root / "targets").mkdir(parents=True)
    (root / "profiles").mkdir()
    texts = {"model.py": MODEL, "layers.py": LAYERS, "data.py": DATA, "edgebuild.toml": PROJECT}
    for name, text in {**texts, "targets/board.toml": TARGET, "profiles/tiny.toml": PROFILE}.items():
        (root / name).write_text(text, encoding="utf-8")
    write_weights(root, seed)
    for number, name in enumerate(("calibration", "selection", "evaluation")):
        write_samples(root, name, number)
    return root


def write_weights(root: Path, seed: int) -> None:
    """Seeded weights, read back by Python itself so that the model is known to depend on the file."""
    from safetensors.numpy import save

    random = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) * 0.4).astype(np.float32)

    norm = {
        "weight": 1 + normal(8) / 4,
        "bias": normal(8),
        "running_mean": normal(8),
        "running_var": 1 + normal(8) ** 2,
    }
    weights = {
        "first.weight": normal(8, 1, 3, 3),
        **{f"norm.{name}": value for name, value in norm.items()},
        "norm.num_batches_tracked": np.zeros((), np.int64),
        "second.weight": normal(8, 8, 3, 3),
        "second.bias": normal(8),
        "head.weight": normal(4, 8),
        "head.bias": normal(4),
    }
    (root / "weights.safetensors").write_bytes(save(weights))


def write_samples(root: Path, name: str, seed: int) -> None:
    """40 images in 0..1 with labels."""
    random = np.random.default_rng([7, seed])
    image = random.random((40, 1, 8, 8), np.float32)
    np.savez(root / f"{name}.npz", image=image, labels=random.integers(0, 4, 40))


def edit(path: Path, old: str, new: str) -> None:
    """Replace the one place where ``old`` stands."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new), encoding="utf-8")
