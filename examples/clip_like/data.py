"""The sets: images as (N, 28, 28, 1) uint8 with their classes, and captions with theirs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from captions import part
from numpy.typing import NDArray

Samples = dict[str, NDArray[np.generic]]


def _images(split: str, start: int, stop: int) -> Samples:
    folder = os.environ.get("EDGEBUILD_DATA", "")
    if not folder:
        raise RuntimeError("EDGEBUILD_DATA is not set; set it to the folder that holds datasets/ (see README.md)")
    with np.load(Path(folder) / "datasets" / "fashion_mnist.npz", allow_pickle=False) as file:
        images, labels = file[f"x_{split}"][start:stop], file[f"y_{split}"][start:stop]
    return {"image": images[..., np.newaxis], "labels": labels.astype(np.int64)}


def training() -> Samples:
    """30,000 images, for ``train.py``."""
    return _images("train", 0, 30000)


def calibration() -> Samples:
    """200 images, from which the ranges of the integers are taken."""
    return _images("train", 30000, 30200)


def selection() -> Samples:
    """1,000 images, on which the int8 candidates are compared."""
    return _images("train", 31000, 32000)


def evaluation() -> Samples:
    """2,000 images of the test split: read once, for the numbers that are reported."""
    return _images("test", 0, 2000)


def _captions(*numbers: int) -> Samples:
    found = [one for number in numbers for one in part(number)]
    return {"text": np.array([text for text, _ in found]), "labels": np.array([label for _, label in found])}


def training_captions() -> Samples:
    """Captions that ``train.py`` puts to images: seven of the ten parts."""
    return _captions(*range(7))


def calibration_captions() -> Samples:
    """Those of another part. The text tower is calibrated on captions that it was not trained on."""
    return _captions(7)


def selection_captions() -> Samples:
    """Those of one part more."""
    return _captions(8)


def evaluation_captions() -> Samples:
    """Those of the last part."""
    return _captions(9)
