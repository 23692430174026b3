"""The quantization plan: the one thing that calibration, correction, sensitivity and the backends share."""

from __future__ import annotations

from pydantic import Field, model_validator

from edgebuild.core.base import Frozen
from edgebuild.core.profile import QuantSetting
from edgebuild.core.target import Int8Scheme


class Range(Frozen):
    """A closed interval of real values that a tensor's integers must cover; it always contains 0."""

    low: float = Field(le=0)
    high: float = Field(ge=0)

    @model_validator(mode="after")
    def _not_empty(self) -> Range:
        if self.low == self.high:
            raise ValueError("an empty range")
        return self


class WeightGrid(Frozen):
    """How finely a runtime's quantizer rounds weights: steps from zero to a channel's (or tensor's) extreme.

    Biases are corrected for the errors of this very grid. With another one, a step apart, they are wrong for all.

    Attributes:
        steps: of every layer but those of ``depthwise``.
        depthwise: of depthwise convolutions.
        least: the smallest extreme that a channel is given, as a share of the largest channel's.
    """

    steps: float = 127
    depthwise: float = 127
    least: float = 0


class QuantPlan(Frozen):
    """How a model becomes int8, by source node.

    Attributes:
        activations: the range of each source node's output (and of each input, by its name).
        keep_float: source nodes whose operators stay in float.
        scheme: the arithmetic of the target.
        setting: how this plan was made.
        distilled: whether its ranges, and the weights, were trained since then.
    """

    activations: dict[str, Range]
    keep_float: tuple[str, ...] = ()
    scheme: Int8Scheme
    setting: QuantSetting
    distilled: bool = False
