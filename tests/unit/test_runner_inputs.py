"""The samples of a run, read one at a time, so that a data set may be larger than a device's memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebuild.bench.bench import Bench
from edgebuild.core.errors import ConfigError, EdgebuildError
from edgebuild.core.target import RuntimeOptions
from edgebuild.devices.transports.local import open_local

onnx = pytest.importorskip("onnx")
FLOATS = np.arange(12, dtype=np.float32).reshape(3, 4)


def adder() -> dict[str, bytes]:
    """``sum`` = ``a`` + ``b``, each [1, 4] and float32."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info(name, kind, [1, 4]) for name in "ab"]
    output = helper.make_tensor_value_info("sum", kind, [1, 4])
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["sum"])], "adder", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return {"model.onnx": model.SerializeToString()}


def summed(place: Path, **arrays: np.ndarray) -> list[np.ndarray]:
    np.savez(place / "inputs.npz", **arrays)
    with Bench(open_local()) as bench:
        return bench.infer("onnxruntime", adder(), bench.place(place / "inputs.npz"), RuntimeOptions())


def test_each_sample_is_fed_in_its_order_and_by_its_name(tmp_path: Path) -> None:
    (found,) = summed(tmp_path, b=10 * FLOATS, a=FLOATS)
    np.testing.assert_array_equal(found, 11 * FLOATS)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({}, "no input b; given: a"),
        ({"b": FLOATS[:2]}, r"inputs have \[2, 3\] samples"),
        ({"b": FLOATS.astype(np.float64)}, "input b is float64; the model takes float32"),
        ({"b": FLOATS[:, :3]}, r"input b has shape \(3, 3\); the model takes \(1, 4\)"),
        ({"b": np.asfortranarray(FLOATS)}, "input b has shape"),
        ({"b": np.float32(1)}, "input b has shape"),
    ],
)
def test_inputs_that_do_not_fit_are_named(tmp_path: Path, other: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(EdgebuildError, match=words) as caught:
        summed(tmp_path, a=FLOATS, **other)
    assert isinstance(caught.value, ConfigError)
