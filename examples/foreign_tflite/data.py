"""The pictures of vww01 from MLPerf Tiny, raw RGB: (N, 96, 96, 3) uint8; label 1 is a person.

They are sorted by class: of every five pictures one calibrates, one selects and three evaluate.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = dict[str, NDArray[np.generic]]


def _pictures(places: tuple[int, ...]) -> Samples:
    folder = os.environ.get("EDGEBUILD_DATA", "")
    if not folder:
        raise RuntimeError("EDGEBUILD_DATA is not set; set it to the folder that holds mlperf_tiny/ (see README.md)")
    with np.load(Path(folder) / "mlperf_tiny" / "data" / "vww01_dev.npz", allow_pickle=False) as file:
        images, labels = file["x"], file["y"]
    chosen = np.isin(np.arange(len(images)) % 5, places)
    return {"input_1": images[chosen], "labels": labels[chosen].astype(np.int64)}


def calibration() -> Samples:
    """100 pictures."""
    return _pictures((0,))


def selection() -> Samples:
    """100 others."""
    return _pictures((1,))


def evaluation() -> Samples:
    """The remaining 300."""
    return _pictures((2, 3, 4))
