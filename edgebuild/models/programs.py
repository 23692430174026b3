"""Copies of exported programs, to be changed."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def copy_program(program: ExportedProgram) -> ExportedProgram:
    """A copy with the same node names: torch's own renames those that Python has a meaning for, such as ``input``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, of its own tree specs
        copied = copy.deepcopy(program)
    for node, original in zip(copied.graph.nodes, program.graph.nodes, strict=True):
        node.name, node.target = original.name, original.target
    return copied
