"""The 1,797 handwritten digits that come with scikit-learn: 8 x 8 pixels, 0..16.

Images are raw, (N, 8, 8, 1) uint8, as a camera would give them; the ``pre`` steps in edgebuild.toml make them
model inputs, and travel with the bundle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = dict[str, NDArray[np.generic]]

TRAINING = slice(0, 700)
CALIBRATION = slice(0, 200)  # Also trained on; calibration looks at ranges, not at labels.
SELECTION = slice(700, 950)
EVALUATION = slice(950, None)


def _digits(part: slice) -> Samples:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.images.astype(np.uint8)[..., np.newaxis]
    # Neighbours in the file come from one writer: a fixed shuffle spreads the writers over the sets. Two equal
    # images must not land in two sets, so each is kept once.
    _, first = np.unique(images.reshape(len(images), -1), axis=0, return_index=True)
    order = np.random.default_rng(0).permutation(np.sort(first))[part]
    return {"image": images[order], "labels": digits.target[order].astype(np.int64)}


def training() -> Samples:
    """700 images."""
    return _digits(TRAINING)


def calibration() -> Samples:
    """200 images, from which the ranges of the integers are taken."""
    return _digits(CALIBRATION)


def selection() -> Samples:
    """250 images, on which the int8 candidates are compared."""
    return _digits(SELECTION)


def evaluation() -> Samples:
    """The rest, 847 images: read once, for the numbers that are reported."""
    return _digits(EVALUATION)
