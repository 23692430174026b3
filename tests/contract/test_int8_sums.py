"""Sums of 8-bit products as large as they can be, in a real process of the runner."""

from __future__ import annotations

import numpy as np
import pytest

from edgebuild.bench.bench import Bench
from edgebuild.core.target import RuntimeOptions
from edgebuild.devices.transports.local import open_local

_WIDTH = 64
_STEP = 255 * 127 * _WIDTH / 100
"""Of the output's grid: the largest sum is 100 steps."""


def layer(kind: str, activations: type[np.generic]) -> bytes:
    """A Gemm, or the same as a 1x1 convolution, of 8-bit inputs and weights at their largest, between Q and DQ."""
    from onnx import TensorProto, helper, numpy_helper

    image = kind == "Conv"
    spatial = [1, 1] if image else []
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, _WIDTH, *spatial])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 32, *spatial])
    constants = {
        "one": np.float32(1), "step": np.float32(_STEP), "zero": activations(np.iinfo(activations).min),
        "w": np.full((32, _WIDTH, *spatial), 127, np.int8), "ones": np.ones(32, np.float32),
        "zeros": np.zeros(32, np.int8), "b": np.zeros(32, np.int32), "bz": np.zeros(32, np.int32),
    }  # fmt: skip
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "one", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "one", "zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "ones", "zeros"], ["wd"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "ones", "bz"], ["bd"], axis=0),
        helper.make_node(kind, ["xd", "wd", "bd"], ["s"], name="layer", **({} if image else {"transB": 1})),
        helper.make_node("QuantizeLinear", ["s", "step", "zero"], ["sq"]),
        helper.make_node("DequantizeLinear", ["sq", "step", "zero"], ["y"]),
    ]
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "layer", [x], [y], stored)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = made.SerializeToString()
    return data


@pytest.mark.parametrize("activations", [np.uint8, np.int8])
@pytest.mark.parametrize("kind", ["Gemm", "Conv"])
def test_onnxruntime_does_not_clip_them_on_any_processor(kind: str, activations: type[np.generic]) -> None:
    inputs = np.full((1, _WIDTH, *([1, 1] if kind == "Conv" else [])), 255, np.float32)
    with Bench(open_local()) as bench:
        (found,) = bench.infer("onnxruntime", {"m.onnx": layer(kind, activations)}, {"x": inputs}, RuntimeOptions())
    np.testing.assert_allclose(found.ravel() / _STEP, 100, atol=0.5)
