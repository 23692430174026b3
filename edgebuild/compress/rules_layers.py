"""Operators with weights, and products of tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgebuild.compress.atoms import Axes, Axis, product
from edgebuild.compress.channels import Channels, Made, Rule, fixed, is_transposed, sizes, tensors
from edgebuild.compress.rules_values import broadcast

if TYPE_CHECKING:
    from torch.fx import Node


def convolution(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """Channels in and out are the weight's first two axes; of several groups, each has as many."""
    x, weight = found.of(given["input"]), found.of(given["weight"])
    (value,) = tensors(node)
    if len(x) != len(weight):
        return None
    found.pin(*x[2:], *weight[2:])
    out = _channels(found, x[1], weight, given["groups"], transposed=is_transposed(node))
    if given["bias"] is not None:
        found.atoms.tie(out, found.of(given["bias"])[0])
    return [x[0], out, *fixed(value)[2:]]


def _channels(found: Channels, x: Axis, weight: Axes, groups: int, *, transposed: bool) -> Axis:
    out, own = (weight[1], weight[0]) if transposed else (weight[0], weight[1])
    if groups == 1:
        found.atoms.tie(x, own)
        return out
    if transposed:
        found.atoms.tie(x, own)
        return product(found.atoms.factor(own, groups)[0], out)
    blocks, inside = found.atoms.factor(x, groups)
    found.atoms.tie(inside, own)
    found.atoms.tie(blocks, found.atoms.factor(out, groups)[0])
    return out


def linear(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """Features in and out are the weight's axes."""
    x, weight = found.of(given["input"]), found.of(given["weight"])
    found.atoms.tie(x[-1], weight[1])
    if given.get("bias") is not None:
        found.atoms.tie(weight[0], found.of(given["bias"])[0])
    return [*x[:-1], weight[0]]


def matmul(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """The last axis of one and the last but one of the other are summed over; those before are the same."""
    first, second = found.of(given["self"]), found.of(given.get("other", given.get("mat2")))
    if min(len(first), len(second)) < 2:
        return None
    return _product(found, node, first, second)


def _product(found: Channels, node: Node, first: Axes, second: Axes) -> Axes:
    (value,) = tensors(node)
    found.atoms.tie(first[-1], second[-2])
    batch = broadcast(found, [first[:-2], second[:-2]], sizes(value)[:-2])
    return [*batch, first[-2], second[-1]]


def added_matmul(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """A product, and a tensor added to it."""
    first = found.of(given.get("mat1", given.get("batch1")))
    second = found.of(given.get("mat2", given.get("batch2")))
    (value,) = tensors(node)
    return broadcast(found, [_product(found, node, first, second), found.of(given["self"])], sizes(value))


def einsum(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """Axes of one letter are the same."""
    equation = given["equation"].replace(" ", "")
    if "..." in equation or "->" not in equation:
        return None
    sides, out = equation.split("->")
    letters: dict[str, Axis] = {}
    for side, tensor in zip(sides.split(","), given["tensors"], strict=True):
        for letter, axis in zip(side, found.of(tensor), strict=True):
            known = letters.setdefault(letter, axis)
            if len(known) != len(axis):
                return None
            found.atoms.tie(known, axis)
    return [letters[letter] for letter in out]


def attention(found: Channels, node: Node, given: dict[str, Any]) -> Made:
    """Heads are the same in queries, keys and values; so are the features of queries and keys."""
    query, key, value = (found.of(given[name]) for name in ("query", "key", "value"))
    if given.get("enable_gqa"):
        return None
    (made,) = tensors(node)
    shape = sizes(made)
    batch = broadcast(found, [query[:-2], key[:-2], value[:-2]], shape[:-2])
    found.atoms.tie(query[-1], key[-1])
    found.atoms.tie(key[-2], value[-2])
    found.pin(key[-2])  # what is attended to: softmax runs along it
    if given.get("attn_mask") is not None:
        scores = [*batch, query[-2], key[-2]]
        broadcast(found, [scores, found.of(given["attn_mask"])], [len(axis) for axis in scores])
    return [*batch, query[-2], value[-1]]


def batch_norm(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """One scale, shift, mean and variance a channel; in training they are taken over all other axes."""
    axes = found.of(given["input"])
    if given.get("training") or given.get("use_input_stats"):
        found.normalized += [axes[0], *axes[2:]]
    _tie_own(found, axes[1:2], given)
    return axes


def layer_norm(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """The last axes are normalized together: over fewer features mean and variance are others."""
    axes = found.of(given["input"])
    found.normalized += axes[-len(given["normalized_shape"]) :]
    _tie_own(found, axes[-len(given["normalized_shape"]) :], given)
    return axes


def group_norm(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """Channels are normalized in groups of as many each."""
    axes = found.of(given["input"])
    found.normalized.append(found.atoms.factor(axes[1], given["num_groups"])[1])
    _tie_own(found, axes[1:2], given)
    return axes


def _tie_own(found: Channels, axes: Axes, given: dict[str, Any]) -> None:
    """What a normalization has of its own lies along the axes that it is for."""
    for name in ("weight", "bias", "running_mean", "running_var"):
        if given.get(name) is not None:
            for axis, own in zip(axes, found.of(given[name]), strict=True):
                found.atoms.tie(axis, own)


def embedding(found: Channels, _: Node, given: dict[str, Any]) -> Made:
    """Rows looked up: every row must stay, features can go."""
    rows, features = found.of(given["weight"])
    found.pin(rows)
    return [*found.of(given["indices"]), features]


LAYER_RULES: dict[str, Rule] = {
    **{f"aten.{name}": convolution for name in ("conv1d", "conv2d", "conv3d", "convolution")},
    **{f"aten.{name}": convolution for name in ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")},
    **{f"aten.{name}": matmul for name in ("matmul", "mm", "bmm")},
    **{f"aten.{name}": added_matmul for name in ("addmm", "baddbmm")},
    **{f"aten.{name}": batch_norm for name in ("batch_norm", "instance_norm")},
    **{f"aten.{name}": layer_norm for name in ("layer_norm", "rms_norm")},
    "aten.linear": linear,
    "aten.einsum": einsum,
    "aten.scaled_dot_product_attention": attention,
    "aten.group_norm": group_norm,
    "aten.embedding": embedding,
}
