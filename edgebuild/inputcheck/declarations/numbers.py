"""Other numbers where numbers are declared: slips in them, known normalizations, the samples' own statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgebuild.core.array import Array, np
from edgebuild.core.input_check import Kind
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Cast, Normalize, ReverseChannels, Step
from edgebuild.inputcheck.declarations.alternative import Alternative
from edgebuild.inputcheck.declarations.catalogue import SIGNED, UNSIGNED, Known, full_scale
from edgebuild.inputcheck.declarations.orders import reversed_statistics
from edgebuild.inputcheck.declarations.steps import Parts, Steps, axis_before, channel_axis, spectral
from edgebuild.steps.preprocess import apply_steps

_SAME_SCALE = 1.25
"""Factor up to which a fitted scale is the declared one, and what is wrong is the offset."""
_STANDARD = 0.5, 2.0
"""Deviations between which numbers around 0 look like standardized ones."""
_DEVIATIONS: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("the variance's root for deviation", lambda v: float(np.sqrt(v))),
    ("the deviation's square for deviation", lambda v: v * v),
    ("values multiplied by the deviation", lambda v: 1 / v),
)
_MIDDLE, _SPREAD = 0.45, 0.25
"""Mean and deviation of photographs, as shares of full scale: ImageNet's, over all channels."""


def declared(spec: InputSpec, parts: Parts, raw: Array) -> Iterator[Alternative]:
    """The declared numbers otherwise; then the known normalizations; then the samples' own statistics."""
    for kind, words, numbers in _slips(parts):
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
                yield Alternative(_kind(parts, step, known), _words(known), parts.with_numbers(step).steps)
    if not spectral(parts.before):
        yield from _standardized(parts, values, channels, axis, flipped=flipped)
    yield _own_statistics(parts, values, axis)
    yield from _other_deviations(parts)
    if not spectral(parts.before):
        yield from _by_themselves(parts)


def is_by_statistics(step: Step) -> bool:
    """Whether it is a normalization by a mean and a deviation, not only by a range."""
    return isinstance(step, Normalize) and any(step.mean) and step.std not in ((1.0,), step.mean)


def _other_deviations(parts: Parts) -> Iterator[Alternative]:
    """Something else than a deviation in its place."""
    for place, step in enumerate(parts.numbers):
        if isinstance(step, Normalize) and step.std != (1.0,):
            for words, change in _DEVIATIONS:
                other = step.model_copy(update={"std": _each(step.std, change)})
                numbers = (*parts.numbers[:place], other, *parts.numbers[place + 1 :])
                yield Alternative(_told(step), words, parts.with_numbers(*numbers).steps)


def _kind(parts: Parts, step: Normalize, known: Known) -> Kind:
    """What is wrong if a known normalization is right: the mean, where values are scaled as declared, or by one."""
    if any(is_by_statistics(one) for one in parts.numbers):
        return "mean and deviation"
    same = 1 / _SAME_SCALE < _slope(step) / (_slope(*parts.numbers) or 1.0) < _SAME_SCALE
    return "mean and deviation" if same else known.kind


def _slope(*steps: Step) -> float:
    """By what values are multiplied, in the mean over channels."""
    slopes = [step.scale / float(np.mean(step.std)) for step in steps if isinstance(step, Normalize)]
    return float(np.prod(slopes))


def _words(known: Known) -> str:
    return known.name if known.kind == "mean and deviation" else f"values scaled to {known.name}"


def _as_step(known: Known, scale: float, axis: int | None, *, flipped: bool) -> Normalize:
    """A known normalization for values of some full scale; statistics in the order of the channels."""
    place = axis if axis is not None else 1
    if known.mean == (0.0,) and known.std == (1.0,):
        return Normalize(std=(scale / known.gain,), channel_axis=place)
    step = Normalize(scale=rounded(known.gain / scale), mean=known.mean, std=known.std, channel_axis=place)
    return reversed_statistics(step) if flipped else step


def _standardized(
    parts: Parts, values: Array, channels: int, axis: int | None, *, flipped: bool
) -> Iterator[Alternative]:
    """Known normalizations of values that were standardized before: photographs have about the same mean and spread."""
    middle, spread = float(values.mean()), float(values.std())
    if values.dtype.kind != "f" or abs(middle) > spread or not _STANDARD[0] < spread < _STANDARD[1]:
        return
    for known in UNSIGNED:
        if known.fits(channels):
            step = _as_step(known, 1.0, axis, flipped=flipped)
            step = in_front_of(step, _SPREAD, _MIDDLE)
            words = f"{_words(known)}, of values that are standardized already"
            yield Alternative("mean and deviation", words, parts.with_numbers(step).steps)


