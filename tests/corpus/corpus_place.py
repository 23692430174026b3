"""A small project that builds, for cases of bad input to break in one thing each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

MODEL = """\
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.second = torch.nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.head = torch.nn.Linear(8 * 16, 3)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = torch.relu(self.second(x))
        return self.head(x.flatten(1))


def make():
    torch.manual_seed(0)
    return Net()
"""
DATA = """\
import numpy as np


def samples(seed):
    random = np.random.default_rng(seed)
    x = random.standard_normal((40, 3, 8, 8)).astype("float32")
    return {"x": x, "labels": random.integers(0, 3, 40)}


def calibration():
    return samples(1)


def evaluation():
    return samples(2)
"""
PROJECT = """\
schema = 1
name = "small"

[model]
source = "model.py:make"

[model.inputs.x]
shape = [1, 3, 8, 8]
dtype = "float32"
layout = "NCHW"

[data]
metric = "top1"
calibration = { source = "data.py:calibration" }
evaluation = { source = "data.py:evaluation" }

[build]
targets = ["host-onnxruntime"]
profile = "exact"

[budgets]
model_size = "1 MiB"
"""
EXACT = """\
schema = 1
name = "exact"
title = "Float only, and little of everything: what a test can wait for"

[quantization]
precisions = ["float32"]

[measuring]
runs = 1
min_samples = 5
min_seconds = 0.0
warmup_seconds = 0.1
pairs = 1
"""
FILES = {"edgebuild.toml": PROJECT, "model.py": MODEL, "data.py": DATA, "profiles/exact.toml": EXACT}

_NOT_OURS = ("cache/", "scratch/.ses", "scratch/torchinductor_")


@dataclass
class Place:
    """Where one case happens: a project that builds, a folder for bundles, and a copy of a good bundle.

    Attributes:
        made: the bundle to copy.
        patch: changes the process for this case alone.
        at_end: what undoes the case's other traces, such as mounts.
    """

    root: Path
    made: Path | None = None
    patch: pytest.MonkeyPatch = field(default_factory=pytest.MonkeyPatch)
    at_end: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, text in FILES.items():
            self.write(name, text)

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def bundle(self) -> Path:
        """A bundle of the good project, this case's own."""
        place = self.root / "small.bundle"
        if not place.exists():
            assert self.made is not None
            shutil.copytree(self.made, place)
        return place

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.project / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} holds no {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def undo(self) -> None:
        while self.at_end:
            self.at_end.pop()()

    def toml(self, old: str, new: str) -> None:
        self.edit("edgebuild.toml", old, new)


def contents(root: Path) -> dict[str, bytes | None]:
    """Every path below a folder, with the bytes of files; links and others by their kind alone.

    Two things do not count: a case's own cache, which keeps the stages that were finished, and what libraries keep
    in the folder for temporary files (onnxruntime a file, torch a folder).
    """
    found = {path.relative_to(root).as_posix(): path for path in sorted(_walk(root))}
    return {name: _bytes(path) for name, path in found.items() if not name.startswith(_NOT_OURS)}


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        yield from (Path(folder) / name for name in [*folders, *files])


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() and not path.is_symlink() else None
