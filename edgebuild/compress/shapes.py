"""The shapes of what a graph computes, found by running it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from torch.fx import GraphModule


def node_shapes(module: GraphModule, inputs: Sequence[Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape of every float tensor that a call gives for these inputs, batch first, in the order of the graph."""
    import torch
    from torch.fx import Interpreter, Node

    shapes: dict[str, tuple[int, ...]] = {}

    class Recorder(Interpreter):
        def run_node(self, n: Node) -> object:
            value = super().run_node(n)
            if n.op == "call_function" and isinstance(value, torch.Tensor) and value.is_floating_point():
                shapes[n.name] = tuple(value.shape)
            return value

    with torch.no_grad():
        Recorder(module).run(*inputs)
    batch = len(inputs[0])
    return {name: shape for name, shape in shapes.items() if shape[:1] == (batch,)}
