"""What of a network stays in float by itself: all but linear layers where a setting says so, and masks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgebuild.core.origin import RuntimeOp
from edgebuild.quant.program import LINEAR, absorbed, layers, operator_name

if TYPE_CHECKING:
    from torch.export import ExportedProgram

MASK = 1e9
"""Values beyond it stand for infinity: no measured quantity lies there, and float32 numbers of it are 64 apart."""

_CARRIED = "view reshape transpose permute contiguous clone dropout unsqueeze squeeze flatten expand slice"
_MOVES = frozenset(f"aten.{name}" for name in _CARRIED.split(" "))
"""What only carries values, in whatever numbers those are; runtimes take it for a part of what comes next."""

_KINDS = ("Gemm", "MatMul", "FULLY_CONNECTED")


def all_but_linear(program: ExportedProgram) -> set[str]:
    """Nodes that compute and are no linear layer with a weight of its own, nor the activation merged into one."""
    linear = {layer.node for layer in layers(program) if layer.operator in LINEAR}
    calls = [node for node in program.graph.nodes if node.op == "call_function"]
    merged = {next(iter(node.users)).name for node in calls if node.name in linear and absorbed(node)}
    return {node.name for node in calls if operator_name(node) not in _MOVES} - linear - merged


def foreign_but_linear(ops: Iterable[RuntimeOp]) -> tuple[str, ...]:
    """The same of a foreign model's operators: constants are not among an operator's inputs, so a layer has one."""
    return tuple(op.name for op in ops if op.kind not in _KINDS or len(op.inputs) != 1)


def is_mask(extremes: Iterable[tuple[float, float]]) -> bool:
    """Whether tensors hold numbers that stand for infinity, such as what is added to the scores of padding.

    No grid of integers has a step for them and others for the values beside them.

    Args:
        extremes: the least and the largest value of each tensor.
    """
    return any(max(-low, high) >= MASK for low, high in extremes)
