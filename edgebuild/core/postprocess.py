"""Post-processing: the declared steps from what a model gives to what its user wants."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgebuild.core.base import Frozen

_Share = Annotated[float, Field(ge=0, le=1)]
_Size = Annotated[int, Field(gt=0)]


class _OfOneOutput(Frozen):
    """``output`` names what the step changes; empty: the first one."""

    output: str = ""


class _AlongAxis(_OfOneOutput):
    """``axis`` counts with the samples as axis 0."""

    axis: Annotated[int, Field(ge=1)] = 1


class Softmax(_AlongAxis):
    """``exp(x) / sum(exp(x))`` along an axis."""

    op: Literal["softmax"] = "softmax"


class Sigmoid(_OfOneOutput):
    """``1 / (1 + exp(-x))``."""

    op: Literal["sigmoid"] = "sigmoid"


class Argmax(_AlongAxis):
    """Where the largest value along an axis is; the axis goes."""

    op: Literal["argmax"] = "argmax"


class Threshold(_OfOneOutput):
    """1 where a value is at least ``at``, else 0."""

    op: Literal["threshold"] = "threshold"
    at: float = 0.5


class Ctc(_OfOneOutput):
    """Greedy decoding of connectionist temporal classification (Graves et al. 2006).

    Scores (N, T, tokens) become tokens (N, T): the best of each step, repeats and then ``blank`` left out, filled up
    with -1.
    """

    op: Literal["ctc"] = "ctc"
    blank: Annotated[int, Field(ge=0)] = 0


class Boxes(_OfOneOutput):
    """Boxes (N, A, 4) become corners x1, y1, x2, y2 in pixels.

    Attributes:
        coding: "corners"; "centres" of x, y, width, height; or "distances" to the left, top, right and bottom from the
            centre of a grid's cell, in strides, as FCOS has them (Tian et al. 2019).
        scale: what corners and centres are multiplied by; for those in 0..1 the image's size.
        strides: for distances, of each grid, in the order of the rows; a grid's cells come row by row.
        size: the image's height and width, for distances. Boxes end at its edges.
    """

    op: Literal["boxes"] = "boxes"
    coding: Literal["corners", "centres", "distances"] = "corners"
    scale: Annotated[float, Field(gt=0)] = 1.0
    strides: tuple[_Size, ...] = ()
    size: tuple[_Size, _Size] | None = None

    @model_validator(mode="after")
    def _grid_is_known(self) -> Boxes:
        if self.coding == "distances" and (not self.strides or self.size is None):
            raise ValueError('coding = "distances" needs strides and size')
        return self


class Nms(Frozen):
    """Non-maximum suppression of each class: what overlaps a better box of its class by more than ``iou`` goes.

    The outputs ``boxes`` (N, A, 4) and ``scores`` (N, A, classes) become one, ``detections`` (N, most, 6): x1, y1, x2,
    y2, score, class, the best first, filled up with -1.
    """

    op: Literal["nms"] = "nms"
    boxes: str = "boxes"
    scores: str = "scores"
    iou: _Share = 0.5
    threshold: _Share = 0.05
    most: _Size = 100


PostStep = Annotated[Softmax | Sigmoid | Argmax | Threshold | Ctc | Boxes | Nms, Field(discriminator="op")]
