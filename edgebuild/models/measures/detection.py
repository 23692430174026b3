"""Detection: average precision as COCO's own evaluation has it, of samples counted as often as one wants.

The rules are those of ``pycocotools/cocoeval.py`` for all areas and no crowds: of each class and sample the best 100
boxes; each takes the free label that it overlaps most, if at least by the threshold; precision is made to fall with
recall and read at 101 recalls (Lin et al. 2014, arXiv:1405.0312). A test holds them against pycocotools.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.core.array import Array, Booleans, Floats, Indices, np
from edgebuild.core.errors import ConfigError
from edgebuild.models.measures.base import Case, Pooled
from edgebuild.steps.boxes import ious

_THRESHOLDS = tuple(0.5 + 0.45 / 9 * step for step in range(10))
"""0.50, 0.55, … 0.95."""
_MOST = 100
_RECALLS = 101


def coco(case: Case) -> Pooled:
    """The mean over IoU 0.50, 0.55, … 0.95."""
    return _pooled(case, _THRESHOLDS)


def at_half(case: Case) -> Pooled:
    """At IoU 0.50."""
    return _pooled(case, _THRESHOLDS[:1])


@dataclass(frozen=True, eq=False)
class _OfClass:
    """All boxes of one class, the best first.

    Attributes:
        samples: (boxes,), where each was found.
        hits: (thresholds, boxes), whether it took a label.
        labels: (N,), how many there are in each sample.
    """

    samples: Indices
    hits: Booleans
    labels: Floats

    def precision(self, weights: Floats) -> float | None:
        """The mean over thresholds and recalls; None where nothing is labelled."""
        wanted = float(weights @ self.labels)
        if not wanted:
            return None
        counted = weights[self.samples]
        true = np.cumsum(self.hits * counted, axis=1)
        every = np.cumsum(counted)
        precision = true / np.maximum(every, np.finfo(float).eps)
        falling = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        # Each box is read at the recalls that are reached with it and not before.
        reached = np.searchsorted(np.linspace(0, 1, _RECALLS), true / wanted, side="right")
        read = np.diff(reached, axis=1, prepend=0)
        return float((falling * read).sum() / (_RECALLS * len(read)))


def _pooled(case: Case, thresholds: tuple[float, ...]) -> Pooled:
    found, labels = _detections(case), case.known.astype(np.float64)
    classes = np.unique(labels[..., 4][labels[..., 4] >= 0])
    every = [_of_class(found, labels, float(number), thresholds) for number in classes]

    def score(weights: Floats) -> float:
        precisions = [p for one in every if (p := one.precision(weights)) is not None]
        return float(np.mean(precisions)) if precisions else 0.0

    return Pooled(score, case.units)


def _of_class(found: Floats, labels: Floats, number: float, thresholds: tuple[float, ...]) -> _OfClass:
    samples, scores, hits = [], [], []
    counts = np.zeros(len(labels))
    for sample, (boxes, wanted) in enumerate(zip(found, labels, strict=True)):
        own, truth = boxes[boxes[:, 5] == number], wanted[wanted[:, 4] == number, :4]
        own = own[np.argsort(-own[:, 4], kind="stable")[:_MOST]]
        counts[sample] = len(truth)
        samples.append(np.full(len(own), sample, np.intp))
        scores.append(own[:, 4])
        hits.append(_matched(ious(own[:, :4], truth), thresholds))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return _OfClass(np.concatenate(samples)[order], np.concatenate(hits, axis=1)[:, order], counts)


def _matched(overlaps: Floats, thresholds: tuple[float, ...]) -> Booleans:
    """Whether each box, the best first, takes a label that no better one took: (thresholds, boxes)."""
    hits = np.zeros((len(thresholds), len(overlaps)), bool)
    for row, threshold in zip(hits, thresholds, strict=True):
        free = np.ones(overlaps.shape[1], bool)
        for box, overlap in enumerate(overlaps):
            fits = np.where(free, overlap, -1.0)
            best = len(fits) - 1 - int(np.argmax(fits[::-1])) if len(fits) else 0  # of equal ones the last, as there
            if len(fits) and fits[best] >= min(threshold, 1 - 1e-10):
                row[box], free[best] = True, False
    return hits


def _detections(case: Case) -> Floats:
    output: Array = case.outputs[0]
    if output.ndim != 3 or output.shape[2] != 6:
        raise ConfigError(
            "[data] metric",
            f"{case.metric} needs detections; the first output has shape {list(output.shape[1:])} a sample",
            expected="[most, 6]: x1, y1, x2, y2, score, class; rows of -1 fill up",
            fix='decode them: post = [{ op = "boxes", … }, { op = "nms" }]',
        )
    detections: Floats = output.astype(np.float64)
    return detections
