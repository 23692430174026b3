"""Channels and axes in another order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Normalize, Step
from edgebuild.inputcheck.declarations.alternative import Alternative
from edgebuild.inputcheck.declarations.steps import Parts, axis_before, channel_axis, moved, reversed_at

_MOST_ORDERS = 5


def channels(spec: InputSpec, parts: Parts) -> Iterator[Alternative]:
    """Channels reversed without their statistics, with them, and the statistics alone."""
    axis = channel_axis(spec)
    if axis is None or spec.shape[axis] != 3:
        return
    flipped = parts.with_numbers(*(_statistics_reversed(step) for step in parts.numbers))
    here = axis_before(axis, parts.after)
    swapped = reversed_at(parts.before, here)
    words = "channels in reverse order (RGB for BGR or the other way)"
    yield Alternative("channel order", words, replace(parts, before=swapped).steps)
    if flipped != parts:
        words = "channels in reverse order (RGB for BGR or the other way), statistics with them"
        yield Alternative("channel order", words, replace(flipped, before=swapped).steps)
        yield Alternative("channel order", "mean and deviation in reverse order", flipped.steps)


def _statistics_reversed(step: Step) -> Step:
    return reversed_statistics(step) if isinstance(step, Normalize) else step


def reversed_statistics(step: Normalize) -> Normalize:
    """With mean and deviation in the reverse order of channels."""
    return step.model_copy(update={"mean": step.mean[::-1], "std": step.std[::-1]})


def layouts(spec: InputSpec) -> Iterator[Alternative]:
    """Other orders of axes of equal size, axes that run the other way, and a picture that lies on its side."""
    axes = range(1, len(spec.shape))
    orders = (order for order in permutations(axes) if order != tuple(axes))
    fitting = [order for order in orders if tuple(spec.shape[axis] for axis in order) == spec.shape[1:]]
    for order in fitting[:_MOST_ORDERS]:
        named = ", ".join(f"{a} and {b}" for a, b in zip(axes, order, strict=True) if a < b)
        yield Alternative("layout", f"axes {named} exchanged", moved(spec.pre, (0, *order)))
    channel = channel_axis(spec)
    if len(spec.shape) == 4 and channel is not None:
        rows, columns = (a for a in axes if a != channel)
        for axis, words in ((rows, "upside down"), (columns, "mirrored")):
            yield Alternative("layout", f"images {words}", reversed_at(spec.pre, axis))
        yield Alternative("layout", "images turned half round", reversed_at(reversed_at(spec.pre, rows), columns))
        if spec.shape[rows] == spec.shape[columns]:
            order = tuple({rows: columns, columns: rows}.get(axis, axis) for axis in range(4))
            for axis, words in ((columns, "clockwise"), (rows, "counterclockwise")):
                turned = reversed_at(moved(spec.pre, order), axis)
                yield Alternative("layout", f"images turned a quarter {words}", turned)
