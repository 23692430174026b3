"""Scenes of 64 x 64 pixels with one to four pieces of clothing from Fashion-MNIST, each with its box and class."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIZE = 64
CELL = SIZE // 2
MOST = 4
INK = 40
"""A pixel of an item that is darker than this belongs to it."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Item:
    """One piece of clothing in a scene: its class, and its mask, (64, 64)."""

    label: int
    mask: NDArray[np.bool_]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2 in pixels, the far edges included."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def items(part: str, start: int, stop: int) -> tuple[Pixels, Pixels]:
    """Pictures, (N, 28, 28), and labels of a span of Fashion-MNIST's "train" or "test" split."""
    folder = os.environ.get("EDGEBUILD_DATA", "")
    if not folder:
        raise RuntimeError("EDGEBUILD_DATA is not set; set it to the folder that holds datasets/ (see README.md)")
    with np.load(Path(folder) / "datasets" / "fashion_mnist.npz", allow_pickle=False) as file:
        return file[f"x_{part}"][start:stop], file[f"y_{part}"][start:stop]


def compose(pictures: Pixels, labels: Pixels, count: int, seed: int) -> list[tuple[Pixels, list[Item]]]:
    """So many scenes, each (64, 64) with its items; the same for the same seed."""
    random = np.random.default_rng(seed)
    return [_scene(random, pictures, labels) for _ in range(count)]


def _scene(random: np.random.Generator, pictures: Pixels, labels: Pixels) -> tuple[Pixels, list[Item]]:
    canvas = random.normal(random.uniform(10, 40), random.uniform(4, 12), (SIZE, SIZE))
    found = []
    for cell in random.permutation(MOST)[: random.integers(1, MOST + 1)]:
        chosen = int(random.integers(len(labels)))
        item = _resized(pictures[chosen], int(random.integers(20, CELL + 1)))
        room = CELL - len(item)
        top, left = (int(random.integers(room + 1)) + CELL * int(way) for way in divmod(int(cell), 2))
        mask = np.zeros((SIZE, SIZE), bool)
        mask[top : top + len(item), left : left + len(item)] = item > INK
        if not mask.any():
            continue
        place = canvas[top : top + len(item), left : left + len(item)]
        place[item > INK] = item[item > INK] * random.uniform(0.6, 1.0)
        found.append(Item(int(labels[chosen]), mask))
    return np.clip(canvas, 0, 255).astype(np.uint8), found


def _resized(picture: Pixels, size: int) -> Pixels:
    """The nearest pixels of a square picture, (size, size)."""
    nearest = (np.arange(size) * len(picture)) // size
    return picture[nearest][:, nearest]
