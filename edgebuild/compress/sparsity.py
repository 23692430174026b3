"""Single weights that become zero: which, and that they stay so while what is left is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgebuild.core.compression import Sparsity, ZeroWeights
from edgebuild.core.errors import BuildError
from edgebuild.models.copying import put_state
from edgebuild.models.nodes import operator_name

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.export import ExportedProgram

Kept = dict[str, "Tensor"]
"""By weight, which of its values stay; the shape of the weight, bool."""
Zeros = list[tuple["Tensor", "Tensor"]]
"""Weights, and where they are zero."""

_LAYERS = ("aten.linear", "aten.conv1d", "aten.conv2d", "aten.conv3d")
"""Their weights are (outputs, inputs, …)."""


def layer_weights(program: ExportedProgram) -> dict[str, Tensor]:
    """The weights of convolutions and linear layers by their name in the program, in the order of execution."""
    names: Mapping[str, str] = program.graph_signature.inputs_to_parameters
    layers = [n for n in program.graph.nodes if n.op == "call_function" and operator_name(n) in _LAYERS]
    found = dict.fromkeys(names[node.args[1].name] for node in layers if node.args[1].name in names)
    return {name: program.state_dict[name].detach() for name in found}


def choose(program: ExportedProgram, settings: Sparsity) -> tuple[Kept, ZeroWeights]:
    """Which weights stay, and what is to be told of the others.

    Raises:
        BuildError: no layer has weights in which the pattern fits.
    """
    weights = layer_weights(program)
    block = settings.block
    kept = _anywhere(weights, settings.share) if block is None else _in_blocks(weights, *block)
    zeros = sum(int((~mask).sum()) for mask in kept.values())
    if not zeros:
        raise BuildError(
            "sparsity",
            f"no layer of this model has weights for {settings.pattern}",
            expected="convolutions or linear layers"
            + (f" whose inputs come in multiples of {block[1]}" if block else " with some hundred weights"),
            fix='choose pattern = "unstructured", or a profile without [sparsity]',
        )
    thinned = sum(not bool(mask.all()) for mask in kept.values())
    total = sum(weight.numel() for weight in weights.values())
    told = ZeroWeights(pattern=settings.pattern, share=zeros / total, layers=thinned, dense=len(weights) - thinned)
    return kept, told


def _in_blocks(weights: Mapping[str, Tensor], keep: int, of: int) -> Kept:
    """The largest of every few in a row along the inputs, as sparse kernels want them (Mishra et al., 2021).

    A layer whose inputs are no multiple stays whole; so do depthwise convolutions, which read one channel each.
    """
    import torch

    found = {}
    for name, weight in weights.items():
        if weight.shape[1] % of:
            continue
        rows = weight.abs().movedim(1, -1)
        blocks = rows.reshape(-1, of)
        largest = blocks.topk(keep, dim=1).indices
        mask = torch.zeros_like(blocks, dtype=torch.bool).scatter_(1, largest, True)
        found[name] = mask.reshape(rows.shape).movedim(-1, 1).contiguous()
    return found


def _anywhere(weights: Mapping[str, Tensor], share: float) -> Kept:
    """The weights with the highest scores of all layers (LAMP; Lee et al., ICLR 2021).

    A weight's score is its square over the sum of the squares of its layer that are not smaller: what it adds to the
    layer's output. The largest weight of a layer has 1, so that no layer loses all.
    """
    import torch

    scores = {name: _lamp(weight) for name, weight in weights.items()}
    every = torch.cat([score.reshape(-1) for score in scores.values()])
    count = int(share * every.numel())
    if not count:
        return {}
    limit = every.kthvalue(count).values
    return {name: score > limit for name, score in scores.items()}


def _lamp(weight: Tensor) -> Tensor:
    import torch

    squares, order = weight.double().square().reshape(-1).sort()
    rest = squares.flip(0).cumsum(0).flip(0)
    scores = torch.empty_like(squares)
    scores[order] = squares / rest.clamp_min(torch.finfo(torch.float64).tiny)
    return scores.reshape(weight.shape)


def zeroed(program: ExportedProgram, kept: Kept) -> ExportedProgram:
    """A copy of the program, or of the same one for batches, with all other weights at zero."""
    state = {name: program.state_dict[name].detach().masked_fill(~mask, 0) for name, mask in kept.items()}
    return put_state(program, state)


def zeros_of(module: torch.nn.Module) -> Zeros:
    """Of each weight with two axes or more that has zeros, the tensor itself and where they are."""
    found = ((own.detach(), own.detach() == 0) for own in module.parameters() if own.ndim > 1)
    return [(own, zeros) for own, zeros in found if bool(zeros.any())]


def keep_zeros(weights: Zeros) -> None:
    """Set to zero again what a step of the optimizer moved."""
    for own, zeros in weights:
        own.masked_fill_(zeros, 0)
