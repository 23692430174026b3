"""Cross-layer equalization: even out the ranges of channels between two layers, changing nothing in float.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, equation 11.
It holds across ReLU, as f(s·x) = s·f(x) does. That fails for ReLU6 where a value is cut off or becomes so; it holds for
all channels that the samples leave below the bound, as long as they stay there. A channel that reaches it is left as
it is. Depthwise layers owe their widest weights to such channels, whose small inputs they make large again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgebuild.quant.program import Layer, LookUp, layers, operator_name, walk, with_weights

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram
    from torch.fx import Node

_HOMOGENEOUS = frozenset({"aten.relu", "aten.relu_", "aten.pad", "aten.max_pool2d", "aten.avg_pool2d"})
_BOUNDED = frozenset({"aten.relu6", "aten.relu6_", "aten.hardtanh", "aten.hardtanh_", "aten.clamp"})
_ROUNDS = 4
_HEADROOM = 0.9
"""The share of a bound that scaled values may reach on the samples; what is not among them may go a little further."""


@dataclass(frozen=True)
class _Pair:
    """Two layers and the least upper bound of what lies between; infinite where there is none."""

    first: Layer
    second: Layer
    bound: float


def equalize(program: ExportedProgram, samples: Sequence[Sequence[torch.Tensor]]) -> ExportedProgram | None:
    """The equalized program, or None where no two layers can be equalized.

    Args:
        samples: one sequence of input tensors a sample; they tell how near to a bound a channel comes.
    """
    pairs = _pairs(program)
    if not pairs:
        return None
    peaks = _peaks(program, samples, {pair.first.node for pair in pairs if math.isfinite(pair.bound)})
    for _ in range(_ROUNDS):
        for pair in pairs:
            peak = peaks.get(pair.first.node)
            scale = _scale(program, pair, peak)
            program = with_weights(program, _scaled(program, pair, scale))
            if peak is not None:
                peaks[pair.first.node] = peak / scale
    return program


def _pairs(program: ExportedProgram) -> list[_Pair]:
    by_node = {layer.node: layer for layer in layers(program)}
    nodes = {node.name: node for node in program.graph.nodes}
    found = []
    for layer in by_node.values():
        follower, bound = _only_follower(nodes[layer.node])
        second = by_node.get(follower.name) if follower is not None else None
        if layer.bias is not None and second is not None and _channels_agree(program, layer, second):
            found.append(_Pair(layer, second, bound))
    return found


def _only_follower(node: Node) -> tuple[Node | None, float]:
    """The next layer, and the bound on the way, if nothing but homogeneous operators with one user lies between."""
    bound = math.inf
    while len(node.users) == 1:
        follower = next(iter(node.users))
        if follower.op != "call_function" or follower.args[0] is not node:
            break
        limit = _limit(follower)
        if limit is None and operator_name(follower) not in _HOMOGENEOUS:
            return follower, bound
        if operator_name(follower) == "aten.pad" and len(follower.args) > 3 and follower.args[3]:
            break
        bound = min(bound, math.inf if limit is None else limit)
        node = follower
    return None, bound


def _limit(node: Node) -> float | None:
    """Where an activation that is 0 for all negative values cuts off; None for all other operators."""
    name = operator_name(node)
    if name not in _BOUNDED:
        return None
    low, high = (0.0, 6.0) if "relu6" in name else (_bound(node, 1, "min"), _bound(node, 2, "max"))
    return high if low == 0 and high is not None and high > 0 else None


def _bound(node: Node, position: int, name: str) -> float | None:
    value: Any = node.args[position] if len(node.args) > position else node.kwargs.get(f"{name}_val")
    value = node.kwargs.get(name) if value is None else value
    return float(value) if isinstance(value, (int, float)) else None


def _peaks(
    program: ExportedProgram, samples: Sequence[Sequence[torch.Tensor]], wanted: set[str]
) -> dict[str, torch.Tensor]:
    """The largest value of each output channel of some layers over the samples."""
    import torch

    found: dict[str, torch.Tensor] = {}
    axis = {layer.node: -1 if layer.operator == "aten.linear" else 1 for layer in layers(program)}

    def visit(node: Node, values: list[Any], _: LookUp) -> list[Any]:
        if node.name in wanted:
            rows = [value.movedim(axis[node.name], 0).flatten(1).amax(1) for value in values]
            found[node.name] = torch.stack(rows).amax(0)
        return values

    if wanted:
        walk(program, samples, visit)
    return found


def _channels_agree(program: ExportedProgram, first: Layer, second: Layer) -> bool:
    outputs = program.state_dict[first.weight].shape[0]
    weight = program.state_dict[second.weight]
    depthwise = second.groups == outputs and weight.shape[1] == 1
    return bool((depthwise and weight.shape[0] == outputs) or (second.groups == 1 and weight.shape[1] == outputs))


def _scale(program: ExportedProgram, pair: _Pair, peak: torch.Tensor | None) -> torch.Tensor:
    """What each channel between the two layers is divided by."""
    import torch

    weight, following = program.state_dict[pair.first.weight], program.state_dict[pair.second.weight]
    depthwise = pair.second.groups > 1
    range_out = weight.detach().abs().flatten(1).amax(1)
    range_in = (following if depthwise else following.transpose(0, 1)).detach().abs().flatten(1).amax(1)
    scale: torch.Tensor = (range_out / range_in.clamp_min(1e-12)).sqrt().clamp(1e-3, 1e3)
    scale[(range_out < 1e-9) | (range_in < 1e-9)] = 1.0
    if peak is None:
        return scale
    least = (peak / (_HEADROOM * pair.bound)).clamp(1e-3, 1.0)
    return torch.where(peak < pair.bound, torch.maximum(scale, least), 1.0)


def _scaled(program: ExportedProgram, pair: _Pair, scale: torch.Tensor) -> dict[str, torch.Tensor]:
    state = program.state_dict
    assert pair.first.bias is not None
    weight, bias, following = state[pair.first.weight], state[pair.first.bias], state[pair.second.weight]
    axis = 0 if pair.second.groups > 1 else 1
    return {
        pair.first.weight: weight / scale.view(-1, *[1] * (weight.ndim - 1)),
        pair.first.bias: bias / scale,
        pair.second.weight: following * scale.view(*[-1 if i == axis else 1 for i in range(following.ndim)]),
    }
