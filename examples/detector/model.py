"""An anchor-free detector: of each of 8 x 8 cells, scores of ten classes and how far a box reaches from its centre."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from edgebuild import read_weights

CLASSES = 10
STRIDE = 8
WEIGHTS = Path(__file__).parent / "weights.safetensors"


class Block(nn.Sequential):
    """A 3x3 convolution with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class Detector(nn.Module):
    """(N, 1, 64, 64) → distances (N, 64, 4): left, top, right, bottom in strides; and scores (N, 64, 10) in 0..1.

    The distances are what FCOS predicts (Tian et al. 2019, arXiv:1904.01355); edgebuild.toml's ``post`` decodes them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            Block(1, 24, 2), Block(24, 48, 2), Block(48, 48), Block(48, 96, 2), Block(96, 96), Block(96, 96)
        )
        self.box = nn.Sequential(Block(96, 64), nn.Conv2d(64, 4, 1))
        self.score = nn.Sequential(Block(96, 64), nn.Conv2d(64, CLASSES, 1))
        nn.init.constant_(self.box[1].bias, 1.5)  # objects reach about 1.5 cells
        nn.init.constant_(self.score[1].bias, -3.5)  # most cells have no object

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Distances and scores of every cell, row by row."""
        seen = self.features(image)
        return _rows(self.box(seen).relu()), _rows(self.score(seen)).sigmoid()


def _rows(grid: Tensor) -> Tensor:
    """(N, C, H, W) → (N, H * W, C)."""
    return grid.flatten(2).transpose(1, 2)


def untrained() -> Detector:
    """The network with seeded weights: it finds nothing, and takes as long."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Detector().eval()


def trained() -> Detector:
    """The network with the weights that ``train.py`` wrote."""
    if not WEIGHTS.is_file():
        raise RuntimeError(f"{WEIGHTS.name} is not there; run train.py first (see README.md)")
    net = Detector()
    net.load_state_dict(read_weights(WEIGHTS))
    return net.eval()
