"""Other declarations that samples might need: one edit of the declared steps each, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations

from edgebuild.core.array import Array, np
from edgebuild.core.input_check import Kind
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Cast, Normalize, ReverseChannels, Step
from edgebuild.inputcheck.catalogue import SIGNED, UNSIGNED, Known, full_scale
from edgebuild.inputcheck.remade import Change, remade
from edgebuild.inputcheck.steps import (
    Parts,
    Steps,
    axis_before,
    channel_axis,
    moved,
    reversed_at,
    taken_apart,
)
from edgebuild.steps.preprocess import apply_steps

_MOST_ORDERS = 5
_SHIFTS = (-1, 1)
_SAME_SCALE = 1.25
"""Factor up to which a fitted scale is the declared one, and what is wrong is the offset."""


@dataclass(frozen=True)
class Alternative:
    """Another declaration of one input.

    Attributes:
        kind: what is wrong with the declared one if this is right.
        words: what is different, as "… would" continues.
        steps: its ``pre`` steps.
        change: where the samples themselves are to be made otherwise, how.
        fix: what to do then.
    """

    kind: Kind
    words: str
    steps: Steps
    change: Change | None = None
    fix: str = ""


def alternatives(spec: InputSpec, raw: Array) -> Iterator[Alternative]:
    """Edits of an input's steps; some may come to the same.

    Args:
        raw: some samples before the ``pre`` steps, (N, …).
    """
    for other in remade(raw):
        yield Alternative(other.kind, other.words, spec.pre, other.change, other.fix)
    if np.dtype(spec.dtype).kind in "iu" and not spec.pre:
        yield from _ids(spec)
        return
    parts = taken_apart(spec.pre)
    yield from _channels(spec, parts)
    yield from _numbers(spec, parts, raw)
    yield from _layouts(spec)


def _ids(spec: InputSpec) -> Iterator[Alternative]:
    """Token ids of a vocabulary with one entry more or less in front."""
    for shift in _SHIFTS:
        steps = (Normalize(mean=(float(-shift),)), Cast(dtype=spec.dtype))
        yield Alternative("vocabulary", f"token ids {abs(shift)} {'higher' if shift > 0 else 'lower'}", steps)


def _channels(spec: InputSpec, parts: Parts) -> Iterator[Alternative]:
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
    if not isinstance(step, Normalize):
        return step
    return _reversed(step)


def _reversed(step: Normalize) -> Normalize:
    return step.model_copy(update={"mean": step.mean[::-1], "std": step.std[::-1]})


def _numbers(spec: InputSpec, parts: Parts, raw: Array) -> Iterator[Alternative]:
    """The declared numbers otherwise; then the known normalizations; then the samples' own statistics."""
    for kind, words, numbers in _otherwise(parts):
        yield Alternative(kind, words, parts.with_numbers(*numbers).steps)
    values = apply_steps(raw, parts.before)
    final = channel_axis(spec)
    axis = axis_before(final, parts.after) if final is not None else None
    channels = values.shape[axis] if axis is not None else 0
    flipped = any(isinstance(step, ReverseChannels) for step in parts.before)
    low, high = float(values.min()), float(values.max())
    yield Alternative("scale", "values as they are", parts.with_numbers().steps)
    for scale in dict.fromkeys((full_scale(low, high), *((255.0,) if 1 < high <= 255 and low >= 0 else ()))):
        for known in SIGNED if low < 0 else UNSIGNED:
            if known.fits(channels):
                step = _as_step(known, scale, axis, flipped=flipped)
                words = known.name if known.kind == "mean and deviation" else f"values scaled to {known.name}"
                yield Alternative(known.kind, words, parts.with_numbers(step).steps)
    yield _own_statistics(parts, values, axis)


def _as_step(known: Known, scale: float, axis: int | None, *, flipped: bool) -> Normalize:
    """A known normalization for values of some full scale; statistics in the order of the channels."""
    place = axis if axis is not None else 1
    if known.mean == (0.0,) and known.std == (1.0,):
        return Normalize(std=(scale / known.gain,), channel_axis=place)
    step = Normalize(scale=_round(known.gain / scale), mean=known.mean, std=known.std, channel_axis=place)
    return _reversed(step) if flipped else step


