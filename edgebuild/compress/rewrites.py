"""Operators that are told sizes, and how they are told those that are left."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgebuild.compress.channels import arguments, is_transposed, sizes, tensors

if TYPE_CHECKING:
    from torch.fx import Node

    from edgebuild.compress.prune import Cut

Rewrite = Callable[["Cut", "Node", "Node"], None]
"""Of what stays, the node to change, and the original, whose axes are known."""


def tell(node: Node, name: str, value: Any) -> None:
    """Set one argument of a call, by its name."""
    names = [argument.name for argument in node.target._schema.arguments]  # type: ignore[union-attr]  # noqa: SLF001
    place = names.index(name)
    if place < len(node.args):
        node.update_arg(place, value)
    else:
        node.update_kwarg(name, value)


def shape(cut: Cut, node: Node, original: Node) -> None:
    """Sizes that changed; those left open stay so."""
    name = next(name for name in ("size", "shape", "sizes") if name in arguments(node))
    given = arguments(node)[name]
    (value,) = tensors(original)
    before, after = sizes(value), cut.sizes(original)
    start = arguments(node)["dim"] % (len(before) - len(given) + 1) if name == "sizes" else 0
    told = [_size(node, size, before[start + at], after[start + at]) for at, size in enumerate(given)]
    if told != list(given):
        tell(node, name, told)


def _size(node: Node, size: Any, before: int, after: int) -> Any:
    """One that is computed, from the batch, say, is computed as before and shrunk."""
    if before == after or size == -1:
        return size
    if isinstance(size, int):
        return after
    with node.graph.inserting_before(node):
        more = node.graph.call_function(operator.mul, (size, after))
        return node.graph.call_function(operator.floordiv, (more, before))


def pieces(cut: Cut, node: Node, original: Node) -> None:
    """However an axis was cut, the pieces have what is left of each."""
    import torch

    given = arguments(node)
    before = [sizes(value) for value in tensors(original)]
    after = cut.pieces(original)
    dim = given["dim"]
    if [each[dim] for each in before] == [each[dim] for each in after]:
        return
    node.target = torch.ops.aten.split_with_sizes.default
    node.args, node.kwargs = (node.args[0], [each[dim] for each in after], dim), {}


def piece(cut: Cut, node: Node, original: Node) -> None:
    """Where a slice begins and ends among those that are left."""
    given = arguments(node)
    axis = cut.channels.of(original.args[0])[given["dim"]]
    kept = cut.kept(axis)
    if len(kept) == len(axis):
        return
    start, stop, _ = slice(given.get("start"), given.get("end")).indices(len(axis))
    tell(node, "start", sum(place < start for place in kept))
    tell(node, "end", sum(place < stop for place in kept))


def groups(cut: Cut, node: Node, original: Node) -> None:
    """As many groups as have channels left."""
    given = arguments(original)
    if given["groups"] == 1:
        return
    x, weight = cut.sizes(given["input"])[1], cut.sizes(given["weight"])
    if is_transposed(original):
        tell(node, "groups", cut.sizes(original)[1] // weight[1])
    else:
        tell(node, "groups", x // weight[1])


def normalized(cut: Cut, node: Node, original: Node) -> None:
    """Over how many features layer normalization goes."""
    count = len(arguments(node)["normalized_shape"])
    tell(node, "normalized_shape", cut.sizes(original)[-count:])


def norm_groups(cut: Cut, node: Node, original: Node) -> None:
    """Groups of channels that are normalized together: those that are left."""
    given = arguments(original)
    blocks, _ = cut.channels.atoms.factor(cut.channels.of(given["input"])[1], given["num_groups"])
    tell(node, "num_groups", len(cut.kept(blocks)))


def border(cut: Cut, node: Node, original: Node) -> None:
    """How many zeros of a border are left."""
    given = list(arguments(node)["pad"])
    (value,) = tensors(original)
    for place in range(len(given) // 2):
        before, after = given[2 * place : 2 * place + 2]
        axis = cut.channels.of(original)[-1 - place]
        if before == after == 0 or len(axis) == len(kept := cut.kept(axis)):
            continue
        given[2 * place] = sum(each < before for each in kept)
        given[2 * place + 1] = sum(each >= sizes(value)[-1 - place] - after for each in kept)
    tell(node, "pad", given)


def scale(cut: Cut, node: Node, original: Node) -> None:
    """Attention goes on dividing by the root of as many features as it was trained with."""
    given = arguments(original)
    features = cut.channels.of(given["query"])[-1]
    if given.get("scale") is None and len(cut.kept(features)) < len(features):
        node.update_kwarg("scale", len(features) ** -0.5)


REWRITES: dict[str, Rewrite] = {
    **{f"aten.{name}": shape for name in ("view", "reshape", "_unsafe_view", "expand", "unflatten")},
    **{f"aten.{name}": pieces for name in ("split", "split_with_sizes", "chunk", "tensor_split")},
    **{f"aten.{name}": groups for name in ("conv1d", "conv2d", "conv3d", "convolution")},
    **{f"aten.{name}": groups for name in ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")},
    **{f"aten.{name}": normalized for name in ("layer_norm", "rms_norm")},
    **{f"aten.{name}": border for name in ("pad", "constant_pad_nd")},
    "aten.slice": piece,
    "aten.group_norm": norm_groups,
    "aten.scaled_dot_product_attention": scale,
}
