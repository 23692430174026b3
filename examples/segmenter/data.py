"""The sets: scenes as (N, 64, 64, 1) uint8, and label maps as (N, 64, 64): 0 is background, 1 to 10 the clothing.

Every set is composed from its own pieces of clothing, the evaluation set from Fashion-MNIST's test split.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scenes import SIZE, compose, items

Samples = dict[str, NDArray[np.generic]]


def _maps(part: str, start: int, stop: int, count: int, seed: int) -> Samples:
    images, labels = [], np.zeros((count, SIZE, SIZE), np.uint8)
    for number, (image, found) in enumerate(compose(*items(part, start, stop), count, seed)):
        images.append(image[..., np.newaxis])
        for item in found:
            labels[number][item.mask] = item.label + 1
    return {"image": np.stack(images), "labels": labels}


def training(seed: int = 0) -> Samples:
    """3,000 scenes from 50,000 pieces; another seed gives others."""
    return _maps("train", 0, 50000, 3000, seed)


def calibration() -> Samples:
    """128 scenes, from which the ranges of the integers are taken."""
    return _maps("train", 50000, 53000, 128, 1)


def selection() -> Samples:
    """200 scenes, on which the int8 candidates are compared."""
    return _maps("train", 53000, 60000, 200, 2)


def evaluation() -> Samples:
    """400 scenes: read once, for the numbers that are reported."""
    return _maps("test", 0, 5000, 400, 3)
