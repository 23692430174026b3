"""Segmentation: intersection over union of pixels."""

from __future__ import annotations

from edgebuild.core.array import Array, Floats, Integers, np
from edgebuild.core.errors import ConfigError
from edgebuild.models.measures.base import Case, Pooled
from edgebuild.models.measures.classes import outside


def mean_iou(case: Case) -> Pooled:
    """The mean over classes of TP / (TP + FP + FN), counted over the pixels of all samples (Everingham et al. 2015).

    Over classes that are labelled or answered. The first output is scores (N, classes, H, W), or class numbers
    (N, H, W). A label below 0 is not counted.
    """
    labels, answers = case.known, _maps(case)
    most = max(int(labels.max()), int(answers.max())) + 1
    if case.outputs[0].ndim == 4 and int(labels.max()) >= case.outputs[0].shape[1]:
        raise outside(int(labels.max()), case.outputs[0].shape[1])
    both = np.empty((len(labels), most))
    either = np.empty((len(labels), most))
    for number, (label, answer) in enumerate(zip(labels, answers, strict=True)):
        both[number], either[number] = _overlap(label.reshape(-1), answer.reshape(-1), most)

    def score(weights: Floats) -> float:
        unions = weights @ either
        there = unions > 0
        return float((weights @ both)[there] @ (1 / unions[there]) / max(int(there.sum()), 1))

    return Pooled(score, case.units)


def _overlap(label: Integers, answer: Integers, most: int) -> tuple[Floats, Floats]:
    """Of one sample, each class's pixels in both and in either."""
    counted = label >= 0
    label, answer = label[counted].astype(np.intp), answer[counted].astype(np.intp)
    both = np.bincount(label[label == answer], minlength=most).astype(np.float64)
    return both, np.bincount(label, minlength=most) + np.bincount(answer, minlength=most) - both


def _maps(case: Case) -> Array:
    output = case.outputs[0]
    maps = output.argmax(axis=1) if output.ndim == 4 and output.shape[1] > 1 else output
    maps = maps[:, 0] if maps.ndim == 4 else maps
    if maps.ndim != 3 or maps.dtype.kind not in "iu":
        raise ConfigError(
            "[data] metric",
            f"miou needs a class for each pixel; the first output is {output.dtype} {list(output.shape[1:])} a sample",
            expected="scores [classes, H, W], or integers [H, W]",
            fix='choose the axis of the classes: post = [{ op = "argmax", axis = 3 }] for scores [H, W, classes]',
        )
    if maps.shape[1:] != case.known.shape[1:]:
        raise ConfigError(
            "[data] labels",
            f"the maps are {_size(case.known)} pixels; the model answers {_size(maps)}",
            expected="maps of the size of the answer",
            fix="resize the label maps (nearest pixels) in the data source",
        )
    return maps


def _size(maps: Array) -> str:
    return " x ".join(str(size) for size in maps.shape[1:])
