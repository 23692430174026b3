"""Which torch node a runtime's operators are traced to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from road_by_hand import walk_model
from torch import Tensor, nn

from edgebuild.core.project import InputSpec
from edgebuild.models.graph import export_module

LAYERS = ("aten.linear",)
WEIGHTED = ("Gemm", "MatMul", "FULLY_CONNECTED", "FullyConnected")


class Normalized(nn.Module):
    """What a converter folds the normalization's scale into: the layers that read it, while the sum reads it whole."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(16)
        nn.init.uniform_(self.norm.weight, 0.5, 1.5)
        nn.init.normal_(self.norm.bias)
        self.gate, self.value = nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        stream = self.norm(x)
        return stream + torch.tanh(self.gate(stream)) * self.value(stream)


@pytest.mark.parametrize("runtime", ["onnxruntime", "litert", "openvino"])
def test_a_normalization_is_no_part_of_the_layers_that_read_it(runtime: str) -> None:
    torch.manual_seed(0)
    spec = InputSpec(shape=(1, 4, 16))
    model = export_module(Normalized().eval(), {"x": spec}, ("y",))
    samples = {"x": np.random.default_rng(0).standard_normal((3, 4, 16), np.float32)}
    origins = walk_model(model, runtime, samples).origins
    linear = {node.id for node in origins.nodes if node.operator in LAYERS}
    of_layers = [op for op in origins.ops if linear & set(op.origins)]
    norm = [op for op in origins.ops if "layer_norm" in op.origins]
    assert len(linear) == 2
    assert norm
    assert not [op.kind for op in of_layers if op.compute and op.kind not in (*WEIGHTED, "Add", "ADD")]
