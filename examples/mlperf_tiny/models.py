"""The four MLPerf Tiny reference models in PyTorch, with the reference weights.

The weights keep the names of the attributes below. Every model ends in logits (or the reconstruction): the softmax
of the reference models does not change which class wins, and integer arithmetic is better off without it.
Structures: https://github.com/mlcommons/tiny/tree/master/benchmark/training
"""

from __future__ import annotations

from typing import TypeVar

import torch
from layers import BN_EPS, SameConv2d
from torch import Tensor, nn
from torch.nn.functional import relu
from weights import load_weights

Net = TypeVar("Net", bound=nn.Module)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, and a 1x1 shortcut (without batch norm) where the stride is 2."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int) -> None:
        super().__init__()
        small = size // stride
        self.conv1 = SameConv2d(inputs, outputs, (3, 3), (size, size), stride)
        self.bn1 = nn.BatchNorm2d(outputs, eps=BN_EPS)
        self.conv2 = SameConv2d(outputs, outputs, (3, 3), (small, small))
        self.bn2 = nn.BatchNorm2d(outputs, eps=BN_EPS)
        self.shortcut = nn.Identity() if stride == 1 else SameConv2d(inputs, outputs, (1, 1), (size, size), stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, size, size) → (N, outputs, size / stride, size / stride)."""
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(y + self.shortcut(x))


class ResNet8(nn.Module):
    """Image classification: (N, 3, 32, 32), raw 0..255 → (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = SameConv2d(3, 16, (3, 3), (32, 32))
        self.bn1 = nn.BatchNorm2d(16, eps=BN_EPS)
        self.layer1 = ResidualBlock(16, 16, 32, 1)
        self.layer2 = ResidualBlock(16, 32, 32, 2)
        self.layer3 = ResidualBlock(32, 64, 16, 2)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        x = self.layer3(self.layer2(self.layer1(relu(self.bn1(self.conv1(x))))))
        return self.fc(x.mean((2, 3)))


class Separable(nn.Module):
    """A depthwise 3x3 and a pointwise convolution, each with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int], stride: int) -> None:
        super().__init__()
        self.dw = SameConv2d(inputs, inputs, (3, 3), size, stride, groups=inputs)
        self.bn1 = nn.BatchNorm2d(inputs, eps=BN_EPS)
        self.pw = nn.Conv2d(inputs, outputs, 1)
        self.bn2 = nn.BatchNorm2d(outputs, eps=BN_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, outputs, ceil(H / stride), ceil(W / stride))."""
        return relu(self.bn2(self.pw(relu(self.bn1(self.dw(x))))))


class Stem(nn.Module):
    """The first convolution of the separable networks, stride 2, with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int], size: tuple[int, int]) -> None:
        super().__init__()
        self.conv = SameConv2d(inputs, outputs, kernel, size, 2)
        self.bn = nn.BatchNorm2d(outputs, eps=BN_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, outputs, ceil(H / 2), ceil(W / 2))."""
        return relu(self.bn(self.conv(x)))


class MobileNetV1(nn.Module):
    """Visual wake words: MobileNetV1 at width 0.25, (N, 3, 96, 96) in 0..1 → (N, 2)."""

    WIDTHS = (8, 16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256)
    STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem(3, self.WIDTHS[0], (3, 3), (96, 96))
        size, blocks = 48, []
        for inputs, outputs, stride in zip(self.WIDTHS[:-1], self.WIDTHS[1:], self.STRIDES, strict=True):
            blocks.append(Separable(inputs, outputs, (size, size), stride))
            size //= stride
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(self.WIDTHS[-1], 2)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))


class DsCnn(nn.Module):
    """Keyword spotting: (N, 1, 49, 10) MFCC → (N, 12)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem(1, 64, (10, 4), (49, 10))
        self.blocks = nn.Sequential(*(Separable(64, 64, (25, 5), 1) for _ in range(4)))
        self.fc = nn.Linear(64, 12)

    def forward(self, x: Tensor) -> Tensor:
        """Logits. The average leaves out the last of 25 rows, as the reference's (24, 5) pooling window does."""
        x = self.blocks(self.stem(x))
        return self.fc(x[:, :, :24].mean((2, 3)))


class Dense(nn.Module):
    """A fully connected layer with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inputs, outputs)
        self.bn = nn.BatchNorm1d(outputs, eps=BN_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs) → (N, outputs)."""
        return relu(self.bn(self.fc(x)))


class Reconstruction(nn.Module):
    """The last fully connected layer, without activation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs) → (N, outputs)."""
        return self.fc(x)


class Autoencoder(nn.Module):
    """Anomaly detection: (N, 640), five log-mel frames of 128 → their reconstruction."""

    WIDTHS = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128)

    def __init__(self) -> None:
        super().__init__()
        dense = [Dense(inputs, outputs) for inputs, outputs in zip(self.WIDTHS[:-1], self.WIDTHS[1:], strict=True)]
        self.layers = nn.Sequential(*dense, Reconstruction(self.WIDTHS[-1], self.WIDTHS[0]))

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction."""
        return self.layers(x)


def _with_weights(net: Net, name: str) -> Net:
    state: dict[str, Tensor] = load_weights(name)
    missing, unexpected = net.load_state_dict(state, strict=False)
    # The counters of batch norm only matter while training, and the reference weights do not have them.
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise RuntimeError(f"{name}: missing {missing}, unexpected {unexpected}")
    return net.eval()


@torch.no_grad()
def image_classification() -> nn.Module:
    """ResNet-8 for CIFAR-10."""
    return _with_weights(ResNet8(), "resnet8_cifar10")


@torch.no_grad()
def visual_wake_words() -> nn.Module:
    """MobileNetV1 0.25 at 96 x 96: is a person in the picture?"""
    return _with_weights(MobileNetV1(), "mobilenetv1_025_vww96")


@torch.no_grad()
def keyword_spotting() -> nn.Module:
    """DS-CNN for twelve spoken words."""
    return _with_weights(DsCnn(), "dscnn_kws")


@torch.no_grad()
def anomaly_detection() -> nn.Module:
    """The autoencoder for the sounds of toy cars."""
    return _with_weights(Autoencoder(), "autoencoder_ad01")
