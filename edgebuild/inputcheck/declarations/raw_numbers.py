"""Values that mean something else before anything is done to them: other units, another zero, another direction."""

from __future__ import annotations

import math
from collections.abc import Iterator

from edgebuild.core.array import Array, np
from edgebuild.core.input_check import Kind
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Cast, Normalize
from edgebuild.inputcheck.declarations.alternative import Alternative
from edgebuild.inputcheck.declarations.catalogue import full_scale_of
from edgebuild.inputcheck.declarations.form import Form
from edgebuild.inputcheck.declarations.numbers import in_front_of, rounded
from edgebuild.inputcheck.declarations.steps import Parts, Steps, reads_first, spectral

Front = tuple[Kind, str, float, float]
"""What is wrong, in words, and the ``factor`` and ``offset`` that mend it: ``factor * x + offset``."""

_BLACK, _WHITE = 16, 235
"""Of a video's bytes (ITU-R BT.601)."""
_DEEPER = (1, 2, 4, 8)
"""Bits by which a camera's or a converter's words may be wider than the model's: 10, 12 and 16 for 8, 9 for 8."""
_WORDS = (7, 8, 15, 16, 23, 31)
"""Bits that a sound's whole numbers have after the sign, or differ by."""
_UNITS = (
    ("decibels for natural logarithms of power", 10 / math.log(10)),
    ("decibels for natural logarithms of amplitude", 20 / math.log(10)),
    ("decibels for decimal logarithms, or percent for tenths", 10.0),
    ("natural for decimal logarithms", math.log(10)),
    ("twice the number, as power for amplitude under a logarithm", 2.0),
    ("degrees for radians", 180 / math.pi),
    ("metres per second squared for g", 9.80665),
    ("percent for shares", 100.0),
    ("thousandths for ones", 1000.0),
)


def in_front(spec: InputSpec, parts: Parts, raw: Array, form: Form) -> Iterator[Alternative]:
    """Declarations that put ``factor * x + offset`` before all else."""
    sources = {"picture": _of_pixels, "waveform": _of_sound, "numbers": _of_numbers}
    if form.sort in sources:
        for kind, words, factor, offset in sources[form.sort](raw):
            yield Alternative(kind, words, _with_front(spec, parts, factor, offset))


def _of_pixels(raw: Array) -> Iterator[Front]:
    low, full = float(raw.min()), full_scale_of(raw)
    if low >= 0:
        yield "scale", "values inverted, 0 for the highest", -1.0, full
    else:
        yield "scale", "values of the other sign", -1.0, 0.0
    half = float(math.ceil(full / 2)) if low >= 0 else full
    yield "scale", "0 in the middle of the range", 1.0, -half
    yield "scale", "the middle of the range where 0 is", 1.0, half
    if low >= 0:
        stretch = 255 / (_WHITE - _BLACK)
        black = _BLACK * full / 255
        yield "scale", f"{_BLACK} to {_WHITE} of 255 stretched over all", stretch, -stretch * black
        yield "scale", f"all squeezed to {_BLACK} to {_WHITE} of 255", 1 / stretch, black
    for bits in _DEEPER:
        yield "scale", f"values of {bits} bits more", float(2**bits), 0.0
        yield "scale", f"values of {bits} bits fewer", 2.0**-bits, 0.0


def _of_sound(raw: Array) -> Iterator[Front]:
    middle = float(np.median(raw.astype(np.float64)))
    if middle:
        yield "mean and deviation", "what the sensor gives at rest taken off", 1.0, -float(f"{middle:.4g}")
    for bits in _WORDS:
        yield "scale", f"values of {bits} bits more", float(2**bits), 0.0
        yield "scale", f"values of {bits} bits fewer", 2.0**-bits, 0.0


def _of_numbers(raw: Array) -> Iterator[Front]:
    if raw.dtype.kind != "f":
        return
    yield "scale", "values of the other sign", -1.0, 0.0
    for words, factor in _UNITS:
        yield "scale", f"another unit ({words})", factor, 0.0
        yield "scale", f"another unit (not {words})", 1 / factor, 0.0


def _with_front(spec: InputSpec, parts: Parts, factor: float, offset: float) -> Steps:
    """The declared steps behind ``factor * x + offset``, in one with the first normalization where that can be."""
    front = Normalize(scale=rounded(factor), mean=(rounded(-offset),))
    if spectral(parts.before):
        place = reads_first(parts.before)
        return (*parts.before[:place], front, *parts.before[place:], *parts.numbers, *parts.after)
    if parts.numbers and isinstance(parts.numbers[0], Normalize):
        merged = in_front_of(parts.numbers[0], factor, offset)
        return parts.with_numbers(merged, *parts.numbers[1:]).steps
    back = () if parts.numbers or np.dtype(spec.dtype).kind == "f" else (Cast(dtype=spec.dtype),)
    return parts.with_numbers(front, *parts.numbers, *back).steps
