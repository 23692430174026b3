"""How much each channel matters, by what a model's weights, gradients and activations say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from edgebuild.compress.groups import Group, Grouped, Place

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.export import ExportedProgram

Importance = dict[str, list[float]]
"""By group, of each of its channels."""

_LEAST_SPREAD = 0.05
_SHARED = 0.25


def by_magnitude(program: ExportedProgram, grouped: Grouped) -> Importance:
    """The squared norm of all weights of a channel, layer by layer in units of that layer's mean.

    Li et al., "Pruning filters for efficient ConvNets", ICLR 2017; over the whole group as in Fang et al., "DepGraph",
    CVPR 2023. Groups are comparable only as far as layers are.
    """
    squares = {name: program.state_dict[name].detach().float().square() for name in grouped.channels.parameters}
    return {group.name: relative(group, squares, _matrices(group, squares)) for group in grouped.groups}


def by_taylor(grouped: Grouped, module: torch.nn.Module, losses: Iterable[Callable[[], Tensor]]) -> Importance:
    """The square of how much the loss would change, to first order, without a channel; summed over batches.

    Molchanov et al., "Importance estimation for neural network pruning", CVPR 2019, with the gate on what is read of a
    channel: the sum of weight times gradient over the weights that read it, or, where none do, that make it.

    Args:
        module: trainable, its parameters named as the program's.
        losses: each computes the loss of one batch, with gradients to the parameters.
    """
    import torch

    known = dict(module.named_parameters())
    total: dict[str, Tensor] = {}
    for loss in losses:
        module.zero_grad(set_to_none=True)
        loss().backward()  # type: ignore[no-untyped-call]
        products = {
            name: (value * value.grad).detach().float() for name, value in known.items() if value.grad is not None
        }
        for group in grouped.groups:
            found = sum(
                (_along(group, place, products) for place in _readers(group, products)), torch.zeros(group.width)
            )
            total[group.name] = total.get(group.name, torch.zeros(group.width)) + found.square()
    return {group.name: total[group.name].tolist() for group in grouped.groups}


def comparable(changes: Importance, exponent: float = _SHARED) -> Importance:
    """Taylor's changes, so that channels of different groups can be compared: over a root of the mean of the group.

    A sum of changes to first order takes a layer with many channels for one that is not needed, since each alone
    changes little; in units of the group's mean all groups matter alike, and none can be given up. What lies between,
    a power of the mean, keeps more accuracy than either end of the scale (measured by scripts/importance_shared).
    """
    means = {group: sum(values) / len(values) for group, values in changes.items()}
    return {
        group: [value / means[group] ** exponent if means[group] > 0 else 0.0 for value in values]
        for group, values in changes.items()
    }


def by_norm_scale(program: ExportedProgram, grouped: Grouped) -> Importance | None:
    """The scale that batch normalization gives a channel (Liu et al., "Network slimming", ICCV 2017).

    Returns:
        None if the scales say nothing, as where normalization was folded into the layers and they are all one.
    """
    scales = {name: program.state_dict[name].detach().float().abs() for name in _norm_scales(program)}
    informative = {
        name
        for name, value in scales.items()
        if value.numel() > 1 and float(value.std()) > _LEAST_SPREAD * float(value.mean())
    }
    if not informative:
        return None
    magnitude = by_magnitude(program, grouped)
    found: Importance = {}
    for group in grouped.groups:
        own = [place for place in group.places if place[0] in informative]
        found[group.name] = relative(group, scales, own) if own else magnitude[group.name]
    return found


def _norm_scales(program: ExportedProgram) -> list[str]:
    from edgebuild.models.nodes import operator_name

    names: Mapping[str, str] = program.graph_signature.inputs_to_parameters
    norms = [n for n in program.graph.nodes if n.op == "call_function" and operator_name(n) == "aten.batch_norm"]
    found = [names[norm.args[1].name] for norm in norms if norm.args[1] is not None]
    return [name for name in dict.fromkeys(found) if name in program.state_dict]


def _matrices(group: Group, values: Mapping[str, Tensor]) -> list[Place]:
    """The places in weights of layers; in others, such as biases, where there is nothing else."""
    return [place for place in group.places if values[place[0]].ndim > 1] or list(group.places)


def _readers(group: Group, values: Mapping[str, Tensor]) -> list[Place]:
    known = [place for place in group.places if place[0] in values]
    return [place for place in known if place[1] > 0] or known


def relative(group: Group, values: Mapping[str, Tensor], places: Sequence[Place]) -> list[float]:
    """The mean over places of a channel's part in units of the mean channel's."""
    import torch

    parts = [_along(group, place, values) for place in places]
    return torch.stack([part / part.mean().clamp(min=1e-30) for part in parts]).mean(0).tolist()


def _along(group: Group, place: Place, values: Mapping[str, Tensor]) -> Tensor:
    """The sum of a weight's values for each channel."""
    import torch

    name, dim = place
    value = values[name]
    along = value.sum([axis for axis in range(value.ndim) if axis != dim]) if value.ndim > 1 else value
    return along[torch.tensor([group.places[place][atom] for atom in group.atoms])].sum(1)