def _by_themselves(parts: Parts) -> Iterator[Alternative]:
    """Each sample normalized by its own numbers, which no step does."""
    fix = "normalize each sample by itself where the samples are made, and declare no normalization"
    words = "each sample standardized by itself"
    yield Alternative("mean and deviation", words, parts.with_numbers().steps, _standardize, fix)
    yield Alternative("scale", "each sample divided by its own largest value", parts.with_numbers().steps, _to_one, fix)


def _standardize(raw: Array) -> Array:
    values, axes = raw.astype(np.float32), tuple(range(1, raw.ndim))
    deviation = np.maximum(values.std(axis=axes, keepdims=True), np.float32(1e-6))
    alone: Array = (values - values.mean(axis=axes, keepdims=True)) / deviation
    return alone


def _to_one(raw: Array) -> Array:
    values = raw.astype(np.float32)
    largest = np.abs(values).max(axis=tuple(range(1, raw.ndim)), keepdims=True)
    alone: Array = values / np.maximum(largest, np.float32(1e-6))
    return alone


def in_front_of(step: Normalize, factor: float, offset: float) -> Normalize:
    """The normalization that does as ``step`` does of ``factor * x + offset``."""
    means = tuple(rounded(mean - offset * step.scale) for mean in step.mean)
    return step.model_copy(update={"scale": rounded(step.scale * factor), "mean": means})


def _slips(parts: Parts) -> Iterator[tuple[Kind, str, Steps]]:
    """Slips in the numbers that are declared: what was left out, doubled, or given in other units."""
    for place, step in enumerate(parts.numbers):
        if not isinstance(step, Normalize):
            continue

        def put(*others: Normalize, at: int = place) -> Steps:
            return (*parts.numbers[:at], *others, *parts.numbers[at + 1 :])

        if len(parts.numbers) > 1:
            yield "scale", "one normalization less", put()
        for factor, words in ((1 / 255, "values divided by 255 first"), (255.0, "values not divided by 255")):
            yield "scale", words, put(step.model_copy(update={"scale": rounded(step.scale * factor)}))
        if step.mean != (0.0,) or step.std != (1.0,):
            for words, other in _statistics(step):
                yield _told(step), words, put(other)


def _told(step: Normalize) -> Kind:
    """What the numbers of a normalization are: a scale, where there is no mean."""
    return "mean and deviation" if any(step.mean) else "scale"


def _statistics(step: Normalize) -> Iterator[tuple[str, Normalize]]:
    """Slips in a mean and a deviation."""
    for factor, unit in ((255.0, "0..255"), (1 / 255, "0..1")):
        both = {"mean": _each(step.mean, lambda v, f=factor: v * f), "std": _each(step.std, lambda v, f=factor: v * f)}  # type: ignore[misc]
        yield f"mean and deviation in units of {unit}", step.model_copy(update=both)
    if any(step.mean):
        yield "the mean with the other sign", step.model_copy(update={"mean": _each(step.mean, lambda v: -v)})
        yield "no mean taken off", step.model_copy(update={"mean": (0.0,)})
        if min(step.mean) > 0 and step.mean != step.std:
            yield "mean and deviation exchanged", step.model_copy(update={"mean": step.std, "std": step.mean})
    if step.std != (1.0,):
        yield "nothing divided by the deviation", step.model_copy(update={"std": (1.0,)})


def _each(values: tuple[float, ...], change: Callable[[float], float]) -> tuple[float, ...]:
    return tuple(rounded(change(value)) for value in values)


def rounded(value: float) -> float:
    """To twelve digits: as a project file has it."""
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


def scaled(parts: Parts, factor: float, offset: float) -> Alternative:
    """The declared input times a factor plus an offset, as the model's own statistics want it."""
    step = Normalize(std=(rounded(float(f"{1 / factor:.4g}")),), mean=(float(f"{-offset / factor:.4g}"),))
    numbers: Steps = (*(one for one in parts.numbers if not isinstance(one, Cast)), step)
    if len(numbers) == 2 and isinstance(numbers[0], Normalize):
        numbers = (_merged(numbers[0], step),)
    kind: Kind = "scale" if not 1 / _SAME_SCALE < factor < _SAME_SCALE else "mean and deviation"
    words = "the scale and offset that the model's first batch normalization remembers"
    return Alternative(kind, words, parts.with_numbers(*numbers).steps)


def _merged(first: Normalize, then: Normalize) -> Normalize:
    """Two normalizations as one: the second's numbers are for all channels."""
    mean = tuple(rounded(m + then.mean[0] * s) for m, s in _paired(first))
    std = tuple(rounded(s * then.std[0]) for _, s in _paired(first))
    return first.model_copy(update={"mean": mean, "std": std})


def _paired(step: Normalize) -> list[tuple[float, float]]:
    count = max(len(step.mean), len(step.std))
    means, stds = (values * (count if len(values) == 1 else 1) for values in (step.mean, step.std))
    return list(zip(means, stds, strict=True))
