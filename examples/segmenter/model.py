"""A small U-shaped network that gives every pixel a class."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from edgebuild import read_weights

CLASSES = 11
WEIGHTS = Path(__file__).parent / "weights.safetensors"


class Block(nn.Sequential):
    """A convolution with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, size: int = 3) -> None:
        convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class Segmenter(nn.Module):
    """(N, 1, 64, 64) in 0..1 → scores (N, 11, 64, 64); 0 is background."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = Block(1, 16)
        self.halved = Block(16, 32, 2)
        self.quarter = nn.Sequential(Block(32, 64, 2), Block(64, 64))
        self.eighth = nn.Sequential(Block(64, 96, 2), Block(96, 96))
        self.to_quarter, self.at_quarter = Block(96, 64, size=1), Block(64, 64)
        self.to_half, self.at_half = Block(64, 32, size=1), Block(32, 32)
        self.to_full, self.at_full = Block(32, 16, size=1), Block(16, 16)
        self.classifier = nn.Conv2d(16, CLASSES, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Down to an eighth, and up again over sums with what was seen on the way."""
        full = self.whole(image)
        half = self.halved(full)
        quarter = self.quarter(half)
        seen = self.at_quarter(_twice(self.to_quarter(self.eighth(quarter))) + quarter)
        seen = self.at_half(_twice(self.to_half(seen)) + half)
        seen = self.at_full(_twice(self.to_full(seen)) + full)
        return self.classifier(seen)


def _twice(grid: Tensor) -> Tensor:
    return F.interpolate(grid, scale_factor=2.0, mode="nearest")


def untrained() -> Segmenter:
    """The network with seeded weights: it knows nothing, and takes as long."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Segmenter().eval()


def trained() -> Segmenter:
    """The network with the weights that ``train.py`` wrote."""
    if not WEIGHTS.is_file():
        raise RuntimeError(f"{WEIGHTS.name} is not there; run train.py first (see README.md)")
    net = Segmenter()
    net.load_state_dict(read_weights(WEIGHTS))
    return net.eval()
