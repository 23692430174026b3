"""What a model's answers are scored by: each metric declared once, here, with the labels that it takes.

A metric is an entry of ``QUALITY_METRICS`` and a function below ``models/measures``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from edgebuild.core.base import Frozen


class LabelKind(StrEnum):
    """What the labels of N samples are."""

    NONE = "none"
    CLASSES = "classes"
    MAPS = "maps"
    BOXES = "boxes"
    TOKENS = "tokens"
    ITEMS = "items"

    @property
    def told(self) -> str:
        """In words, for messages."""
        return _TOLD[self]


_TOLD = {
    LabelKind.NONE: "no labels",
    LabelKind.CLASSES: "class numbers from 0, integers of shape [N]",
    LabelKind.MAPS: "a class for each pixel, integers of shape [N, H, W]; below 0: not counted",
    LabelKind.BOXES: "boxes of shape [N, M, 5]: x1, y1, x2, y2 in the input's pixels, class; rows of -1 fill up",
    LabelKind.TOKENS: "token numbers, integers of shape [N, T], filled up with -1 at the end",
    LabelKind.ITEMS: "item numbers from 0, integers of shape [N], or [N, 2] for pairs",
}


class QualityMetric(Frozen):
    """A score from 0 to 100, more is better.

    Attributes:
        measure: "module:function" below ``models/measures``; empty where nothing is scored.
        labels: what it takes.
        averaged: whether the outputs of a group's samples are averaged and scored as one unit. Otherwise each sample is
            scored, and a group's samples are drawn together when samples are resampled.
        paired: whether a unit is right or wrong, so that an exact paired test bounds what is lost against float;
            otherwise a bootstrap over units does.
        against_float: it compares with the float twin's outputs, and says nothing without them.
        raw: it looks at what the model gives, before the project's ``post`` steps.
    """

    title: str
    measure: str = ""
    labels: LabelKind = LabelKind.NONE
    averaged: bool = False
    paired: bool = False
    against_float: bool = False
    raw: bool = False


QUALITY_METRICS: dict[str, QualityMetric] = {
    "top1": QualityMetric(
        title="share of samples whose highest score is the right class",
        measure="classes:top1", labels=LabelKind.CLASSES, averaged=True, paired=True,
    ),
    "f1": QualityMetric(
        title="F1, the mean over classes", measure="classes:macro_f1", labels=LabelKind.CLASSES, averaged=True
    ),
    "auc": QualityMetric(
        title="area under the ROC curve, of scores against labels 0 and 1",
        measure="ranking:auc_of", labels=LabelKind.CLASSES, averaged=True,
    ),
    "map": QualityMetric(
        title="mean average precision of boxes over IoU 0.50 to 0.95, as COCO has it",
        measure="detection:coco", labels=LabelKind.BOXES,
    ),
    "map50": QualityMetric(
        title="mean average precision of boxes at IoU 0.50", measure="detection:at_half", labels=LabelKind.BOXES
    ),
    "miou": QualityMetric(
        title="intersection over union of pixels, the mean over classes",
        measure="segmentation:mean_iou", labels=LabelKind.MAPS,
    ),
    "word_accuracy": QualityMetric(
        title="100 less the word error rate: edits over words", measure="text:word_accuracy", labels=LabelKind.TOKENS
    ),
    "retrieval_top1": QualityMetric(
        title="share of queries whose nearest item is the right one",
        measure="retrieval:top1", labels=LabelKind.ITEMS, averaged=True, paired=True,
    ),
    "retrieval_recall5": QualityMetric(
        title="share of queries with a right item among the nearest five",
        measure="retrieval:recall5", labels=LabelKind.ITEMS, averaged=True, paired=True,
    ),
    "cosine": QualityMetric(
        title="mean cosine of the first output to float's", measure="embedding:cosine", against_float=True, raw=True
    ),
    "none": QualityMetric(title="nothing is scored"),
}  # fmt: skip


if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[tuple(QUALITY_METRICS)]


class LabelRule(Frozen):
    """What a project's labels must be: of which kind, and for how many classes, where that is said."""

    kind: LabelKind = LabelKind.CLASSES
    classes: Annotated[int, Field(gt=0)] | None = None


CLASS_NUMBERS = LabelRule()
"""What labels are where nothing else is said."""
