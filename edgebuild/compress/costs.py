"""What a program costs at other widths, counted from its graph: multiplications and parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil, floor, prod
from typing import TYPE_CHECKING, Any

from edgebuild.compress.atoms import Axis
from edgebuild.compress.channels import arguments, is_transposed, sizes, tensors
from edgebuild.compress.groups import Grouped
from edgebuild.models.nodes import module_path, operator_name

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Node

Widths = Mapping[str, int]
"""By group, how many channels it has."""

Cost = Callable[[Widths], float]
"""What a program costs at some widths, in whatever unit its budget is stated."""

_ROUNDING = 1e-6

Needed = tuple[str, int]
"""A group, and how many of its channels one cell stands on."""


@dataclass(frozen=True)
class Length:
    """How long an axis is at any widths: its cells, by what has to stay for them.

    Attributes:
        cells: how many there are that need so many channels of each of some groups.
        multiple: it counts as rounded up to a multiple of it.
        beyond: what counts is instead what is beyond the last whole multiple.
        below: it counts only where it is shorter than this; 0: always.
    """

    cells: tuple[tuple[int, tuple[Needed, ...]], ...]
    multiple: int = 1
    beyond: bool = False
    below: int = 0

    def at(self, shares: Mapping[Needed, float]) -> float:
        """In cells, where of what they need a share stays."""
        total = 0.0
        for count, needed in self.cells:
            part = float(count)
            for each in needed:
                part *= shares[each]
            total += part
        if self.below and total > self.below - _ROUNDING:
            return 0.0
        if self.beyond:
            return max(0.0, total - floor(total / self.multiple + _ROUNDING) * self.multiple)
        return total if self.multiple == 1 else ceil(total / self.multiple - _ROUNDING) * self.multiple


@dataclass(frozen=True)
class Term:
    """One layer's part: a number times the lengths of some axes."""

    layer: str
    factor: float
    lengths: tuple[Length, ...]
    _known: dict[tuple[float, ...], float] = field(default_factory=dict, compare=False)

    @cached_property
    def needed(self) -> tuple[Needed, ...]:
        """What it depends on."""
        return tuple({each for length in self.lengths for _, needed in length.cells for each in needed})

    def at(self, shares: Mapping[Needed, float]) -> float:
        """Its cost."""
        key = tuple([shares[each] for each in self.needed])
        if key not in self._known:
            cost = self.factor
            for length in self.lengths:
                cost *= length.at(shares)
            self._known[key] = cost
        return self._known[key]


@dataclass(frozen=True)
class Counted:
    """A sum of terms that is a `Cost`.

    Attributes:
        full: every group's width in the program that was counted.
    """

    terms: tuple[Term, ...]
    full: Widths

    def __call__(self, widths: Widths) -> float:
        """The whole at some widths; a group that is not told has all its channels."""
        shares = self._shares(widths)
        return sum(term.at(shares) for term in self.terms)

    def by_layer(self, widths: Widths) -> dict[str, float]:
        """The same, layer by layer."""
        shares = self._shares(widths)
        found: dict[str, float] = {}
        for term in self.terms:
            found[term.layer] = found.get(term.layer, 0.0) + term.at(shares)
        return found

    @cached_property
    def total(self) -> float:
        """At all widths as they are."""
        return self({})

    @cached_property
    def _needed(self) -> tuple[Needed, ...]:
        return tuple({each for term in self.terms for each in term.needed})

    def __truediv__(self, unit: float) -> Counted:
        """The same in another unit."""
        return Counted(tuple(Term(term.layer, term.factor / unit, term.lengths) for term in self.terms), self.full)

    def __add__(self, other: Counted) -> Counted:
        """Both together."""
        return Counted(self.terms + other.terms, self.full)

    def _shares(self, widths: Widths) -> dict[Needed, float]:
        """Of the ways to choose so many channels of a group, those that are left."""
        shares = {}
        for group, times in self._needed:
            full, left, share = self.full[group], widths.get(group, self.full[group]), 1.0
            for taken in range(times):
                share *= max(left - taken, 0) / (full - taken)
            shares[group, times] = share
        return shares


def parameters_of(grouped: Grouped) -> Counted:
    """How many numbers the weights are."""
    member = members(grouped)
    terms = [
        Term(name, 1.0, tuple(length_of(grouped, axis, member) for axis in axes))
        for name, axes in grouped.channels.parameters.items()
    ]
    return Counted(tuple(terms), full_widths(grouped))


def macs_of(program: ExportedProgram, grouped: Grouped) -> Counted:
    """Multiplications with an addition, for one sample, of layers and of products of tensors."""
    member = members(grouped)
    terms = []
    for node in program.graph.nodes:
        counted = multiplied(grouped, node)
        if counted is not None:
            axes, factor = counted
            lengths = tuple(length_of(grouped, axis, member) for axis in axes)
            terms.append(Term(module_path(node) or node.name, factor, lengths))
    return Counted(tuple(terms), full_widths(grouped))


def multiplied(grouped: Grouped, node: Node) -> tuple[list[Axis], float] | None:
    """The axes whose lengths, and the number that, multiplied give a node's MACs; None for one without any."""
    count = _COUNTED.get(operator_name(node)) if node.op == "call_function" else None
    return count(grouped, node) if count is not None else None


def full_widths(grouped: Grouped) -> dict[str, int]:
    """Every group's width."""
    return {group.name: group.width for group in grouped.groups}


def members(grouped: Grouped) -> dict[int, str]:
    """The group that each atom is in."""
    return {atom: group.name for group in grouped.groups for atom in group.atoms}


def length_of(grouped: Grouped, axis: Axis, member: Mapping[int, str]) -> Length:
    """How long an axis is at any widths; ``member`` as of ``members``."""
    cells = grouped.channels.atoms.resolved(axis)
    counts = Counter(tuple(sorted(Counter(member[atom] for atom in cell if atom in member).items())) for cell in cells)
    return Length(tuple((count, needed) for needed, count in counts.items()))


def _convolution(grouped: Grouped, node: Node) -> tuple[list[Axis], float]:
    given = arguments(node)
    (value,) = tensors(given["input"] if is_transposed(node) else node)
    return [*grouped.channels.of(given["weight"])], float(prod(sizes(value)[2:]))


def _linear(grouped: Grouped, node: Node) -> tuple[list[Axis], float]:
    given = arguments(node)
    return [*grouped.channels.of(given["input"])[:-1], *grouped.channels.of(given["weight"])], 1.0


def _product(grouped: Grouped, node: Node) -> tuple[list[Axis], float]:
    given = arguments(node)
    first: Any = given.get("mat1", given.get("batch1", given["self"]))
    return [*grouped.channels.of(node), grouped.channels.of(first)[-1]], 1.0


def _attention(grouped: Grouped, node: Node) -> tuple[list[Axis], float]:
    given = arguments(node)
    made, key = grouped.channels.of(node), grouped.channels.of(given["key"])
    return [*made, key[-2]], 2.0


_COUNTED: dict[str, Callable[[Grouped, Node], tuple[list[Axis], float]]] = {
    **{f"aten.{name}": _convolution for name in ("conv1d", "conv2d", "conv3d", "convolution")},
    **{f"aten.{name}": _convolution for name in ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")},
    **{f"aten.{name}": _product for name in ("matmul", "mm", "bmm", "addmm", "baddbmm")},
    "aten.linear": _linear,
    "aten.scaled_dot_product_attention": _attention,
}
