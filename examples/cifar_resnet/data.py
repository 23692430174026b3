"""CIFAR-10 as JPEG files, decoded to raw RGB: (N, 32, 32, 3) uint8.

The networks were trained on the lossless images and lose about ten points on these; float and int8 are compared on
the same ones.
"""

from __future__ import annotations

import io
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = dict[str, NDArray[np.generic]]


def _jpegs(name: str, start: int, stop: int | None) -> Samples:
    from PIL import Image

    folder = os.environ.get("EDGEBUILD_DATA", "")
    if not folder:
        raise RuntimeError("EDGEBUILD_DATA is not set; set it to the folder that holds datasets/ (see README.md)")
    with np.load(Path(folder) / "datasets" / name, allow_pickle=False) as file:
        data, offsets, labels = file["jpeg"], file["offsets"], file["label"]
    spans = list(pairwise(offsets))[start:stop]
    images = [np.asarray(Image.open(io.BytesIO(data[a:b].tobytes())).convert("RGB")) for a, b in spans]
    return {"image": np.stack(images), "labels": labels[start:stop].astype(np.int64)}


def calibration() -> Samples:
    """The first 256 images of the training split, which is shuffled."""
    return _jpegs("cifar10_jpeg_train14k.npz", 0, 256)


def selection() -> Samples:
    """The next 1,000."""
    return _jpegs("cifar10_jpeg_train14k.npz", 256, 1256)


def training() -> Samples:
    """6,000 others."""
    return _jpegs("cifar10_jpeg_train14k.npz", 2256, 8256)


def evaluation() -> Samples:
    """2,000 images of the test split, 200 a class."""
    return _jpegs("cifar10_jpeg_test2k.npz", 0, None)


def unseen() -> Samples:
    """Every second of these: what a search is decided on may not be what the networks were trained with.

    Those images they know by heart, and whatever is smaller loses more on them than on others.
    """
    return {name: values[::2] for name, values in evaluation().items()}


def rest() -> Samples:
    """The other 1,000."""
    return {name: values[1::2] for name, values in evaluation().items()}
