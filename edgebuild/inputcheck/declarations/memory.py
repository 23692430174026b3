"""Samples as they would be if their bytes had been read otherwise: another order, sign, stride or start."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgebuild.core.array import Array, Integers, np
from edgebuild.inputcheck.declarations.alternative import Change, Remade
from edgebuild.inputcheck.declarations.catalogue import full_scale_of
from edgebuild.inputcheck.declarations.form import Form

_CLEARER = 0.9
"""Share of the difference between neighbouring rows that another stride must get below to be tried."""
_LOOKED_AT = 8
"""Pictures on which strides are compared."""


def remade(raw: Array, form: Form) -> Iterator[Remade]:
    """Ways that fit the shape and dtype of some raw samples."""
    if form.sort == "ids":
        return
    if form.sort == "picture":
        yield from _reshaped(raw)
        yield from _strides(raw, form)
        yield from _starts(form)
    elif raw.ndim == 3:
        yield from _exchanged(raw)
    yield from _bits(raw)


def _reshaped(raw: Array) -> Iterator[Remade]:
    """Channels-last memory read as channels-first and the other way round: reshaped, where axes had to be moved."""
    last, first = raw.shape[-1] in (3, 4), raw.shape[1] in (3, 4)
    if raw.ndim == 3 or not (last or first):
        yield from _exchanged(raw)
        return
    out, back = ((0, 3, 1, 2), (0, 2, 3, 1)) if last else ((0, 2, 3, 1), (0, 3, 1, 2))
    yield _moved(lambda x: np.ascontiguousarray(x.transpose(out)).reshape(x.shape))
    shape = tuple(raw.shape[axis] for axis in out[1:])
    yield _moved(lambda x: x.reshape(len(x), *shape).transpose(back))


def _exchanged(raw: Array) -> Iterator[Remade]:
    """The two longest axes, of different length, reshaped where they had to be exchanged."""
    first, second = sorted(sorted(range(1, raw.ndim), key=lambda axis: -raw.shape[axis])[:2])
    if raw.shape[first] == raw.shape[second] or 1 in (raw.shape[first], raw.shape[second]):
        return
    shape = list(raw.shape[1:])
    shape[first - 1], shape[second - 1] = shape[second - 1], shape[first - 1]
    yield _moved(lambda x: np.ascontiguousarray(x.reshape(len(x), *shape).swapaxes(first, second)))


def _moved(change: Change) -> Remade:
    fix = "transpose the samples where they are made, do not reshape them"
    return Remade("layout", "axes moved, not reshaped", fix, change)


def _strides(raw: Array, form: Form) -> Iterator[Remade]:
    """Rows with a few bytes after each in memory, read without: the stride under which neighbours are most alike."""
    if form.columns != form.rows + 1:
        return
    width = raw.shape[form.columns]
    few = raw[:: max(1, len(raw) // _LOOKED_AT)]
    differences = [_difference(_with_stride(few, form, width + more), form) for more in range(width)]
    more = int(np.argmin(differences))
    if more and differences[more] < _CLEARER * differences[0]:
        words = f"rows {width + more} pixels apart in memory, not {width}"
        fix = "read rows by their stride where the samples are made"
        yield Remade("layout", words, fix, lambda x: _with_stride(x, form, width + more))


def _with_stride(raw: Array, form: Form, stride: int) -> Array:
    """Pictures whose rows lie so many pixels apart; what is beyond the end repeats the last row."""
    if stride == raw.shape[form.columns]:
        return raw
    moved = np.moveaxis(raw, form.channels, 1) if form.channels not in (None, raw.ndim - 1) else raw
    planes = moved.reshape(-1, *moved.shape[-2:]) if moved is not raw or raw.ndim == 3 else raw
    rows, columns = planes.shape[1:3]
    pixels = planes.reshape(len(planes), rows * columns, -1)
    kept = (rows * columns - columns) // stride + 1
    places = np.minimum(np.arange(rows), kept - 1)[:, None] * stride + np.arange(columns)
    read = pixels[:, places].reshape(moved.shape)
    return np.moveaxis(read, 1, form.channels) if moved is not raw and form.channels is not None else read


def _difference(raw: Array, form: Form) -> float:
    """Between neighbouring rows, in the mean, over the upper half: below it another stride may only have filled up."""
    rows = raw.shape[form.rows] // 2
    upper = np.take(raw, range(rows), form.rows).astype(np.float32)
    return float(np.abs(np.diff(upper, axis=form.rows)).mean())


def _starts(form: Form) -> Iterator[Remade]:
    """Pictures that begin in the middle, each somewhere else: turned to where rows part, or to where they are empty."""
    fix = "read the buffer from its oldest row where the samples are made"
    for words, first in (("where neighbours differ most", _seam), ("opposite to where most is", _emptiest)):

        def change(raw: Array, first: Callable[[Array], Integers] = first) -> Array:
            rows = np.moveaxis(raw, form.rows, 1).reshape(len(raw), raw.shape[form.rows], -1)
            return rolled(raw, -first(rows.astype(np.float32)), form.rows)

        yield Remade("layout", f"rows from another start on ({words})", fix, change)


def rolled(raw: Array, by: Integers, axis: int = 1) -> Array:
    """Each sample turned along one axis by a number of its own."""
    return np.stack([np.roll(sample, shift, axis - 1) for sample, shift in zip(raw, by.tolist(), strict=True)])


def _seam(rows: Array) -> Integers:
    """Of each picture (N, rows, values) the row that differs most from the one before it, in a ring."""
    found: Integers = np.abs(np.subtract(rows, np.roll(rows, 1, axis=1))).mean(axis=2).argmax(axis=1)
    return found


def _emptiest(rows: Array) -> Integers:
    """The row opposite to the mean direction of all that is in a picture, its rows laid on a circle."""
    count = rows.shape[1]
    values = rows.astype(np.float64)
    weights = np.abs(values - np.median(values, axis=(1, 2), keepdims=True)).mean(axis=2)
    turns = np.exp(2j * np.pi * np.arange(count) / count)
    angles = np.angle((weights * turns).sum(axis=1)) / (2 * np.pi)
    found: Integers = (np.round(angles * count + count / 2).astype(np.int64)) % count
    return found


def _bits(raw: Array) -> Iterator[Remade]:
    """Numbers read with the other sign, counted from another zero, or with their bytes exchanged."""
    fix = "count from 0, not from the middle of the range, or the reverse, where the samples are made"
    words = "numbers with the other highest bit"
    if raw.dtype.kind == "f":
        full = full_scale_of(raw)
        if float(raw.min()) < 0:
            yield Remade("scale", words, fix, lambda x: (x + np.where(np.signbit(x), full, -full)).astype(x.dtype))
        return
    other = np.dtype(raw.dtype.name[1:] if raw.dtype.kind == "u" else f"u{raw.dtype.name}")
    top = np.array(1 << (8 * raw.dtype.itemsize - 1), f"u{raw.dtype.itemsize}").view(raw.dtype)
    yield Remade("scale", words, fix, lambda x: np.bitwise_xor(x, top))
    fix = f"read the samples as {other} where they are made"
    yield Remade("scale", f"numbers read as {other}, not as {raw.dtype}", fix, lambda x: x.view(other))
    if raw.dtype.itemsize == 2:
        fix = "exchange the two bytes of each number where the samples are read"
        yield Remade("scale", "numbers with their bytes exchanged", fix, lambda x: x.byteswap())
