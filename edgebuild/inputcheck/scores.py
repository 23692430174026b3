"""Scores of labelled units, kept unit by unit: that is what a paired test needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgebuild.core.array import Array, Booleans, Floats, Integers, np
from edgebuild.core.quality_metric import MetricName
from edgebuild.models.measures.base import Case
from edgebuild.models.measures.classes import top1
from edgebuild.models.measures.ranking import scores_of
from edgebuild.models.samples import Samples
from edgebuild.models.scorers import Scorer

PAIRED: tuple[MetricName, ...] = ("top1", "auc")
"""The metrics by which declarations are told apart."""


@dataclass(frozen=True, eq=False)
class Scores:
    """One entry per unit: a sample, or a group of samples that are scored as one.

    Attributes:
        labels: (units,).
        classes: the class with the highest output, for top1.
        values: one score, for auc.
    """

    labels: Integers
    classes: Integers | None = None
    values: Floats | None = None

    @property
    def correct(self) -> Booleans:
        """Which units have the right class."""
        assert self.classes is not None
        right: Booleans = self.classes == self.labels
        return right

    def of(self, units: Integers) -> Scores:
        """Those of some units."""
        classes = None if self.classes is None else self.classes[units]
        return Scores(self.labels[units], classes, None if self.values is None else self.values[units])


def score(
    metric: MetricName, samples: Samples, outputs: Sequence[Array], inputs: Mapping[str, Array], scorer: Scorer | None
) -> Scores:
    """Each unit's, by one of ``PAIRED``; arguments as of ``models.score.measured``."""
    case = Case(metric, samples.labels, outputs, groups=samples.groups, inputs=inputs, scorer=scorer)
    labels = case.labels_of_units().astype(np.int64)
    if metric == "top1":
        return Scores(labels, classes=top1(case).answers)
    return Scores(labels, values=scores_of(case))
