"""Signatures: what goes into a model and what comes out, with the steps before and after it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from edgebuild.core.base import Frozen
from edgebuild.core.postprocess import PostStep
from edgebuild.core.reading import ReadAudio, ReadColumns, ReadImage, Resize, Tokenize
from edgebuild.core.sound import Log, Mel, Mfcc, Spectrogram

__all__ = [
    "AddAxis",
    "Cast",
    "DType",
    "Dequantize",
    "Log",
    "Mel",
    "Mfcc",
    "Normalize",
    "Quantize",
    "ReadAudio",
    "ReadColumns",
    "ReadImage",
    "Resize",
    "ReverseChannels",
    "Role",
    "Shape",
    "Signature",
    "Spectrogram",
    "Step",
    "TensorSpec",
    "Tokenize",
    "Transpose",
    "check_layout",
    "stand_in_for",
]

Shape = tuple[Annotated[int, Field(gt=0)], ...]
Absent = Literal["zeros"] | float
"""What stands in for a missing input."""


def stand_in_for(absent: Absent | None) -> float:
    """The number that stands in for a missing input."""
    return 0.0 if absent is None or absent == "zeros" else absent


DType = Literal["float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool"]


class Role(StrEnum):
    """Whether a tensor is data of the call, or state carried from call to call."""

    DATA = "data"
    STATE = "state"


class Normalize(Frozen):
    """``(x * scale - mean) / std`` in float32; mean and std are per channel, or one number for all.

    ``channel_axis`` counts with the batch dimension as axis 0.
    """

    op: Literal["normalize"] = "normalize"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[Annotated[float, Field(gt=0)], ...] = (1.0,)
    channel_axis: int = 1

    @model_validator(mode="after")
    def _same_length(self) -> Normalize:
        if len(self.mean) != len(self.std) and 1 not in (len(self.mean), len(self.std)):
            raise ValueError(f"mean has {len(self.mean)} values and std has {len(self.std)}")
        return self


class Transpose(Frozen):
    """Reorder the axes; the batch dimension is axis 0."""

    op: Literal["transpose"] = "transpose"
    order: tuple[int, ...]


class ReverseChannels(Frozen):
    """Reverse one axis, for example RGB to BGR."""

    op: Literal["reverse_channels"] = "reverse_channels"
    axis: int = 1


class Cast(Frozen):
    """Convert to a dtype."""

    op: Literal["cast"] = "cast"
    dtype: DType


class AddAxis(Frozen):
    """Insert an axis of length 1, such as the one channel of a spectrogram; the batch dimension is axis 0."""

    op: Literal["add_axis"] = "add_axis"
    axis: Annotated[int, Field(gt=0)] = 1


class Quantize(Frozen):
    """``round(x / scale) + zero_point`` clipped to a dtype: what a full-integer model takes."""

    op: Literal["quantize"] = "quantize"
    scale: Annotated[float, Field(gt=0)]
    zero_point: int
    dtype: Literal["int8", "uint8", "int16"]


class Dequantize(Frozen):
    """``(x - zero_point) * scale`` in float32: what a full-integer model's output means."""

    op: Literal["dequantize"] = "dequantize"
    scale: Annotated[float, Field(gt=0)]
    zero_point: int


Step = Annotated[
    Normalize
    | Transpose
    | ReverseChannels
    | AddAxis
    | Cast
    | Quantize
    | Dequantize
    | ReadImage
    | Resize
    | ReadAudio
    | Tokenize
    | ReadColumns
    | Spectrogram
    | Mel
    | Log
    | Mfcc,
    Field(discriminator="op"),
]


def check_layout(layout: str, shape: Shape) -> None:
    """Refuse a layout that does not name each axis of a shape once.

    Raises:
        ValueError: with both numbers, or the letter that is there twice.
    """
    if layout and len(layout) != len(shape):
        raise ValueError(f"layout {layout!r} names {len(layout)} axes; the shape has {len(shape)}")
    if len(set(layout)) != len(layout):
        raise ValueError(f"layout {layout!r} names an axis twice")


