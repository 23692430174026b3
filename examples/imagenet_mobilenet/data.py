"""400 ImageNet images, one a class, as raw RGB: (N, 224, 224, 3) uint8.

Of every sixteen images three calibrate, one selects and twelve evaluate, so that each set is spread over the classes.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Samples = dict[str, NDArray[np.generic]]

SHORTER, CROP = 256, 224
OTHERS = 325
"""So many images of another set are distilled from, beside the 75."""


def _resized(image: Image) -> Image:
    """The shorter side resized to 256 pixels, bicubic; then the middle 224 x 224."""
    from PIL.Image import Resampling

    scale = SHORTER / min(image.size)
    width, height = (round(side * scale) for side in image.size)
    left, top = (width - CROP) // 2, (height - CROP) // 2
    return image.resize((width, height), Resampling.BICUBIC).crop((left, top, left + CROP, top + CROP))


def _images(places: tuple[int, ...]) -> Samples:
    from PIL import Image

    folder = os.environ.get("EDGEBUILD_DATA", "")
    if not folder:
        raise RuntimeError("EDGEBUILD_DATA is not set; set it to the folder that holds imagenet_dev/ (see README.md)")
    root = Path(folder) / "imagenet_dev"
    with (root / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for place, row in enumerate(csv.DictReader(file)) if place % 16 in places]
    images = [np.asarray(_resized(Image.open(root / row["file"]).convert("RGB"))) for row in rows]
    return {"image": np.stack(images), "labels": np.array([int(row["class_index"]) for row in rows])}


def calibration() -> Samples:
    """75 images."""
    return _images((0, 4, 8))


def selection() -> Samples:
    """25 others."""
    return _images((12,))


def unlabelled() -> Samples:
    """For distillation, which needs no labels: those that calibrate, and COCO images of 96 x 96 that are enlarged."""
    from PIL import Image
    from PIL.Image import Resampling

    few = _images((0, 4, 8))["image"]
    with np.load(Path(os.environ["EDGEBUILD_DATA"]) / "mlperf_tiny" / "data" / "vww01_dev.npz") as file:
        small = file["x"][:OTHERS]
    large = [np.asarray(Image.fromarray(image).resize((CROP, CROP), Resampling.BICUBIC)) for image in small]
    return {"image": np.concatenate([few, np.stack(large)])}


def evaluation() -> Samples:
    """The remaining 300."""
    return _images(tuple(place for place in range(16) if place % 4))
