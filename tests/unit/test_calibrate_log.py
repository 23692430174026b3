"""Calibration of a model whose int8 has a zero where float has none: the logarithm of it is no reason to stop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgebuild.core.profile import QuantSetting
from edgebuild.core.target import Int8Scheme
from edgebuild.quant.calibrate import calibrate
from edgebuild.quant.fold import fold

SCHEME = Int8Scheme(weight_granularity="per_channel", activation_dtype="u8")


class Logarithm(nn.Module):
    """Small values beside a large one: on a grid of 256 steps they become 0."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.log(torch.clamp(x * x, min=1e-6)))


def test_what_rounding_makes_infinite_goes_on_as_float() -> None:
    torch.manual_seed(0)
    samples = [(torch.tensor([[1e-3, 1.0, 30.0, 100.0]]) * scale,) for scale in (1.0, 0.5)]
    program = fold(torch.export.export(Logarithm().eval(), samples[0]))
    found = calibrate(program, samples, ["x"], SCHEME, QuantSetting(correct_bias=True))
    low = min(limits.low for limits in found.plan.activations.values())
    assert -15 < low < -13  # the logarithm of 1e-6
