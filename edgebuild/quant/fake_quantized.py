"""A program computed as its runtime computes it in int8, in float and with a gradient, so that it can be trained.

What is trained: every layer's weight and bias, and the scale of every activation, by straight-through estimation
(Bengio et al. 2013; Jacob et al., CVPR 2018, section 3). A weight's scale follows from its largest value, as the
runtimes' quantizers take it. An activation's scale has the gradient of Esser et al., "Learned Step Size Quantization",
ICLR 2020, equation 3, in the logarithm, as Jain et al., "Trained Quantization Thresholds", MLSys 2020; its zero point
stays. Each parameter is counted in steps of its own grid, so that one learning rate suits all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - a module of its own; imported where it is used

from edgebuild.core.plan import QuantPlan, Range, WeightGrid
from edgebuild.quant.calibrate import steps_of_grid
from edgebuild.quant.numerics import grid as grid_of
from edgebuild.quant.numerics import quantize_weight, steps_of, weight_limit
from edgebuild.quant.program import (
    Layer,
    absorbed,
    evaluate,
    fixed_values,
    layers,
    operator_name,
    user_inputs,
    user_outputs,
)

if TYPE_CHECKING:
    from torch import Tensor
    from torch.export import ExportedProgram
    from torch.fx import Node

_CARRYING = frozenset(
    f"aten.{name}"
    for name in ("pad", "view", "reshape", "flatten", "permute", "transpose", "squeeze", "unsqueeze", "max_pool2d",
                 "dropout", "clone", "contiguous", "slice", "select")
)  # fmt: skip
"""Operators that give what they read, in another order: their values stay on its grid."""
_JOINING = "aten.cat"
"""Whose inputs share a grid in some runtimes: theirs is not trained."""


def straight_through(value: Tensor) -> Tensor:
    """To the nearest integer; the gradient passes unchanged."""
    return value + (value.round() - value).detach()


class Batched(torch.nn.Module):
    """A module that takes one sample, for a batch of them: inputs and outputs have one more axis before all others."""

    def __init__(self, single: torch.nn.Module) -> None:
        super().__init__()
        self.single = single

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Each input (N, …); each output (N, …) of what a sample gives."""
        return tuple(torch.vmap(lambda *sample: tuple(self.single(*(value[None] for value in sample))))(*inputs))


