"""ResNet-50 for 32 x 32 images of one channel and ten classes, with the weights of ``train_teacher.py``.

Structure: He et al., 2015, table 1, with a bottleneck's stride in its 3 x 3 convolution, as has been usual since.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

CHANNELS, CLASSES = 1, 10
BLOCKS = (3, 4, 6, 3)
WIDTHS = (64, 128, 256, 512)
EXPANSION = 4
WEIGHTS = Path(__file__).resolve().parent / "teacher" / "weights.safetensors"


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions and a shortcut, which is a 1 x 1 convolution where the shape changes."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * EXPANSION
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut.append(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, 4 x width, H / stride, W / stride)."""
        y = relu(self.bn1(self.conv1(x)))
        y = relu(self.bn2(self.conv2(y)))
        return relu(self.bn3(self.conv3(y)) + self.shortcut(x))


class ResNet50(nn.Module):
    """(N, 1, 32, 32), normalized → logits (N, 10); 23.5 million parameters, 82 million multiply-accumulates."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(CHANNELS, WIDTHS[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        stages, inputs = [], WIDTHS[0]
        for blocks, width in zip(BLOCKS, WIDTHS, strict=True):
            stages.append(_stage(inputs, width, blocks, stride=1 if width == WIDTHS[0] else 2))
            inputs = width * EXPANSION
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(inputs, CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        """The logits of the ten classes."""
        x = max_pool2d(relu(self.bn1(self.conv1(image))), 3, stride=2, padding=1)
        return self.fc(self.stages(x).mean((2, 3)))


def _stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(inputs, width, stride)
    return nn.Sequential(first, *(Bottleneck(width * EXPANSION, width, 1) for _ in range(blocks - 1)))


def teacher() -> nn.Module:
    """The network with its trained weights."""
    from safetensors.torch import load

    if not WEIGHTS.is_file():
        raise RuntimeError(f"{WEIGHTS} is not there; run train_teacher.py first (see README.md)")
    net = ResNet50()
    # Read by Python itself, so that edgebuild sees that the model depends on this file.
    net.load_state_dict(load(WEIGHTS.read_bytes()))
    return net.eval()
