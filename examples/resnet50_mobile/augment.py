"""What training images go through: mirrored, shifted, partly erased. A whole batch at once, on its own device.

The random numbers come from a generator on the CPU, so that a GPU sees the same images.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

MEAN, STD = 0.2860, 0.3530
"""Of the training pixels over 255; the same numbers as in edgebuild.toml."""


def normalized(images: Tensor) -> Tensor:
    """Raw (N, 1, H, W) uint8 → model inputs, as the ``pre`` steps of edgebuild.toml make them."""
    return (images.float() / 255 - MEAN) / STD


def mirrored(images: Tensor, rng: Generator) -> Tensor:
    """Half of the images, left to right."""
    chosen = (torch.rand(len(images), generator=rng) < 0.5).to(images.device)
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


def shifted(images: Tensor, pixels: int, rng: Generator) -> Tensor:
    """Each image moved by up to so many pixels in both directions, black moving in."""
    count, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (pixels,) * 4)
    top, left = torch.randint(2 * pixels + 1, (2, count, 1), generator=rng).to(images.device)
    rows = top + torch.arange(height, device=images.device)
    columns = left + torch.arange(width, device=images.device)
    each = torch.arange(count, device=images.device)[:, None, None]
    return padded[each, 0, rows[:, :, None], columns[:, None, :]][:, None]


def erased(images: Tensor, side: int, rng: Generator) -> Tensor:
    """A black square somewhere in each image, cut off where it reaches over the edge (DeVries and Taylor, 2017)."""
    count, _, height, width = images.shape
    top = torch.randint(1 - side, height, (count, 1), generator=rng).to(images.device)
    left = torch.randint(1 - side, width, (count, 1), generator=rng).to(images.device)
    rows = torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device)
    inside = ((rows >= top) & (rows < top + side))[:, :, None] & ((columns >= left) & (columns < left + side))[:, None]
    return images.masked_fill(inside[:, None], 0)
