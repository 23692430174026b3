"""Operators on values: pointwise ones, reductions, and those along one axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgebuild.compress.atoms import FIXED, Axes, Axis
from edgebuild.compress.channels import Channels, Made, Rule, gives_several, sizes, tensors

if TYPE_CHECKING:
    from torch.fx import Node


def pointwise(found: Channels, node: Node, _: dict[str, Any]) -> Made:
    """Equal axes are the same; those of length 1 are stretched."""
    given = [found.of(read) for read in node.all_input_nodes if tensors(read)]
    (value,) = tensors(node)
    return broadcast(found, given, sizes(value))


def broadcast(found: Channels, given: list[Axes], shape: list[int]) -> Axes:
    """The axes of what several tensors make together, aligned at their last axes."""
    made: Axes = []
    for place, size in enumerate(shape):
        back = place - len(shape)
        axes = [axes[back] for axes in given if len(axes) >= -back and len(axes[back]) == size]
        for other in axes[1:]:
            found.atoms.tie(axes[0], other)
        made.append(axes[0] if axes else [FIXED] * size)
    return made


def same(found: Channels, node: Node, _: dict[str, Any]) -> Made:
    """What goes through as it is."""
    return found.of(node.args[0])


def along(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """One axis is mixed: softmax, a running sum."""
    axes = found.of(given.get("self", given.get("input")))
    found.pin(axes[given["dim"]])
    return axes


def mixed(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """Some axes are rolled or flipped: places change."""
    axes = found.of(given["self"])
    for dim in given["dims"] or range(len(axes)):
        found.pin(axes[dim])
    return axes


def reduction(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """Some axes, or all, are reduced to one value, which would be another one without some."""
    axes = found.of(given["self"])
    dims = given.get("dim")
    chosen = range(len(axes)) if dims is None or dims == [] else [dims] if isinstance(dims, int) else dims
    gone = {dim % len(axes) for dim in chosen} if axes else set()
    for dim in gone:
        found.pin(axes[dim])
    keep = bool(given.get("keepdim"))
    left = [[FIXED] if dim in gone else axis for dim, axis in enumerate(axes) if keep or dim not in gone]
    return [list(left) for _ in tensors(node)] if gives_several(node) else left


def gated(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """One half of an axis scales the other."""
    axes, dim = list(found.of(given["self"])), given["dim"]
    half = len(axes[dim]) // 2
    first, second = axes[dim][:half], axes[dim][half:]
    found.atoms.tie(first, second)
    axes[dim] = first
    return axes


def slopes(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """prelu: one slope a channel, or one for all."""
    axes, weight = found.of(given["self"]), found.of(given["weight"])
    if len(weight[0]) > 1:
        found.atoms.tie(axes[1], weight[0])
    return axes


def nothing(_: Channels, __: Node, given: dict[str, Any]) -> Made:
    """A check of what a tensor is; of its sizes only where it tells none."""
    return None if given.get("size") is not None or given.get("stride") is not None else []


def element(found: Channels, node: Node, _: dict[str, Any]) -> Made:
    """One of several tensors."""
    source, place = node.args
    made: Any = found.axes[source.name][place]  # type: ignore[union-attr, index]
    axes: Axes | Axis = made
    return axes  # type: ignore[return-value]


_SAME = (
    "clone", "contiguous", "to", "_to_copy", "alias", "detach", "detach_", "dropout", "dropout_", "feature_dropout",
    "alpha_dropout", "lift_fresh_copy", "type_as", "zeros_like", "ones_like", "full_like", "empty_like", "hardswish",
    "hardswish_", "relu_", "bernoulli", "rand_like", "randn_like", "float", "half",
)  # fmt: skip
_REDUCTIONS = (
    "mean", "sum", "amax", "amin", "max", "min", "argmax", "argmin", "var", "std", "prod", "all", "any", "norm",
    "linalg_vector_norm", "logsumexp", "var_mean", "std_mean",
)  # fmt: skip
_BROADCASTING = (
    "pointwise",
    "aten.copy_",
    "aten.masked_fill",
    "aten.masked_fill_",
    "aten.rsub",
    "aten.where",
    "aten.floor_divide",
)

VALUE_RULES: dict[str, Rule] = {
    **{f"aten.{name}": same for name in _SAME},
    **{f"aten.{name}": reduction for name in _REDUCTIONS},
    **dict.fromkeys(_BROADCASTING, pointwise),
    **{f"aten.{name}": along for name in ("softmax", "log_softmax", "_softmax", "_log_softmax", "cumsum")},
    "aten.roll": mixed,
    "aten.flip": mixed,
    "aten.glu": gated,
    "aten.prelu": slopes,
    "aten._assert_tensor_metadata": nothing,
    "getitem": element,
}
