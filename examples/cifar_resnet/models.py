"""ResNet-20 and ResNet-32 for CIFAR-10, with published weights.

Weights and structure: https://github.com/akamaster/pytorch_resnet_cifar10 (He et al., 2015, section 4.2, with
shortcuts of option A: no parameters).
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu

WIDTHS = (16, 32, 64)


class Shrink(nn.Module):
    """Option A's shortcut: every second pixel, and zeros for the channels that are new."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.side = (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, outputs, H / 2, W / 2)."""
        return pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.side, self.side))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity() if inputs == outputs else Shrink(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, outputs, H / stride, W / stride)."""
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(y + self.shortcut(x))


class CifarResNet(nn.Module):
    """(N, 3, 32, 32), normalized RGB → logits (N, 10)."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.layer1 = _stage(WIDTHS[0], WIDTHS[0], blocks)
        self.layer2 = _stage(WIDTHS[0], WIDTHS[1], blocks)
        self.layer3 = _stage(WIDTHS[1], WIDTHS[2], blocks)
        self.linear = nn.Linear(WIDTHS[2], 10)

    def forward(self, image: Tensor) -> Tensor:
        """The logits."""
        x = relu(self.bn1(self.conv1(image)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def _stage(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride=outputs // inputs)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1) for _ in range(blocks - 1)))


def _with_weights(blocks: int, name: str) -> nn.Module:
    folder = os.environ.get("EDGEBUILD_DATA", "")
    if not folder:
        raise RuntimeError("EDGEBUILD_DATA is not set; set it to the folder that holds models/ (see README.md)")
    checkpoint = torch.load(Path(folder) / "models" / name, map_location="cpu", weights_only=True)
    state = {key.removeprefix("module."): tensor for key, tensor in checkpoint["state_dict"].items()}
    net = CifarResNet(blocks)
    net.load_state_dict(state)
    return net.eval()


def resnet20() -> nn.Module:
    """20 layers, 270 thousand parameters, 41 million multiply-accumulates."""
    return _with_weights(3, "cifar10_resnet20-12fca82f.th")


def resnet32() -> nn.Module:
    """32 layers, 464 thousand parameters, 69 million multiply-accumulates."""
    return _with_weights(5, "cifar10_resnet32-d509ac18.th")