class FakeQuantized(torch.nn.Module):
    """An exported program, rounded by a plan.

    Attributes:
        given: the nodes that it gives: the program's outputs, unless others are asked for.
        weights, biases: in steps of their grid (weights: in as large a part of one as they learn slower), by node;
            what they stand for is in ``trained_weights``.
        scales: by node, how far each activation's scale is from the plan's, in steps of half a range: 0 is the plan's.
    """

    def __init__(
        self,
        program: ExportedProgram,
        plan: QuantPlan,
        input_names: Sequence[str],
        weight_grid: WeightGrid,
        weight_rate: float = 1.0,
    ) -> None:
        super().__init__()
        self._program, self._plan, self._weight_grid = program, plan, weight_grid
        self._layers = {one.node: one for one in layers(program) if one.node not in plan.keep_float}
        self._fixed = fixed_values(program)
        self._inputs, self.given = user_inputs(program), user_outputs(program)
        self._plan_names = dict(zip(self._inputs, input_names, strict=True))
        self._grids = {node.name: grid_of(self._range(node), plan.scheme) for node in self._rounded()}
        self._units: dict[str, tuple[Tensor, float]] = {}
        self.weights, self.biases, self.scales = (torch.nn.ParameterDict() for _ in range(3))
        for node, layer in self._layers.items():
            self._take_up(node, layer, weight_rate)
        for name in sorted(self._grids.keys() - self._joined()):
            self.scales[name] = torch.nn.Parameter(torch.zeros(()))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """One sample: the program's inputs, its outputs, and then what is tapped."""
        weights = {node: self._weight(node) for node in self.weights}
        biases = {node: self._bias(node) for node in self.biases}
        values: dict[str, Any] = {
            name: self._round(name, value) for name, value in zip(self._inputs, inputs, strict=True)
        }
        for node in self._program.graph.nodes:
            if node.op == "call_function":
                values[node.name] = self._round(node.name, self._value(node, values, weights, biases))
        return tuple(values[name] for name in self.given)

    def give_scores(self, before_softmax: Callable[[Node], Node]) -> None:
        """Give the scores before a final softmax as the first output."""
        self.given[0] = before_softmax(self._node(self.given[0])).name

    def rounded_nodes(self) -> list[str]:
        """The computing nodes whose values are rounded, in the order of execution."""
        return [
            node.name for node in self._program.graph.nodes if node.op == "call_function" and node.name in self._grids
        ]

    def trained_weights(self) -> dict[str, Tensor]:
        """Weights and biases by their names in the program; the runtime's quantizer rounds them to the trained grid."""
        found: dict[str, Tensor] = {}
        with torch.no_grad():
            for node, layer in self._layers.items():
                found[layer.weight] = self.weights[node] * self._units[node][0]
                if layer.bias is not None:
                    found[layer.bias] = self._bias(node)
        return found

    def trained_plan(self) -> QuantPlan:
        """The plan with the trained ranges; what only carries values has the range of what it carries."""
        ranges = dict(self._plan.activations)
        with torch.no_grad():
            for node in self._program.graph.nodes:
                if node.name in self.scales:
                    ranges[self._named(node)] = self._trained_range(node.name)
                elif _carries(node) and self._named(node) in ranges:
                    ranges[node.name] = ranges.get(self._named(_carried(node)), ranges[node.name])
        return self._plan.model_copy(update={"activations": ranges})

    def _trained_range(self, name: str) -> Range:
        scale, zero_point = float(self._scale(name)), self._grids[name][1]
        return Range(low=-zero_point * scale, high=(steps_of(self._plan.scheme) - zero_point) * scale)

    def _rounded(self) -> list[Node]:
        """What the runtimes round: every value with a range that is not taken over, carried or float on both sides."""
        kept = set(self._plan.keep_float)
        return [
            node
            for node in self._program.graph.nodes
            if self._named(node) in self._plan.activations
            and not (absorbed(node) or _carries(node))
            and not (node.name in kept and all(user.name in kept for user in node.users))
        ]

    def _joined(self) -> set[str]:
        """What is part of a concatenation, or made of one."""
        joins = [node for node in self._program.graph.nodes if operator_name(node) == _JOINING]
        return {name for node in joins for name in (node.name, *map(_source, node.all_input_nodes))}

    def _named(self, node: Node) -> str:
        return self._plan_names.get(node.name, node.name)

    def _range(self, node: Node) -> Range:
        return self._plan.activations[self._named(node)]

    def _take_up(self, node: str, layer: Layer, rate: float) -> None:
        """A layer's parameters, as they are, in steps of their grid."""
        state = self._program.state_dict
        weight = state[layer.weight].detach().float()
        step = weight_limit(weight, self._plan.scheme, self._weight_grid.least) / self._steps(node) * (rate or 1.0)
        out = self._grids.get(node) or self._grids.get(next(iter(self._node(node).users)).name)
        self._units[node] = step, out[0] if out else 1.0
        self.weights[node] = torch.nn.Parameter(weight / step, requires_grad=rate > 0)
        if layer.bias is not None:
            self.biases[node] = torch.nn.Parameter(state[layer.bias].detach().float() / self._units[node][1])

    def _node(self, name: str) -> Node:
        found: Node = next(node for node in self._program.graph.nodes if node.name == name)
        return found

    def _steps(self, node: str) -> float:
        layer = self._layers[node]
        return steps_of_grid(self._program.state_dict[layer.weight], layer, self._weight_grid)

    def _weight(self, node: str) -> Tensor:
        weight = self.weights[node] * self._units[node][0]
        least = self._weight_grid.least
        return quantize_weight(weight, self._plan.scheme, self._steps(node), least, straight_through)

    def _bias(self, node: str) -> Tensor:
        bias: Tensor = self.biases[node] * self._units[node][1]
        return bias

    def _scale(self, name: str) -> Tensor:
        """The plan's scale times 2^(t / half the steps)."""
        half = steps_of(self._plan.scheme) // 2 + 1
        return self._grids[name][0] * torch.exp2(self.scales[name] / half)

    def _round(self, name: str, value: Tensor) -> Tensor:
        if name not in self._grids:
            return value
        scale, zero_point = self._scale(name) if name in self.scales else self._grids[name][0], self._grids[name][1]
        level = straight_through(value / scale).clamp(-zero_point, steps_of(self._plan.scheme) - zero_point)
        return level * scale

    def _value(
        self, node: Node, values: Mapping[str, Any], weights: Mapping[str, Tensor], biases: Mapping[str, Tensor]
    ) -> Any:
        own: dict[Any, Tensor] = {}
        if node.name in weights:
            own[node.args[1]] = weights[node.name]
        if node.name in biases:
            own[node.args[2]] = biases[node.name]

        def look_up(read: Node, _: int) -> Any:
            if read in own:
                return own[read]
            return self._fixed[read.name] if read.name in self._fixed else values[read.name]

        return evaluate(node, look_up, 0)


def _carries(node: Node) -> bool:
    return node.op == "call_function" and operator_name(node) in _CARRYING


def _carried(node: Node) -> Node:
    return node.all_input_nodes[0]


def _source(node: Node) -> str:
    """What a chain of carrying operators carries."""
    while _carries(node):
        node = _carried(node)
    return node.name
