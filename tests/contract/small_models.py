"""Small networks, one for each thing that exporters and quantizers treat in a way of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebuild.core.project import InputSpec
from edgebuild.core.signature import DType

IMAGE = {"image": ((1, 3, 12, 12), "NCHW")}


@dataclass(frozen=True)
class Case:
    """A module, its inputs (shape and layout by name, float32), and the least SQNR of its int8 form in decibels."""

    make: Callable[[], nn.Module]
    inputs: dict[str, tuple[tuple[int, ...], str]]
    outputs: tuple[str, ...] = ("scores",)
    integers: tuple[str, ...] = ()
    sqnr_db: float = 15.0

    def specs(self) -> dict[str, InputSpec]:
        def dtype(name: str) -> DType:
            return "int64" if name in self.integers else "float32"

        return {
            name: InputSpec(shape=shape, layout=layout, dtype=dtype(name))
            for name, (shape, layout) in self.inputs.items()
        }

    def samples(self, count: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Raw samples, (N, …)."""
        draw = np.random.default_rng(seed)
        return {
            name: draw.integers(0, 16, (count, *shape[1:]))
            if name in self.integers
            else draw.normal(size=(count, *shape[1:])).astype(np.float32)
            for name, (shape, _) in self.inputs.items()
        }


def settle(module: nn.Module) -> nn.Module:
    """Give batch normalization statistics and scales that are not those of a fresh layer."""
    generator = torch.Generator().manual_seed(5)
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            count = layer.num_features
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.copy_(torch.randn(count, generator=generator) * 0.2)
            layer.running_var.copy_(torch.rand(count, generator=generator) + 0.5)
            if layer.affine:
                layer.weight.data.copy_(torch.rand(count, generator=generator) + 0.5)
                layer.bias.data.copy_(torch.randn(count, generator=generator) * 0.2)
    return module.eval()


def _conv(inputs: int, outputs: int, act: nn.Module | None = None, **options: int) -> nn.Sequential:
    size = options.pop("size", 3)
    layers = [nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False, **options), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([act] if act is not None else []))


def _head(features: int, classes: int = 5) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, classes))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, 8, nn.ReLU())
        self.body = nn.Sequential(_conv(8, 8, nn.ReLU()), _conv(8, 8))
        self.down = nn.Sequential(_conv(8, 12, nn.ReLU(), stride=2), _conv(12, 12))
        self.skip = _conv(8, 12, size=1, stride=2)
        self.head = _head(12)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        x = torch.relu(x + self.body(x))
        x = torch.relu(self.skip(x) + self.down(x))
        return self.head(x)


class Mobile(nn.Module):
    """Depthwise blocks with TensorFlow's asymmetric padding."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, bias=False)
        self.stem_norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.pointwise = _conv(8, 16, nn.ReLU6(), size=1)
        self.head = _head(16)

    def forward(self, image: Tensor) -> Tensor:
        x = functional.relu6(self.stem_norm(self.stem(functional.pad(image, (0, 1, 0, 1)))))
        x = functional.relu6(self.norm(self.depthwise(functional.pad(x, (0, 2, 1, 1)))))
        return self.head(self.pointwise(x))


class SqueezeExcite(nn.Module):
    """MobileNetV3's block: hardswish, and a gate of hardsigmoid; a plain sigmoid at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, 8, nn.Hardswish())
        self.depthwise = _conv(8, 8, nn.Hardswish(), groups=8, size=5)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.Hardsigmoid()
        )
        self.head = _head(8)

    def forward(self, image: Tensor) -> Tensor:
        x = self.depthwise(self.stem(image))
        return torch.sigmoid(self.head(x * self.gate(x)))


