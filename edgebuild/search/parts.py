"""What a program's time is made of, at any widths: multiplications, weights read, activations read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from edgebuild.compress.atoms import Axis
from edgebuild.compress.channels import arguments, sizes, tensors
from edgebuild.compress.costs import Counted, Length, Term, Widths, full_widths, length_of, members, multiplied
from edgebuild.compress.groups import Grouped
from edgebuild.models.nodes import module_path, operator_name

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Node

_FUSED = frozenset({"relu", "relu6", "hardtanh", "clamp", "batch_norm", "dropout"})
"""Operators that runtimes compute with the layer before them."""

_FREE = frozenset({"view", "reshape", "flatten", "unsqueeze", "squeeze", "detach", "contiguous", "alias", "to"})
"""Operators that move nothing."""

_MOVES = frozenset({"permute", "transpose", "cat", "slice", "select", "chunk", "split", "roll", "pad", "expand"})


BEYOND = ", beyond multiples"
"""How the kinds of work end that only channels make which are beyond the last whole multiple."""

NARROW = ", in narrow layers"
"""How the kinds of work end that only layers make which give few channels."""

Role = Literal["given", "read", "beyond", "narrow"] | None

_OWN_TIME: Mapping[str, Role] = {BEYOND: "beyond", NARROW: "narrow"}
"""How kinds end of multiplications by slower kernels, and the role there of the channels that a layer gives."""


class Multiples(NamedTuple):
    """How many channels kernels take at once.

    Attributes:
        given, read: the channels that a layer gives, and those that it reads, count as rounded up to these.
        whole: of the channels that a layer gives, those beyond the last whole multiple of it take time of their own,
            as kernels compute them one by one.
        narrow: layers that give fewer channels than this take time of their own, as other, slower kernels compute them.
    """

    given: int = 1
    read: int = 1
    whole: int = 1
    narrow: int = 1


SINGLY = Multiples()
"""One at a time."""


def relevant(kind: str, multiples: Multiples) -> Multiples:
    """Those that a kind's amounts depend on, the others being 1."""
    if kind.endswith(NARROW):
        return multiples._replace(whole=1)
    return multiples._replace(given=1, narrow=1) if kind.endswith(BEYOND) else multiples._replace(whole=1, narrow=1)


@dataclass(frozen=True)
class Part:
    """One layer's share of one kind of work: a number times the lengths of some axes.

    Attributes:
        kind: what it is, such as "1x1 MACs": a unit of each takes as long in any layer.
        roles: of each length, whether it is the channels that a layer gives or those that it reads, which kernels take
            several of at once, those that it gives beyond whole multiples, or those that it gives where they are few;
            None: none of them.
    """

    kind: str
    layer: str
    factor: float
    lengths: tuple[Length, ...]
    roles: tuple[Role, ...]

    def term(self, share: float, multiples: Multiples) -> Term:
        """It, where a unit takes a share of the time and channels count in multiples."""
        given, read, whole, narrow = multiples
        counted: dict[Role, Callable[[Length], Length]] = {
            "given": partial(replace, multiple=given),
            "read": partial(replace, multiple=read),
            "beyond": partial(replace, multiple=whole, beyond=True),
            "narrow": partial(replace, multiple=given, below=narrow),
            None: lambda length: length,
        }
        lengths = (counted[role](length) for length, role in zip(self.lengths, self.roles, strict=True))
        return Term(self.layer, self.factor * share, tuple(lengths))


@dataclass(frozen=True)
class Parts:
    """All that a program's time is made of."""

    parts: tuple[Part, ...]
    full: Widths

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of work there are, sorted."""
        return tuple(sorted({part.kind for part in self.parts}))

    def amount(self, kind: str, multiples: Multiples = SINGLY) -> Counted:
        """How much of one kind of work there is, where channels count in multiples."""
        return Counted(tuple(part.term(1.0, multiples) for part in self.parts if part.kind == kind), self.full)


def parts_of(program: ExportedProgram, grouped: Grouped) -> Parts:
    """Take a program apart."""
    known = _Known(grouped)
    found = [part for node in program.graph.nodes if node.op == "call_function" for part in known.parts(node)]
    return Parts(tuple(found), full_widths(grouped))


class _Known:
    """A program's groups, and the lengths of axes that were looked at."""

    def __init__(self, grouped: Grouped) -> None:
        self._grouped, self._member = grouped, members(grouped)

    def parts(self, node: Node) -> Iterator[Part]:
        """The parts of one node; none of what costs nothing, or gives no single tensor."""
        if not isinstance(self._grouped.channels.axes.get(node.name), list) or len(tensors(node)) != 1:
            return
        counted = multiplied(self._grouped, node)
        if counted is not None:
            yield from self._layer(node, *counted)
            return
        kind = _other(node)
        if kind:
            yield self._moved(f"{kind} values", node, node)

    def _layer(self, node: Node, axes: Sequence[Axis], factor: float) -> Iterator[Part]:
        kind, roles = _layer(node, len(axes))
        yield self._part(f"{kind} MACs", node, factor, axes, roles)
        if "given" in roles:
            for suffix, own in _OWN_TIME.items():
                slower = tuple(own if role == "given" else role for role in roles)
                yield self._part(f"{kind} MACs{suffix}", node, factor, axes, slower)
        weight = arguments(node).get("weight")
        if weight is not None:
            sides = self._grouped.channels.of(weight)
            yield self._part(f"{kind} weights", node, 1.0, sides, ("given", "read", *[None] * (len(sides) - 2)))
        yield self._moved(f"{kind} values read", node, _read(node))
        yield self._moved(f"{kind} values written", node, node)

    def _moved(self, kind: str, node: Node, moved: Node) -> Part:
        axes = self._grouped.channels.of(moved)
        return self._part(kind, node, 1.0, axes, (None,) * len(axes))

    def _part(self, kind: str, node: Node, factor: float, axes: Sequence[Axis], roles: tuple[Role, ...]) -> Part:
        lengths = tuple(length_of(self._grouped, axis, self._member) for axis in axes)
        return Part(kind, module_path(node) or node.name, factor, lengths, roles)


def _layer(node: Node, axes: int) -> tuple[str, tuple[Role, ...]]:
    """A layer's kind, and which of the axes of its multiplications are channels."""
    given, operator = arguments(node), operator_name(node)
    if "conv" in operator:
        shape = sizes(tensors(given["weight"])[0])
        rest = (None,) * (axes - 2)
        if given.get("groups", 1) > 1:
            return ("depthwise", ("given", None, *rest)) if shape[1] == 1 else ("grouped", ("given", "read", *rest))
        return "1x1" if max(shape[2:]) == 1 else "kxk", ("given", "read", *rest)
    if operator == "aten.linear":
        return "linear", (*[None] * (axes - 2), "given", "read")
    return "product", (None,) * axes


def _read(node: Node) -> Node:
    given: dict[str, Any] = arguments(node)
    names = ("input", "query", "mat1", "batch1", "self")
    found: Node = next(given[name] for name in names if given.get(name) is not None)
    return found


def _other(node: Node) -> str:
    """The kind of a node without multiplications; "" for one that takes no time of its own."""
    import torch

    name = operator_name(node).removeprefix("aten.").rstrip("_")
    if name in _FUSED or name in _FREE or not operator_name(node).startswith("aten."):
        return ""
    if name in _MOVES:
        return "moved"
    if torch.Tag.pointwise in getattr(node.target, "tags", ()):
        computed = [read for read in node.all_input_nodes if read.op == "call_function"]
        return "joined" if len(computed) > 1 else "pointwise"
    return "reduced"
