"""Transposes before reductions, taken out of TFLite models that the converter made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgebuild.backends.litert.export import export
from edgebuild.backends.litert.graph import observe, operators
from edgebuild.core.project import InputSpec
from edgebuild.models.graph import export_module

Reduce = Callable[[Tensor], Tensor]


class Net(nn.Module):
    def __init__(self, reduce: Reduce) -> None:
        super().__init__()
        self.body, self.reduce = nn.Conv2d(3, 8, 3), reduce

    def forward(self, image: Tensor) -> Tensor:
        return self.reduce(torch.relu(self.body(image)))


@pytest.mark.parametrize(
    ("reduce", "left"),
    [
        (lambda x: x.mean((2, 3)), 0),
        (lambda x: x.mean((-1, -2)), 0),
        (lambda x: x.sum((2, 3)), 0),
        (lambda x: x.amax((2, 3)), 0),
        (lambda x: x.mean(1), 0),
        (lambda x: x.mean(3), 1),  # height and channels are left, in torch's order
        (lambda x: torch.flatten(x.mean((2, 3), keepdim=True), 1), None),
    ],
    ids=["mean", "negative", "sum", "max", "channels", "width", "kept"],
)
def test_no_turn_is_left_that_only_a_reduction_wants(reduce: Reduce, left: int | None) -> None:
    torch.manual_seed(0)
    net = Net(reduce).eval()
    model = export_module(net, {"image": InputSpec(shape=(1, 3, 12, 10), layout="NCHW", dtype="float32")})
    made = export(model)
    kinds = [op.kind for op in operators(made.files)]
    if left is not None:
        assert kinds.count("TRANSPOSE") == left, kinds
    image = np.random.default_rng(0).normal(size=(1, 3, 12, 10)).astype(np.float32)
    seen = next(observe(made.files, [{"image": image.transpose(0, 2, 3, 1)}]))
    last = seen[operators(made.files)[-1].outputs[0]]
    with torch.no_grad():
        np.testing.assert_allclose(last, net(torch.from_numpy(image)).numpy(), atol=1e-5)
