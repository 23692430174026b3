"""OpenVINO's int8 without integer kernels: what devices compute whose sums do not clip."""

from __future__ import annotations

import numpy as np
from road_by_hand import run_really

from edgebuild.backends.base import Exported
from edgebuild.backends.openvino.emulate import emulated
from edgebuild.backends.openvino.export import from_files, to_files
from edgebuild.core.signature import Signature, TensorSpec

_WIDTH = 64


def layer() -> tuple[Exported, np.ndarray]:
    """A matrix product of u8 and s8 with sums as large as they can be, rounded before and after; and its weight."""
    import openvino
    from openvino import opset13 as ops

    random = np.random.default_rng(0)
    weight = np.where(random.random((8, _WIDTH)) < 0.9, 127, random.integers(-127, 128, (8, _WIDTH))).astype(np.float32)

    def rounded(value: object, low: float, high: float, levels: int) -> object:
        limits = [ops.constant(np.float32(limit)) for limit in (low, high, low, high)]
        return ops.fake_quantize(value, *limits, levels)

    x = ops.parameter([1, _WIDTH], np.float32, name="x")
    product = ops.matmul(rounded(x, 0.0, 25.5, 256), rounded(ops.constant(weight / 64), -127 / 64, 127 / 64, 255),
                         transpose_a=False, transpose_b=True)  # fmt: skip
    result = ops.result(rounded(product, -1275.0, 1275.0, 256))
    model = openvino.Model([result], [x], "layer")
    model.outputs[0].get_tensor().set_names({"y"})
    model.inputs[0].get_tensor().set_names({"x"})
    signature = Signature(
        inputs=(TensorSpec(name="x", shape=(1, _WIDTH), dtype="float32"),),
        outputs=(TensorSpec(name="y", shape=(1, 8), dtype="float32"),),
    )
    return Exported(to_files(model), signature), weight / 64


def test_it_computes_what_the_grids_say(tmp_path) -> None:  # type: ignore[no-untyped-def]
    made, weight = layer()
    inputs = np.random.default_rng(1).uniform(-2, 40, (5, _WIDTH)).astype(np.float32)
    inputs[0] = 25.5
    shown = Exported(emulated(made.files), made.signature)
    given = run_really("openvino", shown, {"x": inputs}, tmp_path)["y"]
    read = np.round(np.clip(inputs.astype(np.float64), 0, 25.5) / 0.1) * 0.1
    sums = np.clip(read @ weight.T.astype(np.float64), -1275, 1275)
    wanted = np.round((sums + 1275) / 10) * 10 - 1275
    apart = np.abs(given - wanted)
    near_a_tie = np.abs((sums + 1275) / 10 % 1 - 0.5) < 1e-3
    assert np.all((apart < 1e-2) | (near_a_tie & (apart < 10.01)))
    assert float(wanted.max()) > 1000


def test_no_operator_is_left_that_integer_kernels_are_made_of() -> None:
    made, _ = layer()
    kinds = {op.get_type_name() for op in from_files(emulated(made.files)).get_ordered_ops()}
    assert "FakeQuantize" not in kinds
    again = emulated(made.files)
    assert emulated(again) is again
