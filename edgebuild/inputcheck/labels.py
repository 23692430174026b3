"""Labels that are right, but of other class numbers or of other samples."""

from __future__ import annotations

from dataclasses import replace

from edgebuild.core.array import Array, Integers, np
from edgebuild.core.input_check import InputCheck, Suspicion
from edgebuild.inputcheck.paired import p_better, value
from edgebuild.inputcheck.scores import Scores

_GAIN = 10.0
"""Percentage points that other class numbers must win."""
_SEEN = 4
"""Labelled samples a class, in the mean, from which on an order of the classes is looked for."""
_BY_CHANCE = 0.05
"""p up to which answers are right more often than by chance."""
_OVERLAP = 0.6
"""Share of labels that the answers must have too, in whatever order, to be answers to such samples."""
_SHUFFLES = 999


def relabelled(own: Scores, rules: InputCheck, *, best: float) -> Suspicion | None:
    """Classes that the labels count otherwise than the model does.

    Args:
        best: what the best declaration scores, in percent: other class numbers must win against that too.
    """
    if own.classes is None:
        return None
    others = [(words, replace(own, labels=labels), tried) for words, labels, tried in _others(own, own.classes)]
    words, other, tried = max(others, key=lambda one: value(one[1]))
    p = min(1.0, p_better(own, other) * tried)
    gain = value(other) - max(value(own), best)
    if p > 1 - rules.confidence or gain < max(_GAIN, rules.min_gain):
        return None
    won, lost = other.correct & ~own.correct, own.correct & ~other.correct
    return Suspicion(
        input="labels", kinds=("labels",), certainty="named",
        found=f"the model numbers the classes otherwise: labels {words} are right more often",
        evidence=f"top1 {value(own):.1f} % as given, {value(other):.1f} % with labels {words}, on "
        f"{len(own.labels)} samples ({int(won.sum())} won, {int(lost.sum())} lost; p = {p:.1g})",
        fix="check the numbering of the classes where the labels are made: a background class counts too",
    )  # fmt: skip


def _others(own: Scores, classes: Integers) -> list[tuple[str, Integers, int]]:
    """Other numberings in words, the labels under them, and how many such were tried."""
    count = int(max(own.labels.max(), classes.max())) + 1
    if count == 2:
        return [("exchanged", 1 - own.labels, 1)]
    found = [(f"{abs(by)} {'higher' if by > 0 else 'lower'}", own.labels + by, 3) for by in (1, -1)]
    if len(own.labels) >= _SEEN * count:
        found.append(("in another order of the classes", _reordered(own.labels, classes, count), 3))
    return found


def _reordered(labels: Integers, classes: Integers, count: int) -> Integers:
    """Labels as answers of half of the samples would number them, for the other half.

    One number for each class: the assignment with the most right answers (Kuhn 1955, Naval Res. Logist. 2:83).
    """
    from scipy.optimize import linear_sum_assignment

    half = np.arange(len(labels)) % 2
    found = np.empty_like(labels)
    for here in (0, 1):
        seen = np.zeros((count, count), np.int64)
        np.add.at(seen, (labels[half != here], classes[half != here]), 1)
        rows, columns = linear_sum_assignment(seen, maximize=True)
        order: Array = np.empty(count, np.int64)
        order[rows] = columns
        found[half == here] = order[labels[half == here]]
    return found


def of_other_samples(own: Scores) -> Suspicion | None:
    """Labels that have nothing to do with the answers, though of each class there are about as many.

    Inputs that a model can't read it takes for one class or a few. Where its answers are spread as the labels are, and
    are right no more often than labels in a random order would be, the two are of different samples.
    """
    if own.classes is None or int(own.labels.max()) < 2:
        return None
    right, shuffled = int(own.correct.sum()), _right_by_chance(own.labels, own.classes)
    p = float((1 + (shuffled >= right).sum()) / (1 + _SHUFFLES))
    overlap = _overlap(own.labels, own.classes)
    if p <= _BY_CHANCE or overlap < _OVERLAP:
        return None
    return Suspicion(
        input="labels", kinds=("labels",), certainty="suspected",
        found="the labels seem to be of other samples: the answers are spread over the classes as the labels are, and "
        "have nothing to do with them",
        evidence=f"{right} of {len(own.labels)} right, as with labels in a random order (p = {p:.2g}); class counts "
        f"overlap by {100 * overlap:.0f} %",
        fix="check that labels and samples are in the same order: files listed as text have 10 before 2",
    )  # fmt: skip


def _right_by_chance(labels: Integers, classes: Integers) -> Integers:
    """How many answers are right under labels in a random order, so many times."""
    random = np.random.default_rng(0)
    return np.array([int((random.permutation(labels) == classes).sum()) for _ in range(_SHUFFLES)])


def _overlap(labels: Integers, classes: Integers) -> float:
    """The share of samples that labels and answers have in the same class, in whatever order."""
    count = int(max(labels.max(), classes.max())) + 1
    both = (np.bincount(each, minlength=count) for each in (labels, classes))
    return float(np.minimum(*both).sum()) / len(labels)
