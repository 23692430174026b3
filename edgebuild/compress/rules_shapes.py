"""Operators that move, cut and join axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from edgebuild.compress.atoms import FIXED, Axes, Axis, product
from edgebuild.compress.channels import Channels, Made, Rule, fixed, gives_several, sizes, tensors
from edgebuild.compress.rules_values import broadcast

if TYPE_CHECKING:
    from torch.fx import Node


def view(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """Axes flattened and split; of length 1, added and dropped."""
    (value,) = tensors(node)
    return regroup(found, found.of(given["self"]), sizes(value))


def regroup(found: Channels, axes: Axes, shape: Sequence[int]) -> Axes | None:
    """Axes in another shape of as many values, run by run of axes that hold the same number."""
    if 0 in shape:
        return None
    before, after = [axis for axis in axes if len(axis) != 1], [size for size in shape if size != 1]
    made: list[Axis] = []
    while before:
        run, many = [before.pop(0)], [after.pop(0)]
        while (have := _size(run)) != (want := prod(many)):
            if have < want:
                run.append(before.pop(0))
            else:
                many.append(after.pop(0))
        made += _split(found, run, many)
    rest = iter(made)
    return [[FIXED] if size == 1 else next(rest) for size in shape]


def _size(run: Sequence[Axis]) -> int:
    return prod(len(axis) for axis in run)


def _split(found: Channels, run: list[Axis], many: Sequence[int]) -> list[Axis]:
    """A run of axes as others; those that fit whole into the first go there whole, and the next one is split."""
    if len(many) == 1:
        return [product(*run)]
    whole: list[Axis] = []
    rest = list(run)
    while rest and many[0] % (_size(whole) * len(rest[0])) == 0:
        whole.append(rest.pop(0))
    rows = many[0] // _size(whole)
    if not rest or len(rest[0]) % rows:
        whole, rest, rows = [], [product(*run)], many[0]
    first, left = found.atoms.factor(rest[0], rows) if rows > 1 else ([FIXED], rest[0])
    return [product(*whole, first), *_split(found, [left, *rest[1:]], many[1:])]


def permute(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """Axes in another order."""
    axes = found.of(given["self"])
    return [axes[dim] for dim in given["dims"]]


def transpose(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """Two axes change places; without saying which, all are turned round."""
    axes = list(found.of(given["self"]))
    if "dim0" not in given:
        return axes[::-1] if len(axes) == 2 else axes[:-2] + axes[:-3:-1]
    one, other = given["dim0"], given["dim1"]
    axes[one], axes[other] = axes[other], axes[one]
    return axes


def expand(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """Axes of length 1 stretched, new ones in front."""
    (value,) = tensors(node)
    return broadcast(found, [found.of(given["self"])], sizes(value))


def repeat(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """Copies one after the other."""
    (value,) = tensors(node)
    axes, shape = found.of(given["self"]), sizes(value)
    new = len(shape) - len(axes)
    made: Axes = [[FIXED] * size for size in shape[:new]]
    for axis, size in zip(axes, shape[new:], strict=True):
        if len(axis) != size:
            found.pin(axis)
        made.append(axis if len(axis) == size else [FIXED] * size)
    return made


def cat(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """Tensors one after the other along an axis; their other axes are the same."""
    many = [found.of(each) for each in given["tensors"] if len(found.of(each)) > 1 or len(given["tensors"]) == 1]
    if len(many) != len(given["tensors"]):
        return None
    dim = given["dim"] % len(many[0])
    for other in many[1:]:
        for place, (a, b) in enumerate(zip(many[0], other, strict=True)):
            if place != dim:
                found.atoms.tie(a, b)
    made = list(many[0])
    made[dim] = [cell for axes in many for cell in axes[dim]]
    return made


def stack(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """Tensors of one shape along a new axis."""
    many = [found.of(each) for each in given["tensors"]]
    for other in many[1:]:
        for a, b in zip(many[0], other, strict=True):
            found.atoms.tie(a, b)
    made, dim = list(many[0]), given["dim"]
    made.insert(dim if dim >= 0 else dim + len(made) + 1, [FIXED] * len(many))
    return made


def split(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """An axis in consecutive pieces."""
    axes, dim, start = found.of(given["self"]), given["dim"], 0
    made: list[Axes] = []
    for value in tensors(node):
        piece = list(axes)
        stop = start + sizes(value)[dim]
        piece[dim] = axes[dim][start:stop]
        made.append(piece)
        start = stop
    return made


def unbind(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """An axis in its places, each of which must stay."""
    axes, dim = list(found.of(given["self"])), given["dim"]
    found.pin(axes[dim])
    del axes[dim]
    return [list(axes) for _ in tensors(node)]


def select(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """One place of an axis, counted from its start."""
    axes = list(found.of(given["self"]))
    found.pin(axes[given["dim"]])
    del axes[given["dim"]]
    return axes


def slice_(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """A piece of an axis."""
    (value,) = tensors(node)
    axes, dim = list(found.of(given["self"])), given["dim"]
    start, stop = given.get("start") or 0, given.get("end")
    told = isinstance(start, int) and (stop is None or isinstance(stop, int)) and given.get("step", 1) == 1
    piece = axes[dim][slice(start, stop)] if told else []
    if len(piece) != sizes(value)[dim]:
        found.pin(axes[dim])
        piece = fixed(value)[dim]
    axes[dim] = piece
    return axes


def pad(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """Zeros round an axis can go with what they are added to; of other kinds all must stay."""
    (value,) = tensors(node)
    axes = list(found.of(given["self"]))
    zeros = given.get("mode", "constant") == "constant" and not given.get("value")
    for place in range(len(given["pad"]) // 2):
        before, after = given["pad"][2 * place : 2 * place + 2]
        axis, dim = axes[-1 - place], len(axes) - 1 - place
        if before == after == 0:
            continue
        if zeros and any(axis) and isinstance(before, int) and isinstance(after, int) and min(before, after) >= 0:
            axes[dim] = [*_zeros(found, before), *axis, *_zeros(found, after)]
        else:
            found.pin(axis)
            axes[dim] = fixed(value)[dim]
    return axes


def _zeros(found: Channels, count: int) -> Axis:
    return found.atoms.fresh(count + 1)[:count]  # one alone can go too


def planes(found: Channels, node: Node, _: dict[str, Any]) -> Made:
    """Pooling and resizing: batch and channels stay what they are, the rest is places."""
    axes = found.of(node.args[0])
    values = tensors(node)
    if len(axes) < 3 or len(sizes(values[0])) != len(axes):
        return None
    found.pin(*axes[2:])
    made: list[Axes] = [[*axes[:2], *fixed(value)[2:]] for value in values]
    return made if gives_several(node) else made[0]


def shuffle(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """pixel_shuffle: r² channels become one of r times the height and width."""
    (value,) = tensors(node)
    axes = found.of(given["self"])
    channels, inside = found.atoms.factor(axes[1], sizes(value)[1])
    found.pin(inside, *axes[2:])
    return [axes[0], channels, *fixed(value)[2:]]


def index(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """Rows looked up by one tensor; the other axes stay."""
    axes, looked = found.of(given["self"]), given["indices"]
    used = [place for place, each in enumerate(looked) if each is not None]
    if len(used) != 1:
        return None
    (place,) = used
    found.pin(axes[place], *found.of(looked[place]))
    (value,) = tensors(node)
    many = len(sizes(value)) - len(axes) + 1
    return [*axes[:place], *fixed(value)[place : place + many], *axes[place + 1 :]]


def index_select(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """Places of one axis looked up."""
    axes, dim = list(found.of(given["self"])), given["dim"]
    (value,) = tensors(node)
    found.pin(axes[dim])
    axes[dim] = fixed(value)[dim]
    return axes


_VIEWS = (
    "view", "reshape", "flatten", "unflatten", "_unsafe_view", "squeeze", "unsqueeze", "squeeze_", "unsqueeze_",
    "reshape_as", "view_as",
)  # fmt: skip
_PLANES = (
    "max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool2d", "upsample_nearest1d",
    "upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d", "upsample_linear1d", "_upsample_nearest_exact2d",
)  # fmt: skip

SHAPE_RULES: dict[str, Rule] = {
    **{f"aten.{name}": view for name in _VIEWS},
    **{f"aten.{name}": planes for name in _PLANES},
    **{f"aten.{name}": split for name in ("split", "split_with_sizes", "chunk", "tensor_split")},
    **{f"aten.{name}": transpose for name in ("transpose", "t", "numpy_T", "mT")},
    **{f"aten.{name}": expand for name in ("expand", "expand_as", "broadcast_to")},
    **{f"aten.{name}": cat for name in ("cat", "concat", "concatenate")},
    **{f"aten.{name}": pad for name in ("pad", "constant_pad_nd")},
    "aten.permute": permute,
    "aten.repeat": repeat,
    "aten.stack": stack,
    "aten.unbind": unbind,
    "aten.select": select,
    "aten.slice": slice_,
    "aten.index": index,
    "aten.index_select": index_select,
    "aten.pixel_shuffle": shuffle,
}
