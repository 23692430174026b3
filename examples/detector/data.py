"""The sets: scenes as (N, 64, 64, 1) uint8, and boxes as (N, 4, 5): x1, y1, x2, y2 in pixels, class; -1 where none.

Every set is composed from its own pieces of clothing, the evaluation set from Fashion-MNIST's test split.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scenes import MOST, compose, items

Samples = dict[str, NDArray[np.generic]]


def _boxes(part: str, start: int, stop: int, count: int, seed: int) -> Samples:
    images, labels = [], np.full((count, MOST, 5), -1, np.float32)
    for number, (image, found) in enumerate(compose(*items(part, start, stop), count, seed)):
        images.append(image[..., np.newaxis])
        for row, item in enumerate(found):
            labels[number, row] = (*item.box, item.label)
    return {"image": np.stack(images), "labels": labels}


def training(seed: int = 0) -> Samples:
    """6,000 scenes from 50,000 pieces; another seed gives others."""
    return _boxes("train", 0, 50000, 6000, seed)


def calibration() -> Samples:
    """128 scenes, from which the ranges of the integers are taken."""
    return _boxes("train", 50000, 53000, 128, 1)


def selection() -> Samples:
    """300 scenes, on which the int8 candidates are compared."""
    return _boxes("train", 53000, 60000, 300, 2)


def evaluation() -> Samples:
    """600 scenes: read once, for the numbers that are reported."""
    return _boxes("test", 0, 5000, 600, 3)
