"""Biases of linear layers as the integers that their sums are counted in."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from edgebuild.core.array import np

if TYPE_CHECKING:
    import onnx


def write_biases(model: onnx.ModelProto, additions: Collection[str]) -> None:
    """Let additions of a constant to an int8 MatMul's sum read it as s32, in steps of input scale x weight scale.

    onnxruntime makes one Gemm of the two before it looks for integers. It computes that in int8 only if the constant is
    an integer too, and else in float, with the weights expanded again in each inference.
    """
    import onnx.numpy_helper

    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    for node in [node for node in graph.node if node.name in additions]:
        place = next(i for i, name in enumerate(node.input) if name in constants)
        scales = _scales(makers.get(node.input[1 - place]), makers, constants)
        if scales is None:
            continue
        bias = onnx.numpy_helper.to_array(constants[node.input[place]])
        step = np.broadcast_to(scales, bias.shape).astype(np.float32)
        limits = np.iinfo(np.int32)
        integers = np.clip(np.round(bias.astype(np.float64) / step), limits.min, limits.max).astype(np.int32)
        name = f"{node.input[place]}_s32_{node.name}"
        graph.initializer.append(onnx.numpy_helper.from_array(integers, name))
        graph.initializer.append(onnx.numpy_helper.from_array(step, f"{name}_scale"))
        made = onnx.helper.make_node("DequantizeLinear", [name, f"{name}_scale"], [f"{name}_float"], name, axis=0)
        node.input[place] = made.output[0]
        graph.node.insert(list(graph.node).index(node), made)
    _drop_unread(graph)


def _scales(matmul: Any, makers: dict[str, Any], constants: dict[str, Any]) -> Any:
    """Of a MatMul's input times those of its weight; None where one of both is no integer."""
    import onnx.numpy_helper

    if matmul is None or matmul.op_type != "MatMul":
        return None
    ends = [makers.get(name) for name in matmul.input]
    if any(end is None or end.op_type != "DequantizeLinear" or end.input[1] not in constants for end in ends):
        return None
    first, second = (onnx.numpy_helper.to_array(constants[end.input[1]]) for end in ends if end is not None)
    return first * second


def _drop_unread(graph: Any) -> None:
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)
