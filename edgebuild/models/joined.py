"""Parts of a model as one torch module: what one gives, the next ones take, as a chain of them runs."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch  # noqa: TID253 - a module of its own; imported where it is used
from torch import Tensor  # noqa: TID253
from torch.utils._pytree import tree_leaves  # noqa: TID253

from edgebuild.core.errors import ConfigError
from edgebuild.core.parts import Wiring, declared_inputs, stand_ins_of
from edgebuild.core.project import PartSource
from edgebuild.core.signature import stand_in_for
from edgebuild.models.batched import BatchedModel, export_batched
from edgebuild.models.calling import argument_order
from edgebuild.models.copying import put_state
from edgebuild.models.graph import TorchModel, export_module
from edgebuild.models.load import open_module
from edgebuild.models.nodes import source_nodes
from edgebuild.store.cache import Cache

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class _Link:
    """What a part takes and gives by name; where all of ``absent`` is missing, ``stand_ins`` is what it gives."""

    child: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    absent: Mapping[str, float]
    stand_ins: Mapping[str, float]


class Joined(torch.nn.Module):
    """Parts in their order; it takes what samples hold, in the order of ``takes``, and gives what ``gives`` names."""

    def __init__(self, links: Sequence[_Link], modules: Sequence[torch.nn.Module], takes: Sequence[str]) -> None:
        super().__init__()
        for link, module in zip(links, modules, strict=True):
            self.add_module(link.child, copy.deepcopy(module))  # two parts may be of one module, and share weights
        self.links, self.takes, self.gives = tuple(links), tuple(takes), links[-1].gives

    def forward(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """What the whole gives."""
        values = dict(zip(self.takes, arguments, strict=True))
        for link in self.links:
            given = [values[name] for name in link.takes]
            made = [leaf for leaf in tree_leaves(self.get_submodule(link.child)(*given)) if isinstance(leaf, Tensor)]
            values |= zip(link.gives, _stood_in(link, given, made), strict=True)
        return tuple(values[name] for name in self.gives)


def _stood_in(link: _Link, given: Sequence[Tensor], made: list[Tensor]) -> list[Tensor]:
    """What a part gives, and for the samples that lack all that it takes, what stands in for it."""
    if not link.stand_ins:
        return made
    missing = [(value.flatten(1) == link.absent[name]).all(1) for name, value in zip(link.takes, given, strict=True)]
    gone = torch.stack(missing).all(0)
    return [
        torch.where(gone.reshape(-1, *[1] * (value.ndim - 1)), torch.full_like(value, link.stand_ins[name]), value)
        for name, value in zip(link.gives, made, strict=True)
    ]


@contextlib.contextmanager
def opened(parts: Mapping[str, PartSource], wiring: Wiring, root: Path, cache: Cache) -> Iterator[Joined]:
    """All parts as one module, for as long as what they import can be imported.

    Raises:
        ConfigError: a part is a file, or two names are too much alike. BuildError: as ``open_module``.
    """
    children = children_of(wiring)
    with contextlib.ExitStack() as stack:
        links, modules = [], []
        for name in wiring.order:
            # Impure: what is remembered of a part is what it reads by itself.
            module = stack.enter_context(open_module(parts[name].model_copy(update={"pure": False}), root, cache))
            links.append(_link(name, children[name], module, parts, wiring))
            modules.append(module)
        yield Joined(links, modules, list(declared_inputs(wiring, parts))).eval()


def _link(
    name: str, child: str, module: torch.nn.Module, parts: Mapping[str, PartSource], wiring: Wiring
) -> _Link:  # fmt: skip
    part = parts[name]
    skipped = wiring.skipped(name, parts)
    return _Link(
        child, argument_order(module, part.inputs), part.outputs,
        {tensor: stand_in_for(spec.absent) for tensor, spec in part.inputs.items()} if skipped else {},
        stand_ins_of(name, wiring, parts) if skipped else {},
    )  # fmt: skip


def children_of(wiring: Wiring) -> dict[str, str]:
    """By part, the name that it has as a module of the whole.

    Raises:
        ConfigError: two would have the same.
    """
    taken = torch.nn.Module()
    found = {name: name.replace(".", "-") for name in wiring.order}
    found = {name: f"{child}_" if hasattr(taken, child) else child for name, child in found.items()}
    if len(set(found.values())) < len(found):
        raise ConfigError("[parts]", f"names too much alike: {', '.join(found)}", fix="use no dots in them")
    return found


def export_joined(joined: Joined, parts: Mapping[str, PartSource], wiring: Wiring, state: State) -> TorchModel:
    """The whole for one sample, which gives beside its outputs all that its parts hand on: none of that may go.

    Args:
        state: the weights, by part and name; what the parts give when they are made again may differ.
    """
    ends = tuple(wiring.givers)
    joined.gives = ends + tuple(tensor for name in wiring.order for tensor in parts[name].outputs if tensor not in ends)
    made = export_module(joined, declared_inputs(wiring, parts), joined.gives)
    program = put_state(made.program, state)
    return TorchModel(program, made.signature, source_nodes(program.graph))


def export_joined_batched(
    joined: Joined, parts: Mapping[str, PartSource], wiring: Wiring, state: State
) -> BatchedModel:  # fmt: skip
    """The whole for batches, with its own outputs; the arguments as of ``export_joined``."""
    joined.gives = tuple(wiring.givers)
    made = export_batched(joined, declared_inputs(wiring, parts), joined.gives)
    return BatchedModel(put_state(made.program, state), made.signature)
