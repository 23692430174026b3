"""Transposes that the converter leaves inside a model, taken out where nothing but axes has to change for it.

torch reduces over the axes of NCHW, and the converter turns a tensor round for that alone. A reduction over the same
numbers by other axes needs no turn, and an accelerator that reduces over height and width takes it.
"""

from __future__ import annotations

import copy
from typing import Any

from edgebuild.backends.litert.flatbuffer import operator_kind, read, write
from edgebuild.core.array import np

_REDUCTIONS = frozenset(["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"])


def without_turns(data: bytes) -> bytes:
    """The model with transposes before reductions folded into the axes; the very same numbers come out."""
    model = read(data)
    graph = model.subgraphs[0]
    turns = {op.outputs[0]: op for op in graph.operators if operator_kind(model, op) == "TRANSPOSE"}
    changed = False
    for operator in graph.operators:
        turn = turns.get(operator.inputs[0]) if operator_kind(model, operator) in _REDUCTIONS else None
        if turn is not None:
            changed |= _folded(model, graph, operator, turn)
    if not changed:
        return data
    read_from = {index for op in graph.operators for index in op.inputs} | set(graph.outputs)
    idle = [turn for index, turn in turns.items() if index not in read_from]
    graph.operators = [op for op in graph.operators if op not in idle]
    return write(model)


def _folded(model: Any, graph: Any, reduction: Any, turn: Any) -> bool:
    """Let a reduction read what a transpose reads, by the axes that are the same ones there; False: it can't."""
    order, axes = _constant(model, graph, turn.inputs[1]), _constant(model, graph, reduction.inputs[1])
    if order is None or axes is None or reduction.builtinOptions.keepDims:
        return False
    reduced = {int(axis) % len(order) for axis in axes.ravel()}
    kept = [int(order[axis]) for axis in range(len(order)) if axis not in reduced]
    if kept != sorted(kept):
        return False  # what is left would come out in another order
    before = np.sort(order[sorted(reduced)]).astype(np.int32)
    reduction.inputs = [turn.inputs[0], _add_constant(model, graph, reduction.inputs[1], before), *reduction.inputs[2:]]
    return True


def _constant(model: Any, graph: Any, index: int) -> np.ndarray | None:
    """The int32 values of a constant tensor; None where it is computed."""
    data = model.buffers[graph.tensors[index].buffer].data
    return None if data is None or not len(data) else np.frombuffer(bytes(data), np.int32)


def _add_constant(model: Any, graph: Any, like: int, values: np.ndarray) -> int:
    """A new constant tensor, otherwise like another one; its index."""
    tensor, buffer = copy.copy(graph.tensors[like]), copy.copy(model.buffers[graph.tensors[like].buffer])
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    tensor.buffer, tensor.shape = len(model.buffers), np.array(values.shape, np.int32)
    tensor.name = tensor.name + b";axes"
    model.buffers.append(buffer)
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1