def _otherwise(parts: Parts) -> Iterator[tuple[Kind, str, Steps]]:
    """Slips in the numbers that are declared: what was left out, doubled, or given in other units."""
    for place, step in enumerate(parts.numbers):
        if not isinstance(step, Normalize):
            continue

        def put(*others: Normalize, at: int = place) -> Steps:
            return (*parts.numbers[:at], *others, *parts.numbers[at + 1 :])

        if len(parts.numbers) > 1:
            yield "scale", "one normalization less", put()
        for factor, words in ((1 / 255, "values divided by 255 first"), (255.0, "values not divided by 255")):
            yield "scale", words, put(step.model_copy(update={"scale": _round(step.scale * factor)}))
        if step.mean != (0.0,) or step.std != (1.0,):
            kind: Kind = "mean and deviation"
            for factor, unit in ((255.0, "0..255"), (1 / 255, "0..1")):
                scaled = {name: tuple(_round(v * factor) for v in getattr(step, name)) for name in ("mean", "std")}
                yield kind, f"mean and deviation in units of {unit}", put(step.model_copy(update=scaled))
        if any(step.mean):
            negated = tuple(-value for value in step.mean)
            yield "mean and deviation", "the mean with the other sign", put(step.model_copy(update={"mean": negated}))
            yield "mean and deviation", "no mean taken off", put(step.model_copy(update={"mean": (0.0,)}))


def _round(value: float) -> float:
    return float(f"{value:.12g}")


def _own_statistics(parts: Parts, values: Array, axis: int | None) -> Alternative:
    """Mean 0 and deviation 1 in these samples, by channel where channels are known."""
    over = tuple(i for i in range(values.ndim) if i != axis)
    own = values.astype(np.float64)
    mean, std = np.atleast_1d(own.mean(axis=over)), np.atleast_1d(own.std(axis=over))
    numbers = {
        "mean": tuple(float(f"{v:.4g}") for v in mean),
        "std": tuple(max(1e-6, float(f"{v:.4g}")) for v in std),
    }
    step = Normalize.model_validate({**numbers, "channel_axis": axis if axis is not None else 1})
    return Alternative("mean and deviation", "these samples' own mean and deviation", parts.with_numbers(step).steps)


def _layouts(spec: InputSpec) -> Iterator[Alternative]:
    """Other orders of axes of equal size, and axes that run the other way."""
    axes = range(1, len(spec.shape))
    orders = (order for order in permutations(axes) if order != tuple(axes))
    fitting = [order for order in orders if tuple(spec.shape[axis] for axis in order) == spec.shape[1:]]
    for order in fitting[:_MOST_ORDERS]:
        named = ", ".join(f"{a} and {b}" for a, b in zip(axes, order, strict=True) if a < b)
        yield Alternative("layout", f"axes {named} exchanged", moved(spec.pre, (0, *order)))
    channel = channel_axis(spec)
    if len(spec.shape) == 4 and channel is not None:
        for axis, words in zip((a for a in axes if a != channel), ("upside down", "mirrored"), strict=False):
            yield Alternative("layout", f"images {words}", reversed_at(spec.pre, axis))


def scaled(spec: InputSpec, factor: float, offset: float) -> Alternative:
    """The declared input times a factor plus an offset, as the model's own statistics want it."""
    parts = taken_apart(spec.pre)
    step = Normalize(std=(_round(float(f"{1 / factor:.4g}")),), mean=(float(f"{-offset / factor:.4g}"),))
    numbers: Steps = (*(one for one in parts.numbers if not isinstance(one, Cast)), step)
    if len(numbers) == 2 and isinstance(numbers[0], Normalize):
        numbers = (_merged(numbers[0], step),)
    kind: Kind = "scale" if not 1 / _SAME_SCALE < factor < _SAME_SCALE else "mean and deviation"
    words = "the scale and offset that the model's first batch normalization remembers"
    return Alternative(kind, words, parts.with_numbers(*numbers).steps)


def _merged(first: Normalize, then: Normalize) -> Normalize:
    """Two normalizations as one: the second's numbers are for all channels."""
    mean = tuple(_round(m + then.mean[0] * s) for m, s in _paired(first))
    std = tuple(_round(s * then.std[0]) for _, s in _paired(first))
    return first.model_copy(update={"mean": mean, "std": std})


def _paired(step: Normalize) -> list[tuple[float, float]]:
    count = max(len(step.mean), len(step.std))
    means, stds = (values * (count if len(values) == 1 else 1) for values in (step.mean, step.std))
    return list(zip(means, stds, strict=True))
