"""How much each channel matters by what is read of it: no labels, a few samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from edgebuild.compress.groups import Grouped
from edgebuild.compress.importance import Importance, by_magnitude, relative
from edgebuild.models.nodes import operator_name

if TYPE_CHECKING:
    from torch import Tensor
    from torch.export import ExportedProgram
    from torch.fx import GraphModule, Node

_CHANNELS = {"aten.linear": -1, "aten.conv1d": 1, "aten.conv2d": 1, "aten.conv3d": 1}
"""Layers whose weight reads channels along its axis 1, and the axis on which their input has them."""


def by_activation(
    program: ExportedProgram, grouped: Grouped, module: GraphModule, batches: Iterable[Sequence[Tensor]]
) -> Importance:
    """The squared weights that read a channel times the mean square of what they read, in units of the layer's mean.

    Sun et al., "A simple and effective pruning approach for large language models", ICLR 2024, where single weights
    are told apart so. A group that no such layer reads goes by magnitude.

    Args:
        module: as ``trainable`` gives it.
        batches: its inputs.
    """
    power = _power(module, batches)
    squares = {name: program.state_dict[name].detach().float().square() for name in power}
    read = {name: value * power[name].view(1, -1, *[1] * (value.ndim - 2)) for name, value in squares.items()}
    magnitude = by_magnitude(program, grouped)
    found: Importance = {}
    for group in grouped.groups:
        places = [place for place in group.places if place[0] in read and place[1] == 1]
        found[group.name] = relative(group, read, places) if places else magnitude[group.name]
    return found


def _power(module: GraphModule, batches: Iterable[Sequence[Tensor]]) -> dict[str, Tensor]:
    """By weight, the mean square of each channel that it reads; shape (channels,)."""
    import torch
    from torch.fx import Interpreter

    total: dict[str, Tensor] = {}

    class Listening(Interpreter):
        def run_node(self, n: Node) -> Any:
            weight = _weight(n)
            if weight is not None:
                value: Tensor = self.fetch_args_kwargs_from_env(n)[0][0].float()
                axis = _CHANNELS[operator_name(n)] % value.ndim
                if value.shape[axis] == self.fetch_attr(weight).shape[1]:  # a grouped convolution reads a part each
                    rest = [other for other in range(value.ndim) if other != axis]
                    total[weight] = total.get(weight, torch.zeros(())) + value.square().mean(rest)
            return super().run_node(n)

    with torch.no_grad():
        for inputs in batches:
            Listening(module).run(*inputs)
    return total


def _weight(node: Node) -> str | None:
    """The parameter's name, if a node is a layer that has one."""
    if node.op != "call_function" or operator_name(node) not in _CHANNELS:
        return None
    weight = node.args[1]
    return str(weight.target) if getattr(weight, "op", "") == "get_attr" else None  # type: ignore[union-attr]
