"""What stays in float reads floats: onnxruntime's quantizer gives every reader of a tensor its rounded values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import onnx


def biases_read_in_float(model: onnx.ModelProto, keep_float: Collection[str]) -> set[str]:
    """Names of additions of a constant to a MatMul's sum that only nodes in float read.

    The exporter writes a linear layer over several axes as these two; rounding between them, and after them for a
    reader that takes floats, costs accuracy and time, and onnxruntime computes both at once in float.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    outputs = {value.name for value in model.graph.output}
    sums = {name for node in model.graph.node if node.op_type == "MatMul" for name in node.output}
    kept, found = set(keep_float), set()
    for node in model.graph.node:
        bias = node.op_type == "Add" and len(sums & set(node.input)) == 1 and len(constants & set(node.input)) == 1
        if bias and node.output[0] not in outputs and all(r.name in kept for r in _readers(model, node.output[0])):
            found.add(node.name)
    return found


class _Pair(NamedTuple):
    """A tensor that is rounded and read again."""

    tensor: str
    quantize: Any
    dequantize: Any


def makers_of(model: onnx.ModelProto) -> dict[str, str]:
    """The name of the node that makes each tensor."""
    return {name: node.name for node in model.graph.node for name in node.output}


def read_plainly(model: onnx.ModelProto, keep_float: Collection[str], exact: Mapping[str, str]) -> None:
    """Let nodes that stay in float read what float nodes made as it is, and layers' results that no other node reads.

    Where a tensor has readers of both kinds, such as the residual stream of a transformer, which is added in float and
    multiplied in int8, only the latter are given rounded values.

    Args:
        exact: the makers of the float model's tensors. Where another node makes a tensor now, its rounding stays: the
            quantizer drops a ReLU before integers that begin at 0, and the rounding is then the ReLU.
    """
    kept = set(keep_float)
    makers = makers_of(model)
    outputs = {value.name for value in model.graph.output}
    unused: list[Any] = []
    for pair in [pair for pair in _pairs(model) if makers.get(pair.tensor) == exact.get(pair.tensor)]:
        rounded = pair.dequantize.output[0]
        readers = list(_readers(model, rounded))
        floats = [node for node in readers if node.name in kept]
        alone = len(floats) == len(readers) and rounded not in outputs
        if makers.get(pair.tensor, "") in kept or pair.tensor not in makers or alone:
            for node in floats:
                node.input[:] = [pair.tensor if name == rounded else name for name in node.input]
            unused += [pair.dequantize, pair.quantize] if alone else []
    for node in unused:
        model.graph.node.remove(node)


def _pairs(model: onnx.ModelProto) -> Iterator[_Pair]:
    """Each QuantizeLinear that one DequantizeLinear alone reads."""
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            readers = list(_readers(model, node.output[0]))
            if len(readers) == 1 and readers[0].op_type == "DequantizeLinear":
                yield _Pair(node.input[0], node, readers[0])


def _readers(model: onnx.ModelProto, tensor: str) -> Iterable[Any]:
    return (node for node in model.graph.node if tensor in node.input)
