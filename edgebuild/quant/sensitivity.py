"""What rounding one layer alone does to a network's outputs: which layers int8 does not hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from edgebuild.core.plan import QuantPlan, Range, WeightGrid
from edgebuild.quant.calibrate import mean_error, rounded_weight
from edgebuild.quant.numerics import quantize_activation
from edgebuild.quant.program import (
    Layer,
    LookUp,
    absorbed,
    evaluate,
    fixed_values,
    layers,
    user_inputs,
    user_outputs,
    walk,
)

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram
    from torch.fx import Node

HELD = 512 << 20
"""Bytes that the values of all samples may take."""

Unit = tuple[str, ...]
"""Nodes of the exported graph that a runtime computes as one, such as a convolution and the ReLU after it."""


def units_of(program: ExportedProgram, operators: Iterable[Collection[str]]) -> list[Unit]:
    """The units of a network, in the order of its graph.

    Args:
        operators: the source nodes of each of the runtime's operators. Those that share a node are one unit, and so
            are a layer and the activation that takes over its rounding.
    """
    found: list[set[str]] = []
    for nodes in operators:
        found = _joined(found, set(nodes))
    for node in program.graph.nodes:
        if node.op == "call_function" and absorbed(node):
            pair = {node.name, next(iter(node.users)).name}
            found = _joined(found, pair) if any(pair & unit for unit in found) else found
    order = {node.name: place for place, node in enumerate(program.graph.nodes)}
    known = [tuple(sorted(unit & order.keys(), key=order.__getitem__)) for unit in found]
    return sorted((unit for unit in known if unit), key=lambda unit: order[unit[0]])


def _joined(found: list[set[str]], group: set[str]) -> list[set[str]]:
    touched = [unit for unit in found if unit & group]
    return [*(unit for unit in found if not unit & group), group.union(*touched)]


def samples_that_fit(program: ExportedProgram, most: int) -> int:
    """How many samples, at least 2 and at most ``most``, have all their values in ``HELD`` bytes."""
    import torch

    held = 0
    for node in program.graph.nodes:
        value = node.meta.get("val") if node.op == "call_function" else None
        if isinstance(value, torch.Tensor):
            held += value.numel() * value.element_size()
    return max(2, min(most, HELD // max(held, 1)))


def sensitivities(
    program: ExportedProgram,
    samples: Sequence[Sequence[torch.Tensor]],
    input_names: Sequence[str],
    plan: QuantPlan,
    grid: WeightGrid,
    units: Sequence[Unit],
) -> list[float]:
    """The noise in the outputs, as a share of their energy, that each unit makes when it alone is rounded.

    Rounded are what it reads, its weight, and what it gives, as in a model of which nothing else is int8; its bias is
    corrected for that if the plan's setting corrects biases. Behind a unit only what hangs on it is computed again.

    Args:
        program: as ``calibrate`` took it, its biases not corrected yet.
        samples, input_names, plan, grid: as of ``calibrate``. Every value of all samples is held at once.
    """
    import torch

    renamed = dict(zip(user_inputs(program), input_names, strict=True))
    named = {node.name: renamed.get(node.name, node.name) for node in program.graph.nodes}
    ranges = {name: plan.activations[own] for name, own in named.items() if own in plan.activations}
    with torch.no_grad():
        rounding = _Rounding(program, samples, plan, grid, ranges)
        return [rounding.noise(unit) for unit in units]


@dataclass(frozen=True)
class _Rounding:
    program: ExportedProgram
    samples: Sequence[Sequence[torch.Tensor]]
    plan: QuantPlan
    grid: WeightGrid
    ranges: dict[str, Range]

    @cached_property
    def layers(self) -> dict[str, Layer]:
        return {layer.node: layer for layer in layers(self.program)}

    @cached_property
    def calls(self) -> list[Node]:
        return [node for node in self.program.graph.nodes if node.op == "call_function"]

    @cached_property
    def exact(self) -> dict[str, list[Any]]:
        """Every value of the network, by node, one a sample."""
        values = {name: [value] * len(self.samples) for name, value in fixed_values(self.program).items()}

        def keep(node: Node, found: list[Any], _: LookUp) -> list[Any]:
            values[node.name] = found
            return found

        walk(self.program, self.samples, keep)
        return values

    def noise(self, unit: Unit) -> float:
        changed: dict[str, list[Any]] = {}
        for node in self.calls:
            if node.name in unit:
                changed[node.name] = self._rounded(node, unit, changed)
            elif any(read.name in changed for read in node.all_input_nodes):
                changed[node.name] = self._values(node, lambda read, i: self._value(read, i, changed))
        ends = [name for name in user_outputs(self.program) if name in changed]
        return sum(_share(changed[name], self.exact[name]) for name in ends)

    def _rounded(self, node: Node, unit: Unit, changed: dict[str, list[Any]]) -> list[Any]:
        layer = self.layers.get(node.name)

        def given(read: Node, sample: int) -> Any:
            value = self._value(read, sample, changed)
            if layer is not None and read is node.args[1]:
                return rounded_weight(value, layer, self.plan.scheme, self.grid)
            return value if read.name in unit else self._levelled(read, value)

        values = self._values(node, given)
        if layer is not None and layer.bias is not None and self.plan.setting.correct_bias:
            shift = mean_error(layer, self.exact[node.name], values)
            values = [value + shift for value in values]
        return [self._levelled(node, value) for value in values]

    def _values(self, node: Node, given: LookUp) -> list[Any]:
        return [evaluate(node, given, sample) for sample in range(len(self.samples))]

    def _value(self, node: Node, sample: int, changed: dict[str, list[Any]]) -> Any:
        return changed.get(node.name, self.exact[node.name])[sample]

    def _levelled(self, node: Node, value: Any) -> Any:
        """A value on the levels of its range, where it is one that runtimes round."""
        if node.name not in self.ranges or absorbed(node):
            return value
        return quantize_activation(value, self.ranges[node.name], self.plan.scheme)


def _share(values: list[torch.Tensor], exact: list[torch.Tensor]) -> float:
    if not exact[0].is_floating_point():
        return sum(float((a != b).double().mean()) for a, b in zip(values, exact, strict=True)) / len(exact)
    signal = sum(float(value.double().square().sum()) for value in exact)
    noise = sum(float((a.double() - b.double()).square().sum()) for a, b in zip(values, exact, strict=True))
    return noise / max(signal, 1e-30)
