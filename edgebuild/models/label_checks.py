"""What labels must be, for each kind of them: one message for what is wrong, with the sample that it is wrong of."""

from __future__ import annotations

from edgebuild.core.array import Array, Booleans, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.quality_metric import LabelKind, LabelRule


def check_labels(labels: Array | None, rule: LabelRule, subject: str, size: tuple[int, int] | None = None) -> None:
    """Refuse labels that are not what the metric takes; none at all are no fault here.

    Args:
        labels: (N, …).
        rule: their kind, and how many classes there are.
        subject: what messages name, such as "[data.evaluation]".
        size: the image's height and width in pixels, if it is known.

    Raises:
        ConfigError: naming the first sample that is wrong.
    """
    if labels is None or rule.kind is LabelKind.NONE:
        return
    {
        LabelKind.CLASSES: _check_classes,
        LabelKind.MAPS: _check_maps,
        LabelKind.BOXES: _check_boxes,
        LabelKind.TOKENS: _check_tokens,
        LabelKind.ITEMS: _check_items,
    }[rule.kind](labels, rule, subject, size)


def _check_classes(labels: Array, rule: LabelRule, subject: str, _size: object) -> None:
    fix = "give class numbers, not one-hot rows or text"
    _check_integers(labels, rule, subject, labels.ndim == 1, fix)
    if int(labels.min()) < 0:
        raise ConfigError(subject, f"a label is {int(labels.min())}", expected="class numbers from 0")
    _check_range(labels, rule, subject)


def _check_maps(labels: Array, rule: LabelRule, subject: str, _size: object) -> None:
    _check_integers(labels, rule, subject, labels.ndim == 3, "give a map of class numbers for each sample")
    _check_range(labels, rule, subject)
    if int(labels.max()) < 0:
        raise ConfigError(subject, f"no pixel of {len(labels)} samples is labelled", expected=rule.kind.told)


def _check_boxes(labels: Array, rule: LabelRule, subject: str, size: tuple[int, int] | None) -> None:
    if labels.ndim != 3 or labels.shape[2] != 5 or labels.dtype.kind not in "fiu":
        raise ConfigError(
            subject,
            f"labels are {labels.dtype} of shape {list(labels.shape)}",
            expected=rule.kind.told,
            fix="give every sample as many rows as the one with most boxes has; rows of -1 fill up",
        )
    boxes = labels.astype(np.float64)
    there = ~(boxes == -1).all(axis=2)
    if not there.any():
        raise ConfigError(subject, f"there is no box in {len(labels)} samples", expected=rule.kind.told)
    _refuse_boxes(boxes, there & ~np.isfinite(boxes).all(axis=2), subject, "holds NaN or infinity", "finite numbers")
    numbers = boxes[..., 4]
    whole = (numbers >= 0) & (numbers == np.floor(numbers))
    _refuse_boxes(boxes, there & ~whole, subject, "has no class", "a class number from 0 in the fifth column")
    if rule.classes is not None:
        expected = f"0 to {rule.classes - 1}, from classes = {rule.classes}"
        _refuse_boxes(boxes, there & (numbers >= rule.classes), subject, "is of a class that there is not", expected)
    inverted = (boxes[..., 2] <= boxes[..., 0]) | (boxes[..., 3] <= boxes[..., 1])
    expected = "x1 < x2 and y1 < y2: corners, not width and height"
    _refuse_boxes(boxes, there & inverted, subject, "is inverted or empty", expected)
    if size is not None:
        height, width = size
        outside = (boxes[..., :2] < 0).any(axis=2) | (boxes[..., 2] > width) | (boxes[..., 3] > height)
        expected = f"x from 0 to {width} and y from 0 to {height}: pixels of the model's input"
        _refuse_boxes(boxes, there & outside, subject, f"lies outside the image of {width} x {height} pixels", expected)


def _refuse_boxes(boxes: Array, bad: Booleans, subject: str, what: str, expected: str) -> None:
    if not bad.any():
        return
    sample, row = (int(index) for index in np.argwhere(bad)[0])
    values = ", ".join(f"{value:g}" for value in boxes[sample, row].tolist())
    more = f" (of {int(bad.sum())} such boxes the first)" if bad.sum() > 1 else ""
    raise ConfigError(
        subject, f"box {row} of sample {sample}, [{values}], {what}{more}", expected=expected, fix="repair the labels"
    )


def _check_tokens(labels: Array, rule: LabelRule, subject: str, _size: object) -> None:
    _check_integers(labels, rule, subject, labels.ndim == 2, "give a row of token numbers for each sample")
    _check_range(labels, rule, subject)
    there = labels.astype(np.int64) >= 0
    broken = (there[:, 1:] & ~there[:, :-1]).any(axis=1)
    if broken.any():
        sample = int(np.argmax(broken))
        raise ConfigError(subject, f"the tokens of sample {sample} go on after a -1", expected="-1 at the end only")
    if not there.any():
        raise ConfigError(subject, f"there is no token in {len(labels)} samples", expected=rule.kind.told)


def _check_items(labels: Array, rule: LabelRule, subject: str, _size: object) -> None:
    fits = labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 2)
    _check_integers(labels, rule, subject, fits, "give one item number a sample, or two for a pair")
    if int(labels.min()) < 0:
        raise ConfigError(subject, f"an item is {int(labels.min())}", expected="item numbers from 0")


def _check_integers(labels: Array, rule: LabelRule, subject: str, fits: bool, fix: str) -> None:
    if not fits or labels.dtype.kind not in "iub" or not labels.size:
        found = f"labels are {labels.dtype} of shape {list(labels.shape)}"
        raise ConfigError(subject, found, expected=rule.kind.told, fix=fix)


def _check_range(labels: Array, rule: LabelRule, subject: str) -> None:
    if rule.classes is None or int(labels.max()) < rule.classes:
        return
    sample = int(np.argwhere(labels.astype(np.int64) >= rule.classes)[0][0])
    raise ConfigError(
        subject,
        f"sample {sample} has the label {int(labels[sample].max())}",
        expected=f"0 to {rule.classes - 1}, from classes = {rule.classes}",
        fix="check the numbering of the classes (from 0)",
    )
