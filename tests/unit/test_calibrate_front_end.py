"""Calibration of what a front end inside the graph holds: logarithms, and convolutions with constants of its own."""

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


class Filters(nn.Module):
    """A convolution by a function, with a buffer."""

    taps: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("taps", torch.arange(6.0).reshape(2, 1, 3))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv1d(x, self.taps, stride=2)


def test_a_constant_that_a_function_convolves_with_gets_its_bias_beside_it() -> None:
    inner = nn.Sequential(Filters()).eval()
    sound = torch.linspace(-1, 1, 9).reshape(1, 1, 9)
    folded = fold(torch.export.export(inner, (sound,)))
    assert "0.taps_edgebuild_bias" in folded.state_dict
    torch.testing.assert_close(folded.module()(sound), inner(sound))
