"""A part as it became when the whole that it is of was pruned and trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebuild.compress.costs import macs_of, parameters_of
from edgebuild.compress.groups import groups_of
from edgebuild.compress.narrowing import Left
from edgebuild.compress.prune import prune, removal_like
from edgebuild.core.compression import PartKept
from edgebuild.models.copying import put_state
from edgebuild.models.graph import TorchModel
from edgebuild.models.nodes import source_nodes

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def taken_out(dense: TorchModel, child: str, whole: TorchModel, left: Left) -> TorchModel:
    """A part with the channels and the weights that it has in a whole.

    Args:
        dense: the part as it was.
        child: the name that it has as a module of the whole.
        left: of every axis of the whole's weights, the positions that are left; empty: all are.

    Raises:
        BuildError: what is left of its weights is nothing that the part alone could be.
    """
    prefix = f"{child}."
    kept = {(name.removeprefix(prefix), dim): places for (name, dim), places in left.items() if name.startswith(prefix)}
    program, grouped = dense.program, groups_of(dense.program)
    if kept:
        program = prune(program, removal_like(grouped, kept), grouped)
    state = {name.removeprefix(prefix): value for name, value in whole.program.state_dict.items()}
    program = put_state(program, {name: state[name] for name in program.state_dict})
    return TorchModel(program, dense.signature, source_nodes(program.graph))


def kept_of(name: str, dense: TorchModel, pruned: TorchModel) -> PartKept:
    """What a part kept."""
    (macs_before, before), (macs, after) = _counted(dense.program), _counted(pruned.program)
    return PartKept(part=name, macs_before=macs_before, macs=macs, parameters_before=before, parameters=after)


def _counted(program: ExportedProgram) -> tuple[float, int]:
    grouped = groups_of(program)
    return macs_of(program, grouped).total, int(parameters_of(grouped).total)
