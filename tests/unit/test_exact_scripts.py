"""The table of instructions, and the edits that have to be told apart or not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])


def model() -> bytes:
    """A convolution of 3 to 64 channels at 8 x 8, a pool and a classifier."""
    from onnx import TensorProto, helper, numpy_helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["f"], pads=[2] * 4),
        helper.make_node("GlobalAveragePool", ["f"], ["p"]),
        helper.make_node("Flatten", ["p"], ["v"]),
        helper.make_node("Gemm", ["v", "g"], ["y"]),
    ]
    random = np.random.default_rng(3)
    shapes = {"w": (64, 3, 5, 5), "b": (64,), "g": (64, 10)}
    weights = [numpy_helper.from_array(random.standard_normal(s).astype(np.float32), n) for n, s in shapes.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    data: bytes = made.SerializeToString()
    return data


def test_one_layer_more_has_about_the_share_that_was_asked_for() -> None:
    import onnx
    import onnxruntime
    from exact_table import renamed, with_one_layer_more

    total = 64 * 3 * 25 * 64 + 640
    edited, share = with_one_layer_more(model(), 0.1)
    groups = 8  # of 1, 2, 4, … 64: 64 * 64 / 8 * 64 products are nearest to a tenth
    assert share == pytest.approx(64 * 64 * 64 / groups / total)
    kinds = [node.op_type for node in onnx.load_from_string(edited).graph.node]
    assert kinds == ["Conv", "Conv", "GlobalAveragePool", "Flatten", "Gemm"]
    value = {"x": np.ones((1, 3, 8, 8), np.float32)}
    assert onnxruntime.InferenceSession(edited).run(None, value)[0].shape == (1, 10)
    again = renamed(model())
    assert again != model()
    first, second = (onnxruntime.InferenceSession(data).run(None, value)[0] for data in (model(), again))
    np.testing.assert_array_equal(first, second)


def test_the_table_shows_spreads_and_ratios() -> None:
    from exact_table import spread, table

    assert spread([1000, 1001, 1000]) == pytest.approx(0.001)
    counts = {
        ("new", "net", "float32"): [4000, 4001], ("new", "net", "int8"): [1000, 1000],
        ("old", "net", "float32"): [4000, 4000], ("old", "net", "int8"): [2500, 2000],
    }  # fmt: skip
    lines = table(counts, ("new", "old")).splitlines()
    assert lines[2] == "| net | float32 | 4,001, 0.025 % | 4,000, 0.000 % | 1.00 |  |"
    assert lines[3] == "| net | int8 | 1,000, 0.000 % | 2,500, 25.000 % | 2.000 to 2.500 | 4.00 |"
    assert "–" in table({("new", "net", "int8"): [5]}, ("new", "old"))
