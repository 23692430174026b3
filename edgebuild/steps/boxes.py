"""Boxes as corners x1, y1, x2, y2."""

from __future__ import annotations

from edgebuild.core.array import Floats, np


def ious(first: Floats, second: Floats) -> Floats:
    """Intersection over union of each with each: (A, 4) and (B, 4) → (A, B); 0 where both are empty."""
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    other = np.minimum(first[:, None, 2:], second[None, :, 2:])
    both = np.prod(np.clip(other - corner, 0, None), axis=2)
    either = _areas(first)[:, None] + _areas(second)[None, :] - both
    shares: Floats = both / np.where(either > 0, either, 1.0)
    return shares


def _areas(boxes: Floats) -> Floats:
    areas: Floats = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    return areas
