"""Exported programs as modules that can be trained, and what training made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from edgebuild.core.errors import BuildError
from edgebuild.models.blame import quiet
from edgebuild.models.copying import copy_program
from edgebuild.models.nodes import operator_name

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram
    from torch.fx import Graph, GraphModule, Node

_NORM = "aten.batch_norm"
_TRAINING, _MOMENTUM = 5, 6
_DEFAULT_MOMENTUM = 0.1
SOFTMAX = ("aten.softmax", "aten._softmax", "aten.log_softmax", "aten._log_softmax")
_RESHAPES = {f"aten.{name}" for name in ("view", "reshape", "flatten", "squeeze", "unsqueeze", "clone", "contiguous")}


def trainable(program: ExportedProgram, device: str = "cpu") -> GraphModule:
    """The program as a module of its own: its weights are copies, every float parameter asks for a gradient.

    It takes the program's inputs in order, and gives a tuple of its outputs, flattened. A program with a fixed batch
    gives a module with that batch. Dropout stays off, as it was exported.
    """
    from torch.export.passes import move_to_device_pass
    from torch.fx.graph import CodeGen

    with quiet("torch"):
        own = program if device == "cpu" else move_to_device_pass(copy_program(program), device)
        module = own.module(check_guards=False)
    module.graph.set_codegen(CodeGen())
    _flatten_inputs(module.graph)
    _own_tensors(module)
    module.recompile()
    return module


def use_batch_statistics(module: GraphModule, on: bool, *, spare: Iterable[str] = ()) -> None:
    """Switch batch normalization between each batch's statistics, which update the running ones, and the running ones.

    A momentum of 0 (torch's ``None``, a plain average over all batches) becomes 0.1 while training.

    Args:
        module: as ``trainable`` gives it.
        on: whether the batch's are used.
        spare: names of nodes that keep to the running ones.
    """
    spared = set(spare)
    for node in batch_norms(module.graph):
        if node.args[3] is None:  # without running statistics it always takes the batch's
            continue
        arguments = list(node.args)
        arguments[_TRAINING] = on and node.name not in spared
        arguments[_MOMENTUM] = arguments[_MOMENTUM] or _DEFAULT_MOMENTUM
        node.args = tuple(arguments)
    module.recompile()


def batch_norms(graph: Graph) -> list[Node]:
    """The graph's batch normalizations."""
    return [node for node in graph.nodes if node.op == "call_function" and operator_name(node) == _NORM]


def idle_norms(module: GraphModule) -> list[str]:
    """The batch normalizations whose running mean is 0 and variance 1 throughout: the model was trained without."""
    state = dict(module.named_buffers(remove_duplicate=False))

    def idle(node: Node) -> bool:
        mean, variance = (state.get(str(getattr(argument, "target", ""))) for argument in node.args[3:5])
        return mean is not None and variance is not None and not mean.any() and bool((variance == 1).all())

    return [node.name for node in batch_norms(module.graph) if idle(node)]


def trained_state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies of every parameter and persistent buffer by its name in the program, on the CPU, row-major."""
    import torch

    rows = torch.contiguous_format
    return {name: t.detach().to("cpu", copy=True, memory_format=rows) for name, t in module.state_dict().items()}


def state_tensors(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The module's own parameters and persistent buffers; one that has several names is there by its first."""
    first: dict[int, str] = {}
    tensors = module.state_dict(keep_vars=True)
    return {name: tensor for name, tensor in tensors.items() if first.setdefault(id(tensor), name) == name}


def tap(module: GraphModule, names: Sequence[str], scores: Literal["as-is", "logits"] = "as-is") -> int:
    """Make a module give more outputs after its own: what some of its nodes compute.

    Args:
        module: as ``trainable`` gives it.
        names: the nodes, in that order.
        scores: "logits" makes the first output the scores before a final softmax, where there is one.

    Returns:
        How many outputs of its own it has.
    """
    output = module.graph.output_node()
    own = list(_leaves(output))
    if scores == "logits":
        own[0] = before_softmax(own[0])
    nodes = {node.name: node for node in module.graph.nodes}
    output.args = ((*own, *(nodes[name] for name in names)),)
    module.graph.lint()
    module.recompile()
    return len(own)


def before_softmax(output: Node) -> Node:
    """The scores that a final softmax takes, or the output itself if it does not come from one."""
    node = output
    while operator_name(node) in _RESHAPES:
        node = node.all_input_nodes[0]
    return node.all_input_nodes[0] if operator_name(node) in SOFTMAX else output


def _leaves(output: Node) -> tuple[Node, ...]:
    from torch.fx import Node

    given = output.args[0]
    leaves = given if isinstance(given, (list, tuple)) else (given,)
    return tuple(leaf for leaf in leaves if isinstance(leaf, Node))


def _flatten_inputs(graph: Graph) -> None:
    """The output as a plain tuple of tensors; inputs are flat once torch's own calling convention is taken off."""
    output = graph.output_node()
    output.args = (_leaves(output),)


def _own_tensors(module: GraphModule) -> None:
    """Give the module copies of its tensors: the program keeps its own. What has two names stays one."""

    copies: dict[int, torch.Tensor] = {}
    for owner in module.modules():
        for table in (owner._parameters, owner._buffers):  # noqa: SLF001 - setattr would refuse a name with a dot
            for name, tensor in table.items():
                if tensor is None:
                    continue
                if id(tensor) not in copies:
                    copies[id(tensor)] = _copy(tensor)
                table[name] = copies[id(tensor)]  # type: ignore[assignment]


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    import torch

    copied = tensor.detach().clone()
    if not isinstance(tensor, torch.nn.Parameter):
        return copied
    return torch.nn.Parameter(copied, requires_grad=copied.is_floating_point())


def check_trains(module: GraphModule) -> None:
    """Refuse a module that has nothing to train.

    Raises:
        BuildError: it has no float parameter.
    """
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise BuildError("recover", "the model has no float parameters to train", fix="build without recovery")
