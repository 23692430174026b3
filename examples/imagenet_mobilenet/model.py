"""MobileNetV1 at width 0.25 for 224 x 224 images, with TensorFlow's published weights.

The weights have batch norm folded in already, and keep the names of the attributes below.
Structure: Howard et al., 2017, table 1.
"""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import pad, relu6

WIDTHS = (8, 16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256)
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
CLASSES = 1000


class Conv3x3(nn.Conv2d):
    """A 3x3 convolution padded as TensorFlow's SAME does for even sizes.

    With stride 2 that is one row and column of zeros after the image and none before it: PyTorch's symmetric
    ``padding=1`` would shift the image by a pixel and cost 20 points of accuracy.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride=stride, padding=1 if stride == 1 else 0, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C', H / stride, W / stride)."""
        if self.stride == (2, 2):
            x = pad(x, (0, 1, 0, 1))
        return super().forward(x)


class Separable(nn.Module):
    """A depthwise and a pointwise convolution, each with ReLU6."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.dw = Conv3x3(inputs, inputs, stride, groups=inputs)
        self.pw = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, outputs, H / stride, W / stride)."""
        return relu6(self.pw(relu6(self.dw(x))))


class MobileNetV1(nn.Module):
    """(N, 3, 224, 224) in -1..1 → logits (N, 1000); 41 million multiply-accumulates."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv3x3(3, WIDTHS[0], stride=2)
        shapes = zip(WIDTHS[:-1], WIDTHS[1:], STRIDES, strict=True)
        self.blocks = nn.Sequential(*(Separable(*shape) for shape in shapes))
        self.fc = nn.Linear(WIDTHS[-1], CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        """The logits of the classes, in the order of their synset names, without TensorFlow's background class."""
        return self.fc(self.blocks(relu6(self.stem(image))).mean((2, 3)))


def mobilenet() -> nn.Module:
    """The network with its weights."""
    from safetensors.torch import load

    folder = os.environ.get("EDGEBUILD_DATA", "")
    if not folder:
        raise RuntimeError("EDGEBUILD_DATA is not set; set it to the folder that holds models/ (see README.md)")
    # Read by Python itself, so that edgebuild sees that the model depends on this file.
    weights = (Path(folder) / "models" / "mobilenetv1_025_224_imagenet.safetensors").read_bytes()
    net = MobileNetV1()
    net.load_state_dict(load(weights))
    return net.eval()
