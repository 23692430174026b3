"""An image encoder and a sound encoder whose features are fused; zeros stand in for what is missing."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from edgebuild import read_weights

WEIGHTS = Path(__file__).parent / "weights.safetensors"
ALONE = {"image": WEIGHTS.with_name("image_alone.safetensors"), "sound": WEIGHTS.with_name("sound_alone.safetensors")}
"""The networks that were trained for one modality each, to hold the fused one against."""


class Block(nn.Sequential):
    """A 3x3 convolution with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def encoder() -> nn.Sequential:
    """(N, 1, H, W) → features (N, 64)."""
    blocks = Block(1, 16, 2), Block(16, 32, 2), Block(32, 64, 2), Block(64, 64)
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 64), nn.ReLU())


class AVDigits(nn.Module):
    """Image (N, 1, 28, 28) and log-mel (N, 1, 32, 49), both of mean 0 and deviation 1 → logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.image_encoder, self.audio_encoder = encoder(), encoder()
        self.fusion = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, image: Tensor, audio: Tensor) -> Tensor:
        """The logits of the ten digits."""
        return self.fusion(torch.cat([self.image_encoder(image), self.audio_encoder(audio)], 1))


def untrained() -> AVDigits:
    """The network with seeded weights: it knows nothing, and takes as long."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AVDigits().eval()


def trained(weights: Path = WEIGHTS) -> AVDigits:
    """The network with weights that ``train.py`` wrote."""
    if not weights.is_file():
        raise RuntimeError(f"{weights.name} is not there; run train.py first (see README.md)")
    net = AVDigits()
    net.load_state_dict(read_weights(weights))
    return net.eval()


class Fusion(nn.Module):
    """The features of both (N, 64 each) → logits (N, 10): the last of three parts, as parts.toml has them."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, image_vector: Tensor, sound_vector: Tensor) -> Tensor:
        """The logits of the ten digits."""
        return self.layers(torch.cat([image_vector, sound_vector], 1))


def image_encoder() -> nn.Module:
    """The part that sees."""
    return trained().image_encoder


def sound_encoder() -> nn.Module:
    """The part that hears."""
    return trained().audio_encoder


def fusion() -> nn.Module:
    """The part that makes one answer of both."""
    return Fusion(trained().fusion)
