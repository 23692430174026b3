"""Detection: average precision as COCO's own evaluation has it, of samples counted as often as one wants.

The rules are those of ``pycocotools/cocoeval.py`` for all areas and no crowds: of each class and sample the best 100
boxes; each takes the free label that it overlaps most, if at least by the threshold; precision is made to fall with
recall and read at 101 recalls (Lin et al. 2014, arXiv:1405.0312). A test holds them against pycocotools.
"""

from __future__ import annotations

from collections.abc import Sequence
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


class _Curves:
    """The precision at every hit of every class and threshold, each pair of which is a curve; all curves lie in a row.

    Between two hits precision falls and recall stays, so nothing is read there: what has to be computed for each of
    thousands of resamples is a cumulated sum over boxes, and a few more over the far fewer hits.
    """

    def __init__(self, classes: Sequence[_OfClass]) -> None:
        self.thresholds = len(classes[0].hits)
        self.labels = np.stack([one.labels for one in classes], axis=1)
        self.samples = np.concatenate([one.samples for one in classes])
        first = np.cumsum([0, *(len(one.samples) for one in classes)])[:-1]
        places = [start + np.flatnonzero(row) for start, one in zip(first, classes, strict=True) for row in one.hits]
        self.places = np.concatenate(places)
        """Of each hit its box."""
        self.curve = np.repeat(np.arange(len(places)), [len(row) for row in places])
        self.of_class = self.curve // self.thresholds
        self.first_box = first[self.of_class]
        self.first_hit = np.searchsorted(self.curve, self.curve)

    def precisions(self, weights: Floats) -> Floats:
        """Of each class the mean over thresholds and recalls; NaN where nothing is labelled."""
        wanted = weights @ self.labels
        counted = weights[self.samples]
        true = _within(counted[self.places], self.first_hit)
        every = np.cumsum(counted)
        every = every[self.places] - (every - counted)[self.first_box]
        falling = self._falling(true / np.maximum(every, np.finfo(float).eps))
        # Each hit is read at the recalls that are reached with it and not before.
        recall = true / np.maximum(wanted, 1)[self.of_class]
        reached = np.searchsorted(np.linspace(0, 1, _RECALLS), recall, side="right")
        before = np.concatenate([[0], reached[:-1]])
        before[self.first_hit] = 0
        read = np.bincount(self.of_class, falling * (reached - before), len(wanted))
        means: Floats = np.where(wanted > 0, read / (_RECALLS * self.thresholds), np.nan)
        return means

    def _falling(self, precision: Floats) -> Floats:
        """The best precision of a hit and those after it on its curve: each curve is lifted above those behind it."""
        lifted = precision - 2 * self.curve
        falling: Floats = np.maximum.accumulate(lifted[::-1])[::-1] + 2 * self.curve
        return falling


def _within(values: Floats, first: Indices) -> Floats:
    """Cumulated sums that begin anew at each value's first one."""
    sums = np.cumsum(values)
    own: Floats = sums - (sums - values)[first]
    return own


def _pooled(case: Case, thresholds: tuple[float, ...]) -> Pooled:
    found, labels = _detections(case), case.known.astype(np.float64)
    classes = np.unique(labels[..., 4][labels[..., 4] >= 0])
    if not len(classes):
        return Pooled(lambda _: 0.0, case.units)
    curves = _Curves([_of_class(found, labels, float(number), thresholds) for number in classes])

    def score(weights: Floats) -> float:
        precisions = curves.precisions(weights)
        known = precisions[~np.isnan(precisions)]
        return float(known.mean()) if len(known) else 0.0

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
    most = overlaps.max(axis=1, initial=0)
    for row, threshold in zip(hits, thresholds, strict=True):
        least = min(threshold, 1 - 1e-10)
        free = np.ones(overlaps.shape[1], bool)
        for box in np.flatnonzero(most >= least):
            fits = np.where(free, overlaps[box], -1.0)
            best = len(fits) - 1 - int(np.argmax(fits[::-1]))  # of equal ones the last, as there
            if fits[best] >= least:
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
