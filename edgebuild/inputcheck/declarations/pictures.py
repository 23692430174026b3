"""Pictures as they would be if they had been made otherwise: other colours, another light, another frame."""

from __future__ import annotations

from collections.abc import Iterator

from edgebuild.core.array import Array, Booleans, Floats, Indices, np
from edgebuild.inputcheck.declarations.alternative import Change, Remade
from edgebuild.inputcheck.declarations.catalogue import full_scale_of
from edgebuild.inputcheck.declarations.form import Form

_ORDERS = ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1))
"""Of three channels, those that are not tried as a step."""
_ZOOMS = (
    (1, 0.75, "with the whole width, not its middle three quarters"),
    (0.75, 1, "with the whole height, not its middle three quarters"),
    (0.875, 0.875, "whole, not the middle seven eighths"),
    (1, 4 / 3, "with the middle three quarters of the width, not all"),
    (4 / 3, 1, "with the middle three quarters of the height, not all"),
    (8 / 7, 8 / 7, "with the middle seven eighths, not all"),
)
"""By rows and columns: of a 4:3 picture that is squeezed or cut out, and of 224 cut out of 256."""
_ALIKE = 0.8
"""Share of pictures that must have a bar for it to be one."""


def remade(raw: Array, form: Form) -> Iterator[Remade]:
    """Ways that fit the shape of some raw samples."""
    if form.sort != "picture":
        return
    if form.channels is not None and raw.shape[form.channels] == 3:
        yield from _colours(raw, form.channels)
    if raw.dtype.kind == "u":
        yield from _light(raw)
    yield from _bars(raw, form)
    yield from _zooms(form)


def _colours(raw: Array, axis: int) -> Iterator[Remade]:
    """Three channels in the orders that are no reversal, and luma with two chromas for red, green and blue."""
    for order in _ORDERS:
        words = f"channels in order {', '.join(map(str, order))}"
        fix = "put the channels in order where the samples are made"
        yield Remade("channel order", words, fix, lambda x, order=order: np.take(x, order, axis))  # type: ignore[misc]
    if raw.dtype.kind != "u":
        return
    full = full_scale_of(raw)
    fix = "convert the colours where the samples are made (JFIF's equations)"
    matrix, middle = _luma_and_chromas(), full * np.array((0.0, 0.5, 0.5))
    inverse: Floats = np.linalg.inv(matrix).astype(np.float64)
    there, back = _mixed(axis, matrix, middle, full), _mixed(axis, inverse, -inverse @ middle, full)
    yield Remade("channel order", "luma and chromas made red, green and blue", fix, back)
    yield Remade("channel order", "red, green and blue made luma and chromas", fix, there)


def _luma_and_chromas() -> Floats:
    """From red, green and blue (JFIF 1.02, after ITU-R BT.601)."""
    return np.array(((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312)))


def _mixed(axis: int, matrix: Floats, offset: Floats, full: float) -> Change:
    def change(raw: Array) -> Array:
        mixed = np.moveaxis(raw, axis, -1).astype(np.float64) @ matrix.T + offset
        return np.moveaxis(mixed.round().clip(0, full), -1, axis).astype(raw.dtype)

    return change


def _light(raw: Array) -> Iterator[Remade]:
    """Values as a sensor counts light, and as a file holds it for the eye (sRGB, IEC 61966-2-1)."""
    full = full_scale_of(raw)

    def encoded(x: Array) -> Array:
        light = x.astype(np.float64) / full
        shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        return (shown * full).round().clip(0, full).astype(x.dtype)

    def linear(x: Array) -> Array:
        shown = x.astype(np.float64) / full
        light = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
        return (light * full).round().clip(0, full).astype(x.dtype)

    fix = "encode the sensor's values as the training files have them (sRGB) where the samples are made"
    yield Remade("scale", "values encoded for the eye (sRGB), not proportional to light", fix, encoded)
    fix = "undo the encoding for the eye (sRGB) where the samples are made"
    yield Remade("scale", "values proportional to light, not encoded for the eye (sRGB)", fix, linear)


def _bars(raw: Array, form: Form) -> Iterator[Remade]:
    """Bars at the edges cut off, and the rest stretched."""
    rows, columns = form.rows, form.columns
    box = (rows, *_inside(raw, rows, columns)), (columns, *_inside(raw, columns, rows))
    if all(last - first == raw.shape[axis] for axis, first, last in box):
        return

    def change(x: Array) -> Array:
        for axis, first, last in box:
            count = x.shape[axis]
            x = _at(x, axis, first + (np.arange(count) + 0.5) * (last - first) / count - 0.5, (first, last - 1))
        return x

    fix = "stretch or crop pictures where they are made as it was done in training, without bars"
    yield Remade("padding", "pictures without bars at the edges", fix, change)


def _inside(raw: Array, axis: int, along: int) -> tuple[int, int]:
    """The first row, or column, that is no bar, and the one after the last; all, where that would leave too little."""
    even: Booleans = raw.max(axis=along) == raw.min(axis=along)
    by_line = np.moveaxis(even, axis - (axis > along), 1).reshape(len(raw), raw.shape[axis], -1).all(axis=2)
    kept = np.flatnonzero(by_line.mean(axis=0) < _ALIKE)
    if len(kept) < max(2, raw.shape[axis] // 4):
        return 0, raw.shape[axis]
    return int(kept[0]), int(kept[-1]) + 1


def _zooms(form: Form) -> Iterator[Remade]:
    """Pictures smaller, their edges repeated around them, or larger."""
    fix = "resize and crop pictures where they are made as it was done in training"
    for down, across, words in _ZOOMS:

        def change(raw: Array, factors: tuple[float, float] = (down, across)) -> Array:
            for factor, axis in zip(factors, (form.rows, form.columns), strict=True):
                if factor != 1:
                    count = raw.shape[axis]
                    middle = (count - 1) / 2
                    raw = _at(raw, axis, middle + (np.arange(count) - middle) / factor, (0, count - 1))
            return raw

        yield Remade("resize", f"pictures {words}", fix, change)


def _at(raw: Array, axis: int, places: Floats, limits: tuple[int, int]) -> Array:
    """Lines at places between lines, by linear interpolation; beyond the limits the last one is repeated."""
    places = places.clip(*limits)
    low: Indices = np.floor(places).astype(np.intp)
    share = (places - low).astype(np.float32)
    share = share.reshape([-1 if i == axis else 1 for i in range(raw.ndim)])
    first = np.take(raw, low, axis).astype(np.float32)
    second = np.take(raw, np.minimum(low + 1, limits[1]), axis).astype(np.float32)
    mixed = first + (second - first) * share
    return (mixed.round() if raw.dtype.kind in "iu" else mixed).astype(raw.dtype)
