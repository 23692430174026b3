"""A small convolutional network for log-mel spectrograms of spoken digits, with the front end outside and inside."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from front_end import LogMel, declared
from torch import Tensor, nn

from edgebuild import read_weights

WIDTHS = (16, 32, 48, 64)


def weights_file() -> Path:
    """Where train.py puts the weights.

    Raises:
        RuntimeError: SPEECH_DIGITS is not set.
    """
    if not os.environ.get("SPEECH_DIGITS"):
        raise RuntimeError("SPEECH_DIGITS is not set: the folder that make_wavs.py and train.py write to")
    return Path(os.environ["SPEECH_DIGITS"]) / "weights.safetensors"


class Classifier(nn.Module):
    """(N, 1, frames, bands) to ten scores."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for width in WIDTHS:
            layers += [nn.Conv2d(before, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(before, 10)

    def forward(self, spectrum: Tensor) -> Tensor:
        scores: Tensor = self.head(self.features(spectrum).mean((2, 3)))
        return scores


class FromSound(nn.Module):
    """The same with the front end inside the graph: (N, samples) to ten scores."""

    def __init__(self) -> None:
        super().__init__()
        self.front_end = LogMel(declared())
        self.classifier = classifier()

    def forward(self, sound: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.front_end(sound))
        return scores


def classifier() -> Classifier:
    """Trained."""
    made = Classifier()
    made.load_state_dict(read_weights(weights_file()))
    return made.eval()


def from_sound() -> FromSound:
    """Trained, with the front end inside."""
    with torch.no_grad():
        return FromSound().eval()
