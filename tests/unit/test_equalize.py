"""Cross-layer equalization: nothing changes in float, and a bound holds what it must."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgebuild.quant.equalize import equalize
from edgebuild.quant.fold import fold


class Separable(nn.Module):
    """A pointwise convolution whose first channel is small and whose last one is cut off, and a depthwise one."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.act = act
        self.wide, self.deep, self.narrow = nn.Conv2d(2, 4, 1), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 3, 1)
        with torch.no_grad():
            self.wide.weight[0] *= 0.01
            self.wide.bias.copy_(torch.tensor([0.02, 0.5, 0.5, 9.0]))
            self.deep.weight[0] *= 100

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(N, 2, 6, 6) → (N, 3)."""
        return self.narrow(self.act(self.deep(self.act(self.wide(image))))).mean((2, 3))


def exported(act: nn.Module) -> torch.export.ExportedProgram:
    torch.manual_seed(0)
    return fold(torch.export.export(Separable(act).eval(), (torch.zeros(1, 2, 6, 6),)))


def samples() -> list[list[torch.Tensor]]:
    random = np.random.default_rng(0)
    return [[torch.from_numpy(random.random((1, 2, 6, 6), np.float32))] for _ in range(4)]


def spread(program: torch.export.ExportedProgram, name: str) -> float:
    """The largest channel's extreme over the smallest's."""
    extremes = program.state_dict[name].detach().abs().flatten(1).amax(1)
    return float(extremes.max() / extremes.min())


@pytest.mark.parametrize("act", [nn.ReLU(), nn.ReLU6(), nn.Hardtanh(0.0, 6.0)])
def test_outputs_stay_and_ranges_even_out(act: nn.Module) -> None:
    before = exported(act)
    after = equalize(before, samples())
    assert after is not None
    for row in samples():
        torch.testing.assert_close(after.module()(*row), before.module()(*row), rtol=1e-4, atol=1e-4)
    assert spread(before, "deep.weight") > 50
    assert spread(after, "deep.weight") < spread(before, "deep.weight") / 4


def test_a_channel_that_is_cut_off_is_left_as_it_is_and_no_other_one_is_brought_to_the_bound() -> None:
    before, rows = exported(nn.ReLU6()), samples()
    after = equalize(before, rows)
    assert after is not None
    weights = [program.state_dict["wide.weight"].detach() for program in (before, after)]
    assert torch.equal(weights[0][3], weights[1][3])
    assert not torch.allclose(weights[0][0], weights[1][0])
    biases = after.state_dict["wide.bias"].detach()
    for (image,) in rows:
        made = nn.functional.conv2d(image, weights[1], biases).amax((0, 2, 3))
        assert bool((made[:3] <= 6 * 0.9 + 1e-4).all())
        assert float(made[3]) > 6


def test_what_is_bounded_below_zero_too_is_not_equalized() -> None:
    assert equalize(exported(nn.Hardtanh(-1.0, 1.0)), samples()) is None
