"""Where the channels of a program are: every axis of every tensor in it, in atoms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgebuild.compress.atoms import FIXED, Atoms, Axes, Axis
from edgebuild.models.nodes import operator_name

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Node

Made = Axes | list[Axes] | None
"""The axes of what a node gives, of each tensor where it gives several, or None: unknown."""


@dataclass
class Channels:
    """A program's axes, as far as its nodes were looked at.

    Attributes:
        axes: of each node's tensor, by node name; of each of them where a node gives several.
        parameters: the axes of parameters and buffers, by their names in the state dict.
        normalized: axes over which mean and variance are taken, which are others over fewer channels.
        closed: the nodes that keep channels from going since no rule is known for their operators.
    """

    atoms: Atoms = field(default_factory=Atoms)
    axes: dict[str, Axes | list[Axes]] = field(default_factory=dict)
    parameters: dict[str, Axes] = field(default_factory=dict)
    normalized: list[Axis] = field(default_factory=list)
    closed: list[Node] = field(default_factory=list)

    def of(self, node: Any) -> Axes:
        """The axes of the one tensor that a node gives."""
        found: Any = self.axes[node.name]
        return found  # type: ignore[no-any-return]

    def pin(self, *axes: Axis) -> None:
        """Nothing of these axes may go."""
        for axis in axes:
            self.atoms.pin(axis)


Rule = Callable[[Channels, "Node", dict[str, Any]], Made]
"""What an operator does to axes: of the channels so far, the node, and its arguments by name."""


def channels_of(program: ExportedProgram) -> Channels:
    """Follow the channels of a program through all its nodes."""
    from edgebuild.compress.rules import RULES

    found = Channels()
    names = {**program.graph_signature.inputs_to_parameters, **program.graph_signature.inputs_to_buffers}
    for node in program.graph.nodes:
        if node.op == "placeholder":
            found.axes[node.name] = _placeholder(found, node, names.get(node.name), program.state_dict)
        elif node.op == "call_function":
            _call(found, node, RULES)
        elif node.op == "output":
            for read in node.all_input_nodes:
                _pin_all(found, read)
    return found


def arguments(node: Node) -> dict[str, Any]:
    """A call's arguments by name, those that were left out too."""
    schema = node.target._schema.arguments  # type: ignore[union-attr]  # noqa: SLF001 - torch has no public one
    given = {argument.name: argument.default_value for argument in schema if argument.has_default_value()}
    given |= dict(zip((argument.name for argument in schema), node.args, strict=False))
    return given | node.kwargs


def is_transposed(node: Node) -> bool:
    """Whether a convolution is a transposed one: its weight's first axis is what it reads."""
    return "conv_transpose" in str(node.target) or bool(arguments(node).get("transposed"))


def sizes(value: Any) -> list[int]:
    """A tensor's sizes; of one that is open, such as the batch, the one that the program was exported with."""
    return [size if isinstance(size, int) else int(size.node.hint) for size in value.shape]


def fixed(value: Any) -> Axes:
    """The axes of a tensor of which nothing can go."""
    return [[FIXED] * size for size in sizes(value)]


def tensors(node: Node) -> list[Any]:
    """What a node gives: none, one or several fake tensors."""
    value = node.meta.get("val")
    values = value if isinstance(value, (tuple, list)) else [value]
    return [each for each in values if hasattr(each, "shape")]


def _placeholder(found: Channels, node: Node, name: str | None, state: Mapping[str, Any]) -> Axes:
    value = node.meta.get("val")
    if not hasattr(value, "shape"):
        return []
    if name is None or name not in state or not state[name].is_floating_point():
        return fixed(value)
    if name not in found.parameters:
        found.parameters[name] = [found.atoms.fresh(size) for size in sizes(value)]
    return found.parameters[name]


def _call(found: Channels, node: Node, rules: Mapping[str, Rule]) -> None:
    made: Made = None
    rule = rules.get(operator_name(node))
    if rule is None and _is_pointwise(node):
        rule = rules["pointwise"]
    if rule is not None:
        made = rule(found, node, arguments(node) if hasattr(node.target, "_schema") else {})
    if made is None:
        held = [_pin_all(found, read) for read in node.all_input_nodes]
        if any(held):
            found.closed.append(node)
        each = [fixed(value) for value in tensors(node)]
        made = each if gives_several(node) else each[0] if each else []
    found.axes[node.name] = made


def _is_pointwise(node: Node) -> bool:
    import torch

    return torch.Tag.pointwise in getattr(node.target, "tags", ())


def _pin_all(found: Channels, node: Node) -> bool:
    """Nothing of a node may go; whether anything could have."""
    made: Any = found.axes.get(node.name, [])
    axes: Axes = [axis for each in made for axis in each] if gives_several(node) else made
    open_ = any(any(found.atoms.resolved(axis)) for axis in axes)
    found.pin(*axes)
    return open_


def gives_several(node: Node) -> bool:
    """Whether a node gives a tuple of tensors."""
    return isinstance(node.meta.get("val"), (tuple, list))
