"""Non-maximum suppression of one sample's boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebuild.core.array import Array, Floats, Indices, np
from edgebuild.steps.boxes import ious

if TYPE_CHECKING:
    from edgebuild.core.postprocess import Nms

_CANDIDATES = 1000
"""So many of the best are looked at, as detectors' own post-processing does."""


def suppressed(boxes: Floats, scores: Floats, step: Nms) -> Array:
    """Boxes (A, 4) and scores (A, classes) → (most, 6) of float32: x1, y1, x2, y2, score, class, filled up with -1."""
    place, label = np.nonzero(scores >= step.threshold)
    order = np.argsort(-scores[place, label], kind="stable")[:_CANDIDATES]
    place, label = place[order], label[order]
    kept = _kept(boxes[place], label, step)
    found = np.full((step.most, 6), -1, np.float32)
    place, label = place[kept], label[kept]
    found[: len(kept)] = np.column_stack([boxes[place], scores[place, label], label])
    return found


def _kept(boxes: Floats, labels: Indices, step: Nms) -> Indices:
    """Which of some boxes, the best first, stay."""
    left = np.arange(len(boxes), dtype=np.intp)
    kept: list[int] = []
    while len(left) and len(kept) < step.most:
        best, left = left[0], left[1:]
        kept.append(int(best))
        overlap = ious(boxes[best][None], boxes[left])[0]
        left = left[(overlap <= step.iou) | (labels[left] != labels[best])]
    return np.asarray(kept, np.intp)
