"""Linear layers alone in int8: what stays float reads floats, while calibrating and in the runtime's model."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.numpy_helper
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from edgebuild.backends.onnxruntime.integer_bias import write_biases
from edgebuild.backends.onnxruntime.plain_reads import biases_read_in_float, makers_of, read_plainly
from edgebuild.core.origin import RuntimeOp
from edgebuild.core.profile import QuantSetting
from edgebuild.core.target import Int8Scheme
from edgebuild.quant.calibrate import calibrate
from edgebuild.quant.fold import fold
from edgebuild.quant.left_float import all_but_linear, foreign_but_linear

SCHEME = Int8Scheme(weight_granularity="per_channel", activation_dtype="u8")
PLAIN = QuantSetting(correct_bias=False)
TOLD = PLAIN.model_copy(update={"keep_float": 1})
"""With the noise of every node."""


class Block(nn.Module):
    """A residual stream with one large channel, as transformers have them: added in float, multiplied in int8."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)
        self.out = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        stream = x * torch.tensor([1.0, 1, 1, 1, 1, 1, 1, 300.0])
        return torch.relu(self.out(torch.tanh(stream + self.inner(stream))))


def exported(module: nn.Module, *sample: Tensor) -> torch.export.ExportedProgram:
    return fold(torch.export.export(module.eval(), sample))


def test_all_but_linear_layers_and_what_is_computed_with_them() -> None:
    torch.manual_seed(0)
    kept = all_but_linear(exported(Block(), torch.randn(1, 8)))
    assert {"mul", "add", "tanh"} <= kept
    assert not {"linear", "linear_1", "relu"} & kept


def test_a_float_node_reads_what_a_float_node_made() -> None:
    torch.manual_seed(0)
    samples = [(torch.randn(1, 8),) for _ in range(4)]
    program = exported(Block(), *samples[0])
    kept = all_but_linear(program)
    found = calibrate(program, samples, ["x"], SCHEME, TOLD, exact=kept)
    everything = calibrate(program, samples, ["x"], SCHEME, TOLD)
    # tanh of the sum: its small channels are gone where the stream itself is rounded to steps of about 3
    assert found.sqnr["tanh"] > everything.sqnr["tanh"] + 3


class Masked(nn.Module):
    """Attention's weights, with the usual number for what is not to be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(4, 4)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        hidden = (1.0 - mask) * torch.finfo(torch.float32).min
        return torch.softmax(self.score(x) + hidden, -1) @ torch.eye(4)


def test_a_mask_and_what_reads_it_stay_float() -> None:
    torch.manual_seed(0)
    mask = torch.tensor([[1.0, 1, 1, 0]])
    samples = [(torch.randn(1, 4), mask) for _ in range(4)]
    program = exported(Masked(), *samples[0])
    found = calibrate(program, samples, ["x", "mask"], SCHEME, TOLD)
    assert set(found.plan.keep_float) == {"mul", "add", "softmax"}
    assert found.sqnr["matmul"] > 30


def test_of_a_foreign_model_layers_have_one_input() -> None:
    ops = (
        RuntimeOp(name="dense", kind="MatMul", compute=True, inputs=("x",), outputs=("a",)),
        RuntimeOp(name="scores", kind="MatMul", compute=True, inputs=("a", "b"), outputs=("c",)),
        RuntimeOp(name="sum", kind="Add", compute=True, inputs=("c", "a"), outputs=("d",)),
    )
    assert foreign_but_linear(ops) == ("scores", "sum")


def model() -> onnx.ModelProto:
    """x → Tanh → t; t is multiplied by a weight, a bias added, and the sum added to t itself."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Tanh", ["x"], ["t"], "tanh"),
        helper.make_node("MatMul", ["t", "w"], ["m"], "matmul"),
        helper.make_node("Add", ["m", "b"], ["l"], "bias"),
        helper.make_node("Add", ["t", "l"], ["y"], "residual"),
    ]
    constants = [
        helper.make_tensor("w", TensorProto.FLOAT, [4, 4], np.eye(4, dtype=np.float32).ravel()),
        helper.make_tensor("b", TensorProto.FLOAT, [4], [0.5, 0, 0, 0]),
    ]
    ends = [value(name, TensorProto.FLOAT, [2, 4]) for name in ("x", "y")]
    return helper.make_model(helper.make_graph(nodes, "m", ends[:1], ends[1:], constants))


def test_a_bias_that_floats_read_is_added_in_float() -> None:
    assert biases_read_in_float(model(), ["residual", "tanh"]) == {"bias"}
    assert biases_read_in_float(model(), ["tanh"]) == set()


def rounded(of: onnx.ModelProto, tensor: str) -> None:
    """Give every reader of a tensor its rounded values, as onnxruntime's quantizer does."""
    for node in of.graph.node:
        node.input[:] = [f"{tensor}_dq" if name == tensor else name for name in node.input]
    of.graph.initializer.append(helper.make_tensor("scale", TensorProto.FLOAT, [], [0.1]))
    of.graph.node.extend(
        [
            helper.make_node("QuantizeLinear", [tensor, "scale"], [f"{tensor}_q"], f"{tensor}_q"),
            helper.make_node("DequantizeLinear", [f"{tensor}_q", "scale"], [f"{tensor}_dq"], f"{tensor}_dq"),
        ]
    )


def reads(of: onnx.ModelProto) -> dict[str, list[str]]:
    return {node.name: list(node.input) for node in of.graph.node}


def test_only_int8_reads_rounded_values() -> None:
    made = model()
    rounded(made, "t")
    read_plainly(made, {"tanh", "bias", "residual"}, makers_of(model()))
    assert reads(made)["residual"] == ["t", "l"]
    assert reads(made)["matmul"] == ["t_dq", "w"]
    assert "t_q" in reads(made)


def test_a_layer_that_only_floats_read_is_not_rounded() -> None:
    made = model()
    rounded(made, "m")
    read_plainly(made, {"tanh", "bias", "residual"}, makers_of(model()))
    assert reads(made)["bias"] == ["m", "b"]
    assert "m_q" not in reads(made)
    assert "m_dq" not in reads(made)


def test_what_int8_made_and_int8_reads_too_stays_rounded() -> None:
    made = model()
    rounded(made, "m")
    read_plainly(made, {"tanh"}, makers_of(model()))
    assert reads(made)["bias"] == ["m_dq", "b"]


def test_a_relu_that_became_the_rounding_stays() -> None:
    """The quantizer drops a ReLU before integers from 0 on; what made its input then makes its output."""
    made = model()
    exact = makers_of(made) | {"m": "relu"}
    rounded(made, "m")
    read_plainly(made, {"tanh", "bias", "residual"}, exact)
    assert reads(made)["bias"] == ["m_dq", "b"]


def test_the_bias_of_an_int8_layer_is_integers_of_its_sums() -> None:
    made = model()
    rounded(made, "t")
    rounded(made, "w")
    write_biases(made, {"bias"})
    (name,) = [name for name in reads(made)["bias"] if name != "m"]
    maker = next(node for node in made.graph.node if name in node.output)
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
    assert maker.op_type == "DequantizeLinear"
    assert values[maker.input[0]].tolist() == [50, 0, 0, 0]
    np.testing.assert_allclose(values[maker.input[1]], 0.01, rtol=1e-6)
    assert "b" not in values


def test_the_bias_of_a_layer_in_float_stays_as_it_is() -> None:
    made = model()
    write_biases(made, {"bias"})
    assert reads(made)["bias"] == ["m", "b"]
