"""Layers with TensorFlow's SAME padding, which is asymmetric wherever the stride does not divide evenly."""

from __future__ import annotations

from torch import Tensor, nn

BN_EPS = 1e-3


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """The zeros that TensorFlow's SAME padding puts before and after one axis.

    With stride 2 and an even size, a 3-wide kernel gets (0, 1): PyTorch's own ``padding=1`` would be another model.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow does for inputs of a fixed ``size`` (height, width)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int],
        size: tuple[int, int],
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        (top, bottom), (left, right) = (same_padding(s, k, stride) for s, k in zip(size, kernel, strict=True))
        symmetric = top == bottom and left == right
        super().__init__(inputs, outputs, kernel, stride=stride, padding=(top, left) if symmetric else 0, groups=groups)
        self.margin = None if symmetric else (left, right, top, bottom)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C', ceil(H / stride), ceil(W / stride))."""
        if self.margin is not None:
            x = nn.functional.pad(x, self.margin)
        return super().forward(x)
