"""Reading and rewriting an exported program: its weights, its layers, and its values node by node."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram
    from torch.fx import Node

CONVOLUTIONS = frozenset({"aten.conv1d", "aten.conv2d", "aten.conv3d", "aten.convolution"})
LINEAR = frozenset({"aten.linear"})
ACTIVATIONS = frozenset(
    {"aten.relu", "aten.relu_", "aten.relu6", "aten.relu6_", "aten.hardtanh", "aten.hardtanh_", "aten.clamp"}
)
"""Activations that runtimes fold into the range of the operator before them."""


LookUp = Callable[["Node", int], Any]
"""A node's value for one sample."""

Visit = Callable[["Node", list[Any], LookUp], list[Any]]
"""See `walk`."""


@dataclass(frozen=True)
class Layer:
    """A convolution or linear layer whose weight (and bias) are parameters used nowhere else.

    ``weight`` and ``bias`` are names in the program's state dict; output channels are weight axis 0.
    """

    node: str
    operator: str
    weight: str
    bias: str | None
    groups: int


def operator_name(node: Node) -> str:
    """Such as "aten.conv2d": an operator without its overload."""
    packet = getattr(node.target, "overloadpacket", None)
    return str(packet) if packet is not None else str(getattr(node.target, "__name__", node.target))


def layers(program: ExportedProgram) -> list[Layer]:
    """The layers in execution order. Transposed convolutions and shared weights are not among them."""
    found = []
    for node in program.graph.nodes:
        operator = operator_name(node) if node.op == "call_function" else ""
        if operator not in CONVOLUTIONS | LINEAR or _transposed(node, operator):
            continue
        weight, bias = node.args[1], node.args[2] if len(node.args) > 2 else None
        name = parameter(program, weight)
        if name is None or len(weight.users) != 1 or (bias is not None and len(bias.users) != 1):
            continue
        found.append(Layer(node.name, operator, name, parameter(program, bias), _groups(node, operator)))
    return found


def _transposed(node: Node, operator: str) -> bool:
    return operator == "aten.convolution" and bool(node.args[6])


def _groups(node: Node, operator: str) -> int:
    if operator in LINEAR:
        return 1
    position = 8 if operator == "aten.convolution" else 6
    groups = node.args[position] if len(node.args) > position else node.kwargs.get("groups", 1)
    assert isinstance(groups, int)
    return groups


def parameter(program: ExportedProgram, node: Any) -> str | None:
    """The state dict name that a placeholder stands for, or None."""
    name = getattr(node, "name", None)
    signature = program.graph_signature
    found: str | None = signature.inputs_to_parameters.get(name) or signature.inputs_to_buffers.get(name)
    return found


def with_weights(program: ExportedProgram, changes: Mapping[str, torch.Tensor]) -> ExportedProgram:
    """The same program with some parameters replaced; the original is untouched."""
    import torch

    changed = copy.copy(program)
    state = dict(program.state_dict)
    state |= {name: torch.nn.Parameter(value.detach().clone(), requires_grad=False) for name, value in changes.items()}
    changed._state_dict = state  # noqa: SLF001 - a copy with other weights has no public constructor
    return changed


def user_inputs(program: ExportedProgram) -> list[str]:
    """Placeholder names of the model's inputs, in the order of the signature."""
    return [str(name) for name in program.graph_signature.user_inputs]


def user_outputs(program: ExportedProgram) -> list[str]:
    """Node names of the model's outputs, in the order of the signature."""
    return [str(name) for name in program.graph_signature.user_outputs]


def walk(
    program: ExportedProgram,
    samples: Sequence[Sequence[torch.Tensor]],
    visit: Visit,
) -> None:
    """Run a program node by node, each node for all samples before the next one.

    ``visit(node, values, look_up)`` sees the values of a node, one a sample, and gives those that later nodes
    read. Values are dropped after their last use.

    Args:
        samples: one sequence of input tensors a sample, in the order of the signature.
    """
    import torch

    fixed = fixed_values(program)
    names = user_inputs(program)
    last_use = _last_uses(program.graph.nodes)
    values: dict[str, list[Any]] = {}

    def look_up(read: Node, sample: int) -> Any:
        return fixed[read.name] if read.name in fixed else values[read.name][sample]

    with torch.no_grad():
        for node in program.graph.nodes:
            if node.op == "placeholder" and node.name in names:
                position = names.index(node.name)
                values[node.name] = visit(node, [sample[position] for sample in samples], look_up)
            elif node.op == "call_function":
                outs = [evaluate(node, look_up, i) for i in range(len(samples))]
                values[node.name] = visit(node, outs, look_up)
            for name in last_use.get(node.name, ()):
                values.pop(name, None)


def fixed_values(program: ExportedProgram) -> dict[str, Any]:
    """Placeholders that are parameters, buffers or constants, with their values."""
    stored = {**program.constants, **program.state_dict}
    specs = program.graph_signature.input_specs
    return {spec.arg.name: stored[spec.target] for spec in specs if spec.target in stored}


def evaluate(node: Node, look_up: LookUp, sample: int) -> Any:
    """A node's value for one sample from those of the nodes it reads, which an operator in place does not change."""
    import torch

    in_place = bool(getattr(getattr(node.target, "_schema", None), "is_mutable", False))

    def own(read: Node) -> Any:
        value = look_up(read, sample)
        return value.clone() if in_place and isinstance(value, torch.Tensor) else value

    args, kwargs = torch.fx.node.map_arg(node.args, own), torch.fx.node.map_arg(node.kwargs, own)
    return node.target(*args, **kwargs)  # type: ignore[operator]


def absorbed(node: Node) -> bool:
    """Whether runtimes quantize only after the activation that follows."""
    if len(node.users) != 1:
        return False
    user = next(iter(node.users))
    return user.op == "call_function" and operator_name(user) in ACTIVATIONS


def _last_uses(nodes: Iterable[Node]) -> dict[str, list[str]]:
    last: dict[str, str] = {}
    for node in nodes:
        for read in node.all_input_nodes:
            last[read.name] = node.name
    uses: dict[str, list[str]] = {}
    for name, user in last.items():
        uses.setdefault(user, []).append(name)
    return uses


def intermediate_values(program: ExportedProgram, sample: Sequence[torch.Tensor]) -> dict[str, Any]:
    """Every tensor that the program computes for one sample, and its inputs, as numpy arrays by node name."""
    import torch

    found: dict[str, Any] = {}

    def keep(node: Node, values: list[Any], _: LookUp) -> list[Any]:
        if isinstance(values[0], torch.Tensor):
            found[node.name] = values[0].detach().numpy().copy()
        return values

    walk(program, [sample], keep)
    return found


def reads(program: ExportedProgram) -> dict[str, tuple[str, ...]]:
    """The computing nodes that each computing node reads, model inputs included."""
    inputs = set(user_inputs(program))
    computing = {node.name for node in program.graph.nodes if node.op == "call_function"} | inputs
    return {
        node.name: tuple(read.name for read in node.all_input_nodes if read.name in computing)
        for node in _calls(program)
    }


def _calls(program: ExportedProgram) -> Iterator[Node]:
    return (node for node in program.graph.nodes if node.op == "call_function")
