"""Take channels out of a program: smaller weights, and the same operators told of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgebuild.compress.atoms import Axes, Axis
from edgebuild.compress.channels import Channels
from edgebuild.compress.groups import Grouped, Place, groups_of
from edgebuild.compress.rewrites import REWRITES
from edgebuild.core.errors import Untrainable
from edgebuild.models.copying import copy_program, put_state
from edgebuild.models.nodes import operator_name

if TYPE_CHECKING:
    from torch import Tensor
    from torch.export import ExportedProgram
    from torch.fx import Node

Removal = Mapping[str, Collection[int]]
"""By group, the numbers of the channels that go."""


@dataclass(frozen=True)
class Cut:
    """What stays of a program's axes."""

    channels: Channels
    removed: frozenset[int]

    def kept(self, axis: Axis) -> list[int]:
        """The positions of an axis that stay."""
        cells = self.channels.atoms.resolved(axis)
        return [place for place, cell in enumerate(cells) if not cell & self.removed]

    def sizes(self, node: Node) -> list[int]:
        """How long a node's axes become."""
        return [len(self.kept(axis)) for axis in self.channels.of(node)]

    def pieces(self, node: Node) -> list[list[int]]:
        """The same of each tensor that a node gives."""
        made: Any = self.channels.axes[node.name]
        return [[len(self.kept(axis)) for axis in axes] for axes in made]

    def values(self, axes: Axes, value: Tensor) -> Tensor:
        """A weight with what stays of it."""
        for dim, axis in enumerate(axes):
            kept = self.kept(axis)
            if len(kept) < len(axis):
                value = value.index_select(dim, _index(kept))
        return value


def prune(program: ExportedProgram, removal: Removal, grouped: Grouped | None = None) -> ExportedProgram:
    """The program without some of its channels; the original is untouched.

    It computes what the original does with the weights of those channels set to zero, but for normalizations over
    channels, whose mean and variance are then taken over fewer.

    Args:
        grouped: the program's groups, if they are known already.

    Raises:
        ValueError: a group would be left without a channel, or there is no such channel.
    """
    grouped = grouped or groups_of(program)
    cut = Cut(grouped.channels, _removed(grouped, removal))
    pruned = copy_program(program)
    state = {
        name: cut.values(axes, program.state_dict[name].detach()) for name, axes in grouped.channels.parameters.items()
    }
    _replace(pruned, state)
    for node, original in zip(list(pruned.graph.nodes), list(program.graph.nodes), strict=True):
        rewrite = REWRITES.get(operator_name(node)) if node.op == "call_function" else None
        if rewrite is not None:
            rewrite(cut, node, original)
    _propagate(pruned, program, state)
    pruned.graph.lint()
    pruned.graph_module.recompile()
    return pruned


def kept_places(grouped: Grouped, removal: Removal) -> dict[Place, list[int]]:
    """Which positions of every weight's axes stay."""
    cut = Cut(grouped.channels, _removed(grouped, removal))
    axes = grouped.channels.parameters.items()
    return {(name, dim): cut.kept(axis) for name, each in axes for dim, axis in enumerate(each)}


def removal_like(grouped: Grouped, kept: Mapping[Place, Sequence[int]]) -> Removal:
    """The removal that leaves the same of the same weights in another program of the same model.

    Raises:
        BuildError: its operators hold other channels together.
    """
    removal = {group.name: sorted(set(range(group.width)) - set(group.left(kept))) for group in grouped.groups}
    if any(list(kept[place]) != left for place, left in kept_places(grouped, removal).items()):
        raise Untrainable(
            "prune",
            "exported for batches, the model ties other channels together than for one sample",
            expected="a model whose views keep the batch axis apart from channels",
            fix="choose a profile without [recovery] and take [data.training] out: weights alone decide then",
        )
    return removal


def masked(program: ExportedProgram, removal: Removal, grouped: Grouped | None = None) -> ExportedProgram:
    """The dense program with the weights of the channels that would go set to zero."""
    grouped = grouped or groups_of(program)
    cut = Cut(grouped.channels, _removed(grouped, removal))
    state = {}
    for name, axes in grouped.channels.parameters.items():
        value = program.state_dict[name].detach().clone()
        for dim, axis in enumerate(axes):
            gone = sorted(set(range(len(axis))) - set(cut.kept(axis)))
            if gone:
                value.index_fill_(dim, _index(gone), 0.0)
        state[name] = value
    return put_state(program, state)


def _index(positions: list[int]) -> Tensor:
    import torch

    return torch.tensor(positions, dtype=torch.int64)


def _removed(grouped: Grouped, removal: Removal) -> frozenset[int]:
    gone: set[int] = set()
    for name, numbers in removal.items():
        group = grouped.named(name)
        chosen = set(numbers)
        if not chosen <= set(range(group.width)):
            raise ValueError(f"{name} has {group.width} channels")
        if len(chosen) == group.width:
            raise ValueError(f"{name} would be left with no channels")
        gone |= {group.atoms[number] for number in chosen}
    return frozenset(gone)


def _replace(program: ExportedProgram, state: Mapping[str, Tensor]) -> None:
    import torch

    for name, value in state.items():
        is_parameter = isinstance(program.state_dict[name], torch.nn.Parameter)
        program.state_dict[name] = (
            torch.nn.Parameter(value.clone(), requires_grad=False) if is_parameter else value.clone()
        )


def _propagate(program: ExportedProgram, original: ExportedProgram, state: Mapping[str, Tensor]) -> None:
    """Tell the nodes whose shapes changed the new ones."""
    import torch
    from torch._dispatch.python import enable_python_dispatcher
    from torch.fx.node import map_arg

    names = {**program.graph_signature.inputs_to_parameters, **program.graph_signature.inputs_to_buffers}
    known = {node.name: node for node in original.graph.nodes}
    nodes = list(program.graph.nodes)
    fake = next(value.fake_mode for node in nodes if hasattr(value := node.meta.get("val"), "fake_mode"))
    changed: set[Node] = set()
    # As in torch.export: some operators' C++ (pad's) would read an open batch axis as a number, and fix it.
    with fake, enable_python_dispatcher(), torch.no_grad():
        for node in nodes:
            if node.op == "placeholder" and names.get(node.name) in state:
                value = fake.from_tensor(state[names[node.name]], static_shapes=True)
            elif node.op == "call_function" and (_is_told(node, known) or changed & set(node.all_input_nodes)):
                args, kwargs = (map_arg(given, lambda read: read.meta["val"]) for given in (node.args, node.kwargs))
                value = node.target(*args, **kwargs)
            else:
                continue
            if _shapes(value) != _shapes(node.meta.get("val")):
                changed.add(node)
            node.meta["val"] = value


def _is_told(node: Node, known: Mapping[str, Node]) -> bool:
    """Whether a call has other arguments than in the original."""
    before = known.get(node.name)
    return before is None or str((node.target, node.args, node.kwargs)) != str(
        (before.target, before.args, before.kwargs)
    )


def _shapes(value: Any) -> list[str]:
    values = value if isinstance(value, (tuple, list)) else [value]
    return [str(getattr(each, "shape", each)) for each in values]
