"""Labels of every kind: what is wrong with them is said in one message."""

from __future__ import annotations

import numpy as np
import pytest

from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.core.quality_metric import LabelKind, LabelRule
from edgebuild.models.sample_checks import check_samples
from edgebuild.models.samples import Samples

SPECS = {"image": InputSpec(shape=(1, 1, 8, 6), layout="NCHW")}
GOOD = {
    LabelKind.CLASSES: np.array([0, 2]),
    LabelKind.MAPS: np.array([[[0, 1], [-1, 2]]] * 2),
    LabelKind.BOXES: np.array([[[0, 0, 6, 8, 2], [1, 1, 2, 2, 0]], [[0.5, 0.5, 3, 3, 1], [-1] * 5]]),
    LabelKind.TOKENS: np.array([[1, 2, -1], [0, -1, -1]]),
    LabelKind.ITEMS: np.array([[3, 9], [4, 4]]),
}


def check(labels: np.ndarray, kind: LabelKind, classes: int | None = 3) -> None:
    images = np.random.default_rng(0).random((2, 1, 8, 6), np.float32)
    check_samples(Samples({"image": images}, labels), SPECS, "[data.evaluation]", LabelRule(kind=kind, classes=classes))


def changed(kind: LabelKind, place: tuple[int, ...], value: object) -> np.ndarray:
    labels = GOOD[kind].copy()
    labels[place] = value
    return labels


@pytest.mark.parametrize("kind", GOOD, ids=str)
def test_good_labels_pass(kind: LabelKind) -> None:
    check(GOOD[kind], kind)


def test_labels_that_are_not_asked_for_are_not_looked_at() -> None:
    check(np.array(["a", "b"]), LabelKind.NONE)


BOXES = LabelKind.BOXES


@pytest.mark.parametrize(
    ("labels", "kind", "words"),
    [
        (np.array([0, 3]), LabelKind.CLASSES, "sample 1 has the label 3\n  expected: 0 to 2, from classes = 3"),
        (np.array([0, -1]), LabelKind.CLASSES, "a label is -1"),
        (np.eye(2), LabelKind.CLASSES, "labels are float64 of shape [2, 2]"),
        (np.array([0, 1, 2]), LabelKind.CLASSES, "3 labels for 2 samples"),
        (changed(LabelKind.MAPS, (1, 0, 0), 3), LabelKind.MAPS, "sample 1 has the label 3"),
        (np.zeros((2, 4), int), LabelKind.MAPS, "labels are int64 of shape [2, 4]"),
        (np.full((2, 2, 2), -1), LabelKind.MAPS, "no pixel of 2 samples is labelled"),
        (GOOD[BOXES][:1], BOXES, "1 labels for 2 samples"),
        (GOOD[BOXES][..., :4], BOXES, "labels are float64 of shape [2, 2, 4]"),
        (changed(BOXES, (0, 1, 4), 3), BOXES, "box 1 of sample 0, [1, 1, 2, 2, 3], is of a class that there is not"),
        (changed(BOXES, (0, 1, 4), 0.5), BOXES, "box 1 of sample 0, [1, 1, 2, 2, 0.5], has no class"),
        (changed(BOXES, (1, 0, 2), 0.1), BOXES, "box 0 of sample 1, [0.5, 0.5, 0.1, 3, 1], is inverted or empty"),
        (changed(BOXES, (0, 0, 2), 7), BOXES, "lies outside the image of 6 x 8 pixels"),
        (changed(BOXES, (0, 0, 0), -1), BOXES, "lies outside the image of 6 x 8 pixels"),
        (changed(BOXES, (0, 0, 1), np.nan), BOXES, "holds NaN or infinity"),
        (np.full((2, 2, 5), -1), BOXES, "there is no box in 2 samples"),
        (changed(LabelKind.TOKENS, (1, 2), 1), LabelKind.TOKENS, "the tokens of sample 1 go on after a -1"),
        (changed(LabelKind.TOKENS, (0, 0), 5), LabelKind.TOKENS, "sample 0 has the label 5"),
        (np.full((2, 3), -1), LabelKind.TOKENS, "there is no token in 2 samples"),
        (np.zeros((2, 3), int), LabelKind.ITEMS, "labels are int64 of shape [2, 3]"),
        (np.array([1, -2]), LabelKind.ITEMS, "an item is -2"),
    ],
)
def test_bad_labels_are_refused_by_name(labels: np.ndarray, kind: LabelKind, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(labels, kind)
    assert caught.value.message.startswith("[data.evaluation]")
    assert words in caught.value.message
