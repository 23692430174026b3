"""Fold batch normalization into the convolution or linear layer before it, and give every layer a bias.

Quantizing a weight means quantizing what the runtime multiplies with, which is the folded one; and a layer whose bias
can be corrected needs to have one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgebuild.models.copying import copy_program
from edgebuild.quant.program import CONVOLUTIONS, LINEAR, layers, operator_name, parameter

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram
    from torch.fx import Node

_BATCH_NORM = frozenset({"aten.batch_norm", "aten._native_batch_norm_legit_no_training"})


def fold(program: ExportedProgram) -> ExportedProgram:
    """A program that computes the same with batch normalization folded and a bias in every layer."""
    folded = copy_program(program)
    for layer in layers(folded):
        if layer.bias is None:
            _add_bias(folded, layer.node, layer.weight)
    for node in list(folded.graph.nodes):
        if node.op == "call_function" and operator_name(node) in _BATCH_NORM:
            _fold_into_previous(folded, node)
    _drop_unused(folded)
    folded.graph.lint()
    folded.graph_module.recompile()
    return folded


def _fold_into_previous(program: ExportedProgram, norm: Node) -> None:
    layer = norm.args[0]
    if not _can_fold(program, layer):
        return
    values = [_value(program, argument) for argument in norm.args[1:5]]
    gamma, beta, mean, variance = values
    if mean is None or variance is None:
        return
    epsilon: Any = norm.args[7] if operator_name(norm) == "aten.batch_norm" else norm.args[6]
    assert not isinstance(layer, (str, int, float))
    weight, bias = _value(program, layer.args[1]), _value(program, layer.args[2])  # type: ignore[union-attr]
    scale = (variance + epsilon).rsqrt() * (1.0 if gamma is None else gamma)
    _set(program, layer.args[1], weight * scale.view(-1, *[1] * (weight.ndim - 1)))  # type: ignore[union-attr]
    shift = (bias - mean) * scale + (0.0 if beta is None else beta)
    _set(program, layer.args[2], shift)  # type: ignore[union-attr]
    norm.replace_all_uses_with(layer)  # type: ignore[arg-type]
    program.graph.erase_node(norm)


def _can_fold(program: ExportedProgram, node: Any) -> bool:
    if getattr(node, "op", "") != "call_function" or operator_name(node) not in CONVOLUTIONS | LINEAR:
        return False
    known = {layer.node for layer in layers(program) if layer.bias is not None}
    return len(node.users) == 1 and node.name in known


def _value(program: ExportedProgram, node: Any) -> torch.Tensor | Any:
    """A parameter's value in float64, or None for an argument that is none."""
    name = parameter(program, node) if node is not None else None
    return program.state_dict[name].detach().double() if name is not None else None


def _set(program: ExportedProgram, node: Any, value: torch.Tensor) -> None:
    import torch

    name = parameter(program, node)
    assert name is not None
    program.state_dict[name] = torch.nn.Parameter(value.float(), requires_grad=False)


def _add_bias(program: ExportedProgram, node_name: str, weight_name: str) -> None:
    """A zero bias as a new parameter, right after the weight's placeholder."""
    import torch
    from torch.export.graph_signature import InputKind, InputSpec, TensorArgument

    node = next(n for n in program.graph.nodes if n.name == node_name)
    weight = node.args[1]
    value = torch.zeros(program.state_dict[weight_name].shape[0])
    layer = weight_name.removesuffix(".weight")
    # A weight that is no layer's own, such as a buffer that a function reads, has its bias beside it, not below it.
    name = f"{layer}.edgebuild_bias" if layer != weight_name else f"{weight_name}_edgebuild_bias"
    with program.graph.inserting_before(weight.next):
        placeholder = program.graph.placeholder("p_" + name.replace(".", "_"))
    placeholder.meta["val"] = weight.meta["val"].fake_mode.from_tensor(value, static_shapes=True)
    position = [n.name for n in program.graph.nodes if n.op == "placeholder"].index(placeholder.name)
    spec = InputSpec(InputKind.PARAMETER, TensorArgument(placeholder.name), name, None)
    program.graph_signature.input_specs.insert(position, spec)
    program.state_dict[name] = torch.nn.Parameter(value, requires_grad=False)
    arguments = list(node.args)
    arguments[2:3] = [placeholder]
    node.args = tuple(arguments)


def _drop_unused(program: ExportedProgram) -> None:
    """Remove parameters and buffers that nothing reads any more."""
    from torch.export.graph_signature import InputKind

    specs = program.graph_signature.input_specs
    by_name = {spec.arg.name: spec for spec in specs}
    for node in [n for n in program.graph.nodes if n.op == "placeholder" and not n.users]:
        spec = by_name[node.name]
        if spec.kind is not InputKind.USER_INPUT and spec.kind is not InputKind.CUSTOM_OBJ:
            specs.remove(spec)
            program.state_dict.pop(spec.target, None)
            program.constants.pop(spec.target, None)
            program.graph.erase_node(node)
