"""Outputs that the model itself reads too, such as a new state that the scores are computed from, given a copy.

ai-edge-quantizer (0.10) keeps such a tensor in float where the outputs are to be float, and lets what reads it inside
compute in integers from it: TFLite then refuses the model.
"""

from __future__ import annotations

import copy
from typing import Any

from edgebuild.backends.litert.flatbuffer import read, write
from edgebuild.core.array import np


def outputs_alone(data: bytes) -> tuple[bytes, dict[str, str]]:
    """The model with each such output as a copy of the tensor that is read inside.

    Returns:
        Its bytes, and of each copy's name the name of the tensor.
    """
    model = read(data)
    graph = model.subgraphs[0]
    inside = {int(index) for operator in graph.operators for index in operator.inputs}
    shared = [int(index) for index in dict.fromkeys(int(i) for i in graph.outputs) if int(index) in inside]
    if not shared:
        return data, {}
    copies = {index: _copy(model, graph, index) for index in shared}
    graph.outputs = [copies.get(int(index), int(index)) for index in graph.outputs]
    for signature in model.signatureDefs or ():
        for output in signature.outputs:
            output.tensorIndex = copies.get(int(output.tensorIndex), output.tensorIndex)
    names = {graph.tensors[new].name.decode(): graph.tensors[old].name.decode() for old, new in copies.items()}
    return write(model), names


def _copy(model: Any, graph: Any, index: int) -> int:
    """A reshape to the same shape: no runtime computes anything for it, and integers keep their scale."""
    from ai_edge_litert import schema_py_generated as schema

    tensor = copy.copy(graph.tensors[index])
    tensor.name = tensor.name + b";out"
    graph.tensors.append(tensor)
    made = len(graph.tensors) - 1
    operator = schema.OperatorT()
    operator.opcodeIndex = _reshape(model, schema)
    operator.inputs = [index, _constant(model, graph, np.asarray(tensor.shape, np.int32), tensor.name + b";shape")]
    operator.outputs = [made]
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    operator.builtinOptions = schema.ReshapeOptionsT()
    operator.builtinOptions.newShape = [int(size) for size in tensor.shape]
    graph.operators.append(operator)
    return made


def _reshape(model: Any, schema: Any) -> int:
    """The place of the operator among the model's codes; added if it is not there."""
    wanted = schema.BuiltinOperator.RESHAPE
    for place, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == wanted:
            return place
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = wanted
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _constant(model: Any, graph: Any, values: np.ndarray, name: bytes) -> int:
    from ai_edge_litert import schema_py_generated as schema

    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.shape, tensor.type = [len(values)], schema.TensorType.INT32
    tensor.buffer, tensor.name = len(model.buffers) - 1, name
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1