class Pools(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = _conv(3, 6, nn.ReLU()), _conv(6, 8, nn.LeakyReLU(0.1))
        self.head = nn.Linear(8 * 3 * 3, 5)

    def forward(self, image: Tensor) -> Tensor:
        x = functional.max_pool2d(self.first(image), 2)
        x = functional.avg_pool2d(self.second(x), 2)
        return self.head(x.flatten(1))


class PaddedPools(nn.Module):
    """A maximum whose padding must not win over negative values, and an average that counts its padding."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = _conv(3, 6, nn.LeakyReLU(0.5)), _conv(6, 8, nn.ReLU())
        self.head = _head(8)

    def forward(self, image: Tensor) -> Tensor:
        x = functional.max_pool2d(self.first(image) - 1, 3, stride=2, padding=1)
        return self.head(functional.avg_pool2d(self.second(x), 3, stride=2, padding=1))


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, 8, nn.ReLU())
        self.left, self.right = _conv(8, 6, nn.ReLU(), size=1), _conv(8, 6, nn.ReLU())
        self.last = _conv(20, 8, nn.ReLU())
        self.head = _head(8)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        x = self.last(torch.cat([self.left(x), self.right(x), x], 1))
        return self.head(functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class TwoByTwo(nn.Module):
    """Two inputs of different kinds, and outputs of which one feeds the other."""

    def __init__(self) -> None:
        super().__init__()
        self.see, self.hear = _conv(3, 8, nn.ReLU()), nn.Linear(6, 8)
        self.head, self.other = nn.Linear(8, 5), nn.Linear(5, 2)

    def forward(self, image: Tensor, sound: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.head(self.see(image).mean((2, 3)) + torch.tanh(self.hear(sound)))
        return scores, self.other(scores)


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(16, 8), nn.Linear(8, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(torch.relu(self.table(tokens)).mean(1))


class Attention(nn.Module):
    """A transformer's block before its head: layer normalization, heads of attention, GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.LayerNorm(16), nn.LayerNorm(16)
        self.qkv, self.mix = nn.Linear(16, 48), nn.Linear(16, 16)
        self.wide = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 5)

    def forward(self, sequence: Tensor) -> Tensor:
        q, k, v = (
            part.reshape(1, -1, 2, 8).transpose(1, 2) for part in self.qkv(self.before(sequence)).chunk(3, dim=-1)
        )
        weights = torch.softmax(q @ k.transpose(-2, -1) * 8**-0.5, -1)
        x = sequence + self.mix((weights @ v).transpose(1, 2).reshape(1, -1, 16))
        x = x + self.wide(self.after(x))
        return self.head(x.mean(1))


class Fused(nn.Module):
    """Attention as torch's own operator gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True, activation="gelu")
        self.head = nn.Linear(16, 5)

    def forward(self, sequence: Tensor) -> Tensor:
        return self.head(self.layer(sequence).mean(1))


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = _conv(3, 8, nn.ReLU(), stride=2)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.out = nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.out(torch.relu(self.up(self.down(image))))


class Signal(nn.Module):
    """1-D convolutions over time, and reductions."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(4, 8, 5, padding=2), nn.BatchNorm1d(8), nn.ReLU(), nn.Conv1d(8, 8, 3, dilation=2), nn.ReLU()
        )
        self.head = nn.Linear(16, 5)

    def forward(self, signal: Tensor) -> Tensor:
        x = self.body(signal)
        return self.head(torch.cat([x.mean(-1), x.amax(-1)], 1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.LSTM(6, 8, batch_first=True), nn.Linear(8, 5)

    def forward(self, steps: Tensor) -> Tensor:
        return self.head(self.rnn(steps)[0][:, -1])


def _mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 8, bias=False), nn.ReLU(), nn.Linear(8, 20)
    )


def _plain() -> nn.Module:
    return nn.Sequential(_conv(3, 8, nn.ReLU()), _conv(8, 8, nn.ReLU(), stride=2), _head(8))


_SEQUENCE = {"sequence": ((1, 6, 16), "")}

CASES: dict[str, Case] = {
    "plain": Case(_plain, IMAGE),
    "residual": Case(Residual, IMAGE),
    "mobile": Case(Mobile, IMAGE),
    "squeeze": Case(SqueezeExcite, IMAGE),
    "pools": Case(Pools, IMAGE),
    "padded_pools": Case(PaddedPools, IMAGE),
    "branches": Case(Branches, IMAGE),
    "mlp": Case(_mlp, {"features": ((1, 20), "")}),
    "two_by_two": Case(
        TwoByTwo, {"image": ((1, 3, 12, 12), "NCHW"), "sound": ((1, 6), "")}, outputs=("scores", "other")
    ),
    "words": Case(Words, {"tokens": ((1, 7), "")}, integers=("tokens",)),
    "attention": Case(Attention, _SEQUENCE),
    "fused_attention": Case(Fused, _SEQUENCE),
    "decoder": Case(Decoder, IMAGE, outputs=("image_out",)),
    "signal": Case(Signal, {"signal": ((1, 4, 24), "")}),
    "recurrent": Case(Recurrent, {"steps": ((1, 5, 6), "")}),
}


@functools.cache
def module_of(name: str) -> nn.Module:
    torch.manual_seed(3)
    return settle(CASES[name].make())
