"""The projects of scripts/pruning_compared: a network, its data in disjoint sets, and weights that are trained once."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.compress.lesson import Lesson
from edgebuild.compress.recovery import recover
from edgebuild.core.project import Project
from edgebuild.core.recovery import Recovery
from edgebuild.models.batched import BatchedModel, export_batched
from edgebuild.models.data import load_samples
from edgebuild.models.load import open_module
from edgebuild.models.samples import Samples
from edgebuild.store.cache import Cache
from edgebuild.store.files import write_atomic
from edgebuild.store.toml import load_project

if TYPE_CHECKING:
    from torch import nn

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
WEIGHTS = "weights.safetensors"

MOBILENET = '''"""MobileNetV1 0.25 (Howard et al. 2017) for images of 32 x 32: the first layer keeps their size."""

from pathlib import Path

import torch
from torch import nn

from edgebuild import read_weights

WEIGHTS = Path(__file__).parent / "weights.safetensors"
BLOCKS = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1))
"""Of each block, the channels that it gives, and its stride."""


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.dw = nn.Conv2d(inputs, inputs, 3, stride=stride, padding=1, groups=inputs, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.pw = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x):
        x = torch.relu(self.bn1(self.dw(x)))
        return torch.relu(self.bn2(self.pw(x)))


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        widths = [8, *(outputs for outputs, _ in BLOCKS)]
        self.blocks = nn.Sequential(
            *(Block(inputs, *block) for inputs, block in zip(widths[:-1], BLOCKS, strict=True))
        )
        self.fc = nn.Linear(widths[-1], 10)

    def forward(self, image):
        return self.fc(self.blocks(torch.relu(self.bn(self.stem(image)))).mean((2, 3)))


def make():
    torch.manual_seed(0)
    model = MobileNet()
    if WEIGHTS.exists():
        model.load_state_dict(read_weights(WEIGHTS))
    return model.eval()
'''

RESNET = '''"""ResNet-32 with published weights, or those that it has after training on JPEG files."""

from pathlib import Path

import models

from edgebuild import read_weights

WEIGHTS = Path(__file__).parent / "weights.safetensors"


def make():
    model = models.resnet32()
    if WEIGHTS.exists():
        model.load_state_dict(read_weights(WEIGHTS))
    return model.eval()
'''

SETTINGS = """schema = 1
name = "{name}"

[model]
source = "model.py:make"

[model.inputs.image]
shape = [1, {channels}, 32, 32]
dtype = "float32"
layout = "NCHW"
pre = [
    {{ op = "transpose", order = [0, 3, 1, 2] }},
    {{ op = "normalize", scale = 0.00392156862745098, mean = {mean}, std = {std} }},
]

[data]
metric = "top1"
training.source = "data.py:training"
calibration.source = "data.py:calibration"
selection.source = "data.py:selection"
evaluation.source = "data.py:evaluation"

[build]
targets = ["host-onnxruntime", "host-litert"]
keep_both = true
"""


@dataclass(frozen=True)
class Subject:
    """A network that is pruned.

    Attributes:
        files: writes model and data beside the settings.
        training: how the dense model is trained, from what the callable gives without weights.
        recovery: how every pruned one is trained again, ours and theirs, but for the seed.
    """

    name: str
    settings: str
    files: Callable[[Path], None]
    training: Recovery
    recovery: Recovery


def _mobilenet(place: Path) -> None:
    """24,000 images to learn from, 512 and 5,000 others to calibrate and choose on, 5,000 test images."""
    (place / "model.py").write_text(MOBILENET, encoding="utf-8")
    data = (EXAMPLES / "resnet50_mobile" / "data.py").read_text(encoding="utf-8")
    assert "TRAINING = slice(5512, None)" in data
    (place / "data.py").write_text(data.replace("slice(5512, None)", "slice(5512, 29512)"), encoding="utf-8")


def _resnet(place: Path) -> None:
    """11,744 images to learn from, 256 and 2,000 others to calibrate and choose on, 2,000 test images."""
    (place / "model.py").write_text(RESNET, encoding="utf-8")
    shutil.copy(EXAMPLES / "cifar_resnet" / "models.py", place)
    data = (EXAMPLES / "cifar_resnet" / "data.py").read_text(encoding="utf-8")
    assert "256, 1256)" in data
    assert "2256, 8256)" in data
    data = data.replace("256, 1256)", "256, 2256)").replace("2256, 8256)", "2256, None)")
    (place / "data.py").write_text(data, encoding="utf-8")


SUBJECTS = {
    "mobilenet": Subject(
        "mobilenet",
        SETTINGS.format(name="fashion-mobilenet", channels=1, mean=[0.2860], std=[0.3530]),
        _mobilenet,
        Recovery(epochs=12, learning_rate=0.004, augmentation="crop", batch_norm="batch", precision="f32"),
        Recovery(epochs=3, learning_rate=0.003, precision="f32"),
    ),
    "resnet32": Subject(
        "resnet32",
        SETTINGS.format(name="cifar-resnet32", channels=3, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        _resnet,
        Recovery(epochs=4, learning_rate=0.001, augmentation="flip-crop", precision="f32"),
        Recovery(epochs=3, learning_rate=0.003, augmentation="flip-crop", variants=1, precision="f32"),
    ),
}


@dataclass(frozen=True, eq=False)
class Dense:
    """A subject that is trained: its project, its module and program for batches, and its data.

    Attributes:
        calibration, selection: what ranges are taken from, and what everything is chosen on.
        evaluation: read for what is reported.
    """

    project: Project
    root: Path
    cache: Cache
    program: BatchedModel
    training: Samples
    calibration: Samples
    selection: Samples
    evaluation: Samples

    def module(self) -> nn.Module:
        """One of its own."""
        with open_module(self.project.model, self.root, self.cache) as module:
            return module

    def batched(self, module: nn.Module) -> BatchedModel:
        """What is trained, of a module with the same inputs."""
        return export_batched(module, self.project.model.inputs)

    def lesson(self, student: BatchedModel, teacher: BatchedModel | None) -> Lesson:
        """How a pruned model learns from the dense one."""
        return Lesson(student, teacher, self.training, self.selection, classes=True)


def dense(subject: Subject, root: Path, cache: Cache) -> Dense:
    """Write the project, and train its weights where they are not there yet; what was killed goes on."""
    root.mkdir(parents=True, exist_ok=True)
    subject.files(root)
    (root / "edgebuild.toml").write_text(subject.settings, encoding="utf-8")
    project, _ = load_project(root)
    sources = project.data
    sets = [
        load_samples(source, project.model.inputs, root, cache)
        for source in (sources.training, sources.calibration, sources.selection, sources.evaluation)
        if source is not None
    ]
    found = _opened(project, root, cache, sets)
    if (root / WEIGHTS).exists():
        return found
    say = lambda text: print(f"{subject.name}: {text}", file=sys.stderr, flush=True)  # noqa: E731
    trained = recover(found.lesson(found.program, None), subject.training, root / "training", say)
    from safetensors.torch import save

    write_atomic(root / WEIGHTS, save(trained.state))
    return _opened(project, root, cache, sets)


def _opened(project: Project, root: Path, cache: Cache, sets: list[Samples]) -> Dense:
    with open_module(project.model, root, cache) as module:
        program = export_batched(module, project.model.inputs)
    return Dense(project, root, cache, program, *sets)
