"""The calling convention of a model: which declared input is which argument, and what comes out."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, get_args

from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import DType, Role, Signature, TensorSpec
from edgebuild.models.nodes import source_node
from edgebuild.models.states import check_states

if TYPE_CHECKING:
    import torch

STAGE = "load"
_DTYPES: tuple[str, ...] = get_args(DType)


def torch_dtype(name: str) -> torch.dtype:
    """The torch dtype of a declared dtype."""
    import torch

    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype


def argument_order(module: torch.nn.Module, specs: Mapping[str, InputSpec]) -> tuple[str, ...]:
    """The declared inputs in the order of ``forward``'s arguments: by name where names are equal, else by order.

    Raises:
        ConfigError: no inputs are declared, too many are, or an argument that must be given is not.
    """
    if not specs:
        raise ConfigError("[model.inputs]", "no input is declared", fix=_declare("x"))
    parameters = list(inspect.signature(module.forward).parameters.values())
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return tuple(specs)
    names = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
    order = match_names(names, tuple(specs), "forward()")
    for parameter, given in zip(parameters, order, strict=False):
        if given is None and parameter.default is parameter.empty:
            raise _missing(parameter.name, names, specs)
    used = [name for name in order if name is not None]
    if None in order[: len(used)]:
        raise _missing(names[order.index(None)], names, specs)
    return tuple(used)


def match_names(arguments: Sequence[str], declared: Sequence[str], where: str) -> list[str | None]:
    """For each argument the declared input that feeds it, or None.

    Raises:
        ConfigError: more inputs are declared than there are arguments.
    """
    if len(declared) > len(arguments):
        raise ConfigError(
            "[model.inputs]",
            f"{len(declared)} inputs are declared ({', '.join(declared)})",
            expected=f"at most {len(arguments)}: {where} takes {', '.join(arguments) or 'nothing'}",
            fix="remove the inputs that the model does not take",
        )
    rest = iter([name for name in declared if name not in arguments])
    return [name if name in declared else next(rest, None) for name in arguments]


def make_signature(
    program: torch.export.ExportedProgram,
    order: Sequence[str],
    specs: Mapping[str, InputSpec],
    outputs: Sequence[str],
) -> Signature:
    """The signature of an exported program, shapes and dtypes read from its graph.

    Raises:
        BuildError: an output is no tensor, or has a dtype that cannot be delivered.
        ConfigError: the number of output names does not fit, or a declared shape or dtype.
    """
    nodes = {node.name: node for node in program.graph.nodes}
    inputs = tuple(
        _input(name, nodes[argument], specs.get(name))
        for name, argument in zip(order, program.graph_signature.user_inputs, strict=True)
    )
    tensors = _output_nodes(program, nodes)
    names = output_names(len(tensors), outputs)
    given = tuple(_tensor(name, node, "output") for name, node in zip(names, tensors, strict=True))
    check_states(inputs, given)
    return Signature(inputs=inputs, outputs=given, pre={n: specs[n].pre for n in order if n in specs and specs[n].pre})


def output_names(count: int, names: Sequence[str]) -> tuple[str, ...]:
    """The outputs' names: as declared, else ``output``, or ``output_0`` and so on.

    Raises:
        ConfigError: the number of names is not the number of outputs, or two are equal.
    """
    if names and (len(names) != count or len(set(names)) != count):
        raise ConfigError(
            "[model] outputs",
            f"{len(set(names))} different names for {count} output{'s' if count != 1 else ''}",
            expected=f"{count} different names",
            fix="name every output of the model once, or leave the field out",
        )
    default = ("output",) if count == 1 else tuple(f"output_{i}" for i in range(count))
    return tuple(names) or default


def _declare(name: str) -> str:
    return f'add [model.inputs.{name}] with shape = [1, …] and dtype = "float32"'


def _missing(argument: str, names: Sequence[str], specs: Mapping[str, InputSpec]) -> ConfigError:
    return ConfigError(
        "[model.inputs]",
        f"nothing is declared for the argument {argument!r} of forward({', '.join(names)})",
        expected=f"an input for every argument; declared: {', '.join(specs)}",
        fix=_declare(argument),
    )


def _output_nodes(
    program: torch.export.ExportedProgram, nodes: Mapping[str, torch.fx.Node]
) -> tuple[torch.fx.Node, ...]:
    found = []
    for position, name in enumerate(program.graph_signature.user_outputs):
        if name is None:
            continue
        if not isinstance(name, str) or name not in nodes:
            raise BuildError(
                STAGE,
                f"output {position} of the model is the constant {name!r}, not a tensor",
                fix="return tensors only",
            )
        found.append(nodes[name])
    if not found:
        raise BuildError(STAGE, "the model returns no tensor", fix="return the tensors that are to be delivered")
    return tuple(found)


def _tensor(name: str, node: torch.fx.Node, what: str) -> TensorSpec:
    value = node.meta["val"]
    dtype = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
    if dtype not in _DTYPES:
        place = source_node(node).location if node.op == "call_function" else ""
        raise BuildError(
            STAGE,
            f"{what} {name!r} is {dtype}{f' (made at {place})' if place else ''}",
            expected=", ".join(_DTYPES),
            fix=f"cast it in the model, for example with .to(torch.{'float32' if 'float' in dtype else 'int64'})",
        )
    return TensorSpec.model_validate({"name": name, "dtype": dtype, "shape": tuple(value.shape)})


def _input(name: str, node: torch.fx.Node, spec: InputSpec | None) -> TensorSpec:
    found = _tensor(name, node, "input")
    if spec is None:
        return found
    if (spec.shape, spec.dtype) != (found.shape, found.dtype):
        raise ConfigError(
            f"[model.inputs.{name}]",
            f"{spec.dtype} {list(spec.shape)} is declared; the model takes {found.dtype} {list(found.shape)}",
            fix="declare what the model takes",
        )
    initial = "zeros" if spec.role is Role.STATE else None
    declared: dict[str, object] = {"layout": spec.layout, "role": spec.role, "initial": initial, "fed_by": spec.fed_by}
    declared |= {"buckets": spec.buckets, "pad": spec.pad, "absent": spec.absent}
    return TensorSpec.model_validate(found.model_dump() | declared)
