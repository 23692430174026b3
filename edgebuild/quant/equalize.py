"""Cross-layer equalization: even out the ranges of channels between two layers, changing nothing in float.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, equation 11.
It holds across ReLU and nothing else that is bounded: f(s·x) = s·f(x) fails for ReLU6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebuild.quant.program import Layer, layers, operator_name, with_weights

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram
    from torch.fx import Node

_HOMOGENEOUS = frozenset({"aten.relu", "aten.relu_", "aten.pad", "aten.max_pool2d", "aten.avg_pool2d"})
_ROUNDS = 4


def equalize(program: ExportedProgram) -> ExportedProgram | None:
    """The equalized program, or None where no two layers can be equalized."""
    pairs = _pairs(program)
    if not pairs:
        return None
    for _ in range(_ROUNDS):
        for first, second in pairs:
            program = with_weights(program, _scaled(program, first, second))
    return program


def _pairs(program: ExportedProgram) -> list[tuple[Layer, Layer]]:
    by_node = {layer.node: layer for layer in layers(program)}
    nodes = {node.name: node for node in program.graph.nodes}
    found = []
    for layer in by_node.values():
        follower = _only_follower(nodes[layer.node])
        second = by_node.get(follower.name) if follower is not None else None
        if layer.bias is not None and second is not None and _channels_agree(program, layer, second):
            found.append((layer, second))
    return found


def _only_follower(node: Node) -> Node | None:
    """The next layer if nothing but homogeneous operators with one user lies between."""
    while len(node.users) == 1:
        follower = next(iter(node.users))
        if follower.op != "call_function" or follower.args[0] is not node:
            return None
        if operator_name(follower) not in _HOMOGENEOUS:
            return follower
        if operator_name(follower) == "aten.pad" and len(follower.args) > 3 and follower.args[3]:
            return None
        node = follower
    return None


def _channels_agree(program: ExportedProgram, first: Layer, second: Layer) -> bool:
    outputs = program.state_dict[first.weight].shape[0]
    weight = program.state_dict[second.weight]
    depthwise = second.groups == outputs and weight.shape[1] == 1
    return bool((depthwise and weight.shape[0] == outputs) or (second.groups == 1 and weight.shape[1] == outputs))


def _scaled(program: ExportedProgram, first: Layer, second: Layer) -> dict[str, torch.Tensor]:
    state = program.state_dict
    assert first.bias is not None
    weight, bias, following = state[first.weight], state[first.bias], state[second.weight]
    depthwise = second.groups > 1
    range_out = weight.detach().abs().flatten(1).amax(1)
    range_in = (following if depthwise else following.transpose(0, 1)).detach().abs().flatten(1).amax(1)
    scale = (range_out / range_in.clamp_min(1e-12)).sqrt().clamp(1e-3, 1e3)
    scale[(range_out < 1e-9) | (range_in < 1e-9)] = 1.0
    axis = 0 if depthwise else 1
    return {
        first.weight: weight / scale.view(-1, *[1] * (weight.ndim - 1)),
        first.bias: bias / scale,
        second.weight: following * scale.view(*[-1 if i == axis else 1 for i in range(following.ndim)]),
    }
