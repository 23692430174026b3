"""Small models and real digits for recovery to work on, and a recovery for a process of its own."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgebuild.compress.lesson import Lesson
from edgebuild.compress.recovery import Recovered, recover
from edgebuild.core.project import InputSpec
from edgebuild.core.recovery import Recovery
from edgebuild.core.signature import Normalize
from edgebuild.models.batched import BatchedModel, export_batched
from edgebuild.models.samples import Samples

DATA = os.environ.get("EDGEBUILD_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="EDGEBUILD_DATA is not set")

PIXELS = (Normalize(scale=1 / 255, mean=(0.13,), std=(0.31,)),)
IMAGE = {"image": InputSpec(shape=(1, 1, 28, 28), layout="NCHW", pre=PIXELS)}
SMALL = {"image": InputSpec(shape=(1, 1, 8, 8), layout="NCHW")}
TOKENS = {"tokens": InputSpec(shape=(1, 6), dtype="int64")}


def conv_net(width: int, size: int, seed: int = 0, classes: int = 10) -> nn.Module:
    """Two convolutions with batch normalization, whose running statistics are not those of a new one."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
        nn.Conv2d(width, 2 * width, 3, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU(),
        nn.Flatten(), nn.Linear(2 * width * (size // 4) ** 2, classes),
    )  # fmt: skip
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.fill_(0.9)
    return net


class Transformer(nn.Module):
    """Two layers over six tokens, attention written out, embeddings tied to the output's weights."""

    def __init__(self, width: int = 16, seed: int = 0, hidden: int = 32) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.embed = nn.Embedding(7, width)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "qkv": nn.Linear(width, 3 * width),
                    "norm": nn.LayerNorm(width),
                    "up": nn.Linear(width, hidden),
                    "down": nn.Linear(hidden, width),
                }
            )
            for _ in range(2)
        )
        self.head = nn.Linear(width, 7, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        for layer in self.layers:
            q, k, v = (t.unflatten(-1, (2, -1)).transpose(1, 2) for t in layer["qkv"](x).chunk(3, -1))
            attention = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -1)
            x = layer["norm"](x + (attention @ v).transpose(1, 2).flatten(2))
            x = x + layer["down"](torch.relu(layer["up"](x)))
        return self.head(x.mean(1))


def small_images(count: int, seed: int = 0, labels: bool = True) -> Samples:
    """Noise with a bright row, whose number modulo 4 is the label."""
    random = np.random.default_rng(seed)
    image = random.standard_normal((count, 1, 8, 8)).astype(np.float32)
    rows = random.integers(0, 8, count)
    image[np.arange(count), 0, rows] += 2
    return Samples({"image": image}, (rows % 4).astype(np.int64) if labels else None)


def token_samples(count: int, seed: int = 0, labels: bool = True) -> Samples:
    """Six tokens, about half of them the label, the others any."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 7, count)
    tokens = np.where(random.random((count, 6)) < 0.5, label[:, None], random.integers(0, 7, (count, 6)))
    return Samples({"tokens": tokens}, label if labels else None)


def digits(first: int, last: int, labels: bool = True) -> Samples:
    """Real handwritten digits out of MNIST's training set."""
    with np.load(Path(DATA or "") / "datasets" / "mnist.npz") as data:
        image, label = data["x_train"][first:last, None], data["y_train"][first:last].astype(np.int64)
    return Samples({"image": image}, label if labels else None)


def small_lesson(labels: bool = True, width: int = 4) -> Lesson:
    """A narrow net that learns from a wide one."""
    student = export_batched(conv_net(width, 8, 1, 4), SMALL)
    teacher = export_batched(conv_net(8, 8, 2, 4), SMALL)
    return Lesson(student, teacher, small_images(100, 0, labels), small_images(40, 1), classes=True)


def token_lesson(labels: bool = False) -> Lesson:
    """A narrow transformer that learns from one with more hidden units."""
    student = export_batched(Transformer(hidden=8, seed=1), TOKENS)
    teacher = export_batched(Transformer(seed=2), TOKENS)
    return Lesson(student, teacher, token_samples(100, 0, labels), token_samples(40, 1), classes=True)


LESSONS = {"images": small_lesson, "tokens": token_lesson}
SETTINGS = {
    "adamw": Recovery(epochs=12, batch_size=16, augmentation="flip-crop", checkpoint_minutes=0, precision="f32"),
    "sgd": Recovery(epochs=12, batch_size=16, optimizer="sgd", checkpoint_minutes=0, precision="f32"),
}


def same_state(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two states are equal to the last bit."""
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def train_teacher(folder: Path, module: nn.Module, training: Samples, selection: Samples) -> BatchedModel:
    """Train a module by labels alone, and export it."""
    model = export_batched(module, IMAGE)
    done = recover(
        Lesson(model, None, training, selection), Recovery(epochs=3, batch_size=64, learning_rate=0.005), folder
    )
    module.load_state_dict(done.state)
    return export_batched(module, IMAGE)


def recover_aside(lesson: str, settings: str, folder: str, out: str) -> None:
    """Recover, saying what is done, and write the state."""
    from safetensors.torch import save_file

    done: Recovered = recover(LESSONS[lesson](), SETTINGS[settings], Path(folder), lambda text: print(text, flush=True))
    save_file({name: tensor.clone() for name, tensor in done.state.items()}, out)