class TensorSpec(Frozen):
    """One input or output of a model.

    Attributes:
        shape: with the batch dimension first; every dimension fixed.
        buckets: further shapes that the same input may have, each compiled on its own.
        pad: what a sample shorter than its bucket is filled up with.
        layout: one letter a dimension, such as "NCHW"; empty where it has no name.
        absent: of an input that may be missing, what then stands in for it.
        initial, fed_by: for a state input, its first value and the output that feeds the next call.
        zero_point: for a state of integers, the integer that means zero.
    """

    name: str = Field(min_length=1)
    dtype: DType = "float32"
    shape: Shape
    buckets: tuple[Shape, ...] = ()
    pad: float = 0
    layout: str = ""
    role: Role = Role.DATA
    initial: Literal["zeros"] | None = None
    fed_by: str | None = None
    zero_point: int = 0
    absent: Absent | None = None

    @model_validator(mode="after")
    def _consistent(self) -> TensorSpec:
        check_layout(self.layout, self.shape)
        if self.role is Role.STATE and self.initial is None:
            raise ValueError(f"state {self.name!r} needs an initial value")
        if self.fed_by is not None and self.role is not Role.STATE:
            raise ValueError(f"{self.name!r} is fed by {self.fed_by!r} and is no state")
        return self


class Fed(NamedTuple):
    """A state: the input that holds it, and the output that feeds it, with that output's place among the outputs."""

    state: TensorSpec
    by: TensorSpec
    place: int


class Signature(Frozen):
    """A named calling convention: inputs, outputs, and the steps around the model.

    Attributes:
        pre, post: by tensor name, what the model's own numbers mean: golden vectors are compared after ``post``.
        folded: by input, declared steps that the model itself takes, after those of ``pre``.
        answer: the project's ``post`` steps over all outputs, from there to what is scored and given to the user.
        step_seconds: how long what one call is given lasts, such as the audio of one frame; None: not stated.
    """

    name: str = "serving_default"
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    pre: dict[str, tuple[Step, ...]] = Field(default={})
    post: dict[str, tuple[Step, ...]] = Field(default={})
    folded: dict[str, tuple[Step, ...]] = Field(default={})
    answer: tuple[PostStep, ...] = ()
    step_seconds: Annotated[float, Field(gt=0)] | None = None

    @property
    def fed(self) -> tuple[Fed, ...]:
        """The states that outputs feed; none of a model whose calls have nothing to do with each other."""
        places = {spec.name: place for place, spec in enumerate(self.outputs)}
        return tuple(
            Fed(spec, self.outputs[places[spec.fed_by]], places[spec.fed_by])
            for spec in self.inputs
            if spec.fed_by is not None
        )

    @property
    def answers(self) -> tuple[int, ...]:
        """The places of the outputs that a user is given: those that feed a state only where there are no others."""
        feeding = {fed.place for fed in self.fed}
        own = tuple(place for place in range(len(self.outputs)) if place not in feeding)
        return own or tuple(range(len(self.outputs)))

    @model_validator(mode="after")
    def _states_are_fed(self) -> Signature:
        outputs = {spec.name: spec for spec in self.outputs}
        for spec in self.inputs:
            if spec.fed_by is None:
                continue
            by = outputs.get(spec.fed_by)
            if by is None:
                raise ValueError(f"state {spec.name!r} is fed by {spec.fed_by!r}; the outputs are {', '.join(outputs)}")
            if (by.shape, by.dtype) != (spec.shape, spec.dtype):
                raise ValueError(
                    f"state {spec.name!r} is {spec.dtype} {list(spec.shape)}; "
                    f"{by.name!r}, which feeds it, is {by.dtype} {list(by.shape)}"
                )
        return self

    @model_validator(mode="after")
    def _names(self) -> Signature:
        for side, specs in (("input", self.inputs), ("output", self.outputs)):
            names = [spec.name for spec in specs]
            if len(set(names)) != len(names):
                raise ValueError(f"two {side}s have the same name: {', '.join(names)}")
        return self

    @property
    def tokenizers(self) -> tuple[Tokenize, ...]:
        """The steps that need a tokenizer's file."""
        return tuple(step for steps in self.pre.values() for step in steps if isinstance(step, Tokenize))
