"""Fashion-MNIST, padded with black to 32 x 32: raw (N, 32, 32, 1) uint8, as a camera would give them.

The 60,000 training images are shuffled once and split three ways; the test images are for evaluation alone. No image
is there twice.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = dict[str, NDArray[np.generic]]

SEED = 0
CALIBRATION = slice(0, 512)
SELECTION = slice(512, 5512)
TRAINING = slice(5512, None)
MARGIN = 2
"""Pixels of black on every side of a 28 x 28 image."""


def _images(split: str, part: slice) -> Samples:
    folder = os.environ.get("EDGEBUILD_DATA", "")
    if not folder:
        raise RuntimeError("EDGEBUILD_DATA is not set; set it to the folder that holds datasets/ (see README.md)")
    with np.load(Path(folder) / "datasets" / "fashion_mnist.npz", allow_pickle=False) as file:
        images, labels = file[f"x_{split}"], file[f"y_{split}"]
    order = np.arange(len(images)) if split == "test" else np.random.default_rng(SEED).permutation(len(images))
    chosen = order[part]
    padded = np.pad(images[chosen], ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
    return {"image": padded[..., np.newaxis], "labels": labels[chosen].astype(np.int64)}


def training() -> Samples:
    """54,488 images to train on."""
    return _images("train", TRAINING)


def calibration() -> Samples:
    """512 others, from which the ranges of the integers are taken."""
    return _images("train", CALIBRATION)


def selection() -> Samples:
    """5,000 others, on which everything is chosen: the training recipe, what is pruned, the int8 candidates."""
    return _images("train", SELECTION)


def evaluation() -> Samples:
    """5,000 test images: read once, for the numbers that are reported."""
    return _images("test", slice(None))
