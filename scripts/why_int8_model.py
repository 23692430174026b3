"""The project of scripts/why_int8: a network in which int8 wins in a few large layers and loses in many small ones."""

from __future__ import annotations

from pathlib import Path

MODEL = '''"""Large layers, which gain by int8, and gates of small operators, between which it only converts."""
import torch
from torch import nn
from torch.nn import functional


class Gate(nn.Module):
    """Mish and a smooth gate: tanh, softplus and friends have no int8 kernels, so each stands between conversions."""

    def __init__(self, channels):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)
        self.scale = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x):
        y = self.mix(x)
        y = y * torch.tanh(functional.softplus(y))
        y = y * torch.exp(-(y * y)) + torch.sin(y * self.scale)
        return x + y / (1.0 + torch.abs(y))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, stride=2, padding=1), nn.ReLU())
        self.body = self.block()
        self.narrow = nn.Sequential(nn.Conv2d(32, 16, 3, stride=2, padding=1), nn.ReLU())
        self.gates = nn.Sequential(*(Gate(16) for _ in range(16)))
        self.widen = nn.Sequential(nn.Linear(16, 1024), nn.ReLU())
        self.wide = nn.Sequential(*(nn.Sequential(nn.Linear(1024, 1024), nn.ReLU()) for _ in range(2)))
        self.head = nn.Linear(1024, 10)

    @staticmethod
    def block():
        return nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU())

    def forward(self, image):
        x = self.gates(self.narrow(self.body(self.stem(image))))
        return self.head(self.wide(self.widen(x.mean((2, 3)))))


def make():
    torch.manual_seed(0)
    return Net().eval()
'''

DATA = '''"""Noise: what is looked at here is time, not accuracy."""
import numpy as np


def noise(seed):
    return {"image": np.random.default_rng(seed).standard_normal((32, 3, 48, 48)).astype(np.float32)}


def calibration():
    return noise(0)


def selection():
    return noise(1)
'''

PROJECT = """schema = 1
name = "gates"

[model]
source = "model.py:make"

[model.inputs.image]
shape = [1, 3, 48, 48]
dtype = "float32"
layout = "NCHW"

[data]
metric = "none"

[data.calibration]
source = "data.py:calibration"

[data.selection]
source = "data.py:selection"

[build]
targets = ["TARGET"]
profile = "speed"
keep_both = true
"""

PROFILE = """schema = 1
name = "speed"
title = "One int8 candidate, offered whatever it loses: time alone is looked at"

[quantization]
min_sqnr_db = -100.0
calibration_samples = 16
correction_samples = 16

[[quantization.settings]]
ranges = "minmax"

[measuring]
runs = 8
min_samples = 200
min_seconds = 0.3
warmup_seconds = 0.5
pairs = 11
"""


def write_project(root: Path, target: str) -> Path:
    """The whole project for one host target, into a folder."""
    (root / "profiles").mkdir(parents=True, exist_ok=True)
    texts = {"model.py": MODEL, "data.py": DATA, "edgebuild.toml": PROJECT.replace("TARGET", target)}
    for name, text in {**texts, "profiles/speed.toml": PROFILE}.items():
        (root / name).write_text(text, encoding="utf-8")
    return root
