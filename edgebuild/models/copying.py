"""Copies of exported programs, and the same program with other weights."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgebuild.core.errors import BuildError

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram


def copy_program(program: ExportedProgram) -> ExportedProgram:
    """A copy with the same node names: torch's own renames those that Python has a meaning for, such as ``input``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, of its own tree specs
        copied = copy.deepcopy(program)
    for node, original in zip(copied.graph.nodes, program.graph.nodes, strict=True):
        node.name, node.target = original.name, original.target
    return copied


def put_state(program: ExportedProgram, state: Mapping[str, torch.Tensor]) -> ExportedProgram:
    """A copy of a program with other values of its parameters and buffers.

    Args:
        program: one whose parameters have the same names and shapes as those of the program that was trained.
        state: all of them, or some, by name.

    Raises:
        BuildError: a name or a shape does not fit.
    """
    import torch

    copied = copy_program(program)
    for name, value in state.items():
        own = copied.state_dict.get(name)
        if own is None or own.shape != value.shape:
            raise BuildError(
                "recover",
                f"the trained {name} has shape {list(value.shape)}; the program "
                + ("has none of that name" if own is None else f"has {list(own.shape)}"),
                expected="the program that was trained, exported for a single sample",
            )
        tensor = value.detach().to(own.dtype).clone()
        copied.state_dict[name] = torch.nn.Parameter(tensor, False) if isinstance(own, torch.nn.Parameter) else tensor
    return copied
