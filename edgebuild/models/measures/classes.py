"""Classifiers: accuracy and F1."""

from __future__ import annotations

from edgebuild.core.array import Array, Floats, Indices, Integers, np
from edgebuild.core.errors import ConfigError
from edgebuild.models.measures.base import Case, Counted, Pooled


def top1(case: Case) -> Counted:
    """Which units have the right class."""
    labels, classes, _ = _answers(case)
    return Counted(classes == labels, classes)


def macro_f1(case: Case) -> Pooled:
    """The mean over classes of 2TP / (2TP + FP + FN); over those that are labelled or answered.

    As scikit-learn's ``f1_score(average="macro")``: the mean of F1 (Opitz and Burst 2019, arXiv:1911.03347), not F1 of
    means.
    """
    labels, classes, count = _answers(case)
    cells = labels * count + classes

    def score(weights: Floats) -> float:
        confusion = np.bincount(cells, weights, count * count).reshape(count, count)
        found = confusion.sum(axis=0) + confusion.sum(axis=1)
        there = found > 0
        return float((2 * np.diag(confusion)[there] / found[there]).mean())

    return Pooled(score, np.arange(len(labels), dtype=np.intp))


def _answers(case: Case) -> tuple[Integers, Integers, int]:
    """Of each unit the label and the class answered; and how many classes there are."""
    labels = case.labels_of_units().astype(np.int64)
    rows = class_rows(case.outputs[0], case.metric, case.classes)
    if int(labels.max()) >= rows.shape[1]:
        raise outside(int(labels.max()), rows.shape[1])
    return labels, case.averaged(rows).argmax(axis=1), rows.shape[1]


def class_rows(output: Array, metric: str, classes: int | None = None) -> Floats:
    """Scores (N, classes); of class numbers, as ``argmax`` gives them, 1 for the class and 0 for the others."""
    if output.dtype.kind in "iu" and output.size == len(output):
        return _one_hot(output.reshape(-1).astype(np.intp), classes, metric)
    rows = output.reshape(len(output), -1).astype(np.float64)
    if rows.shape[1] != max(output.shape[1:], default=1) or rows.shape[1] < 2:
        raise ConfigError(
            "[data] metric",
            f"{metric} needs one score per class in the first output; its shape is {['N', *output.shape[1:]]}".replace(
                "'", ""
            ),
            expected="[N, classes] with at least 2 classes",
            fix='make the scores the first output, or choose another metric, such as "none"',
        )
    return rows


def _one_hot(numbers: Indices, classes: int | None, metric: str) -> Floats:
    if classes is None:
        raise ConfigError(
            "[data] classes", f"not said; {metric} of class numbers needs it", fix="add classes = N under [data]"
        )
    return np.eye(max(classes, int(numbers.max()) + 1))[numbers]


def outside(label: int, classes: int) -> ConfigError:
    """A label that is no class of the model's."""
    return ConfigError(
        "[data] labels",
        f"label {label} does not match the model, which has {classes} classes",
        expected=f"0 to {classes - 1}",
        fix="check the numbering of the classes (from 0), and that the first output holds one score per class",
    )
