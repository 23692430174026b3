"""Samples as they would be if they had been made otherwise: what no declaration of steps can mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edgebuild.core.array import Array, np
from edgebuild.core.input_check import Kind

Change = Callable[[Array], Array]
"""From raw samples, (N, …), to others of the same shape and dtype."""

LONG = 1000
"""Values along the last axis from which on a sample may be a waveform."""
_PADDED = 0.2
"""Share of samples that must end (or begin) in the same value before padding is thought of."""


@dataclass(frozen=True)
class Remade:
    """One way of making samples otherwise, and what to do about it."""

    kind: Kind
    words: str
    fix: str
    change: Change


def remade(raw: Array) -> Iterator[Remade]:
    """Ways that fit the shape of some raw samples."""
    if raw.ndim == 4:
        yield from _reshaped(raw)
    if raw.ndim in (2, 3) and raw.dtype.kind in "iu":
        yield from _padded(raw)
    if raw.ndim in (2, 3) and raw.shape[-1] >= LONG:
        for rate, words in ((2.0, "twice"), (0.5, "half")):
            fix = f"resample where the samples are made: they seem to be taken at {words} the rate the model wants"
            yield Remade("sample rate", f"samples taken at {words} the rate", fix, _resampled(rate))


def _reshaped(raw: Array) -> Iterator[Remade]:
    """Channels-last memory read as channels-first and the other way round: reshaped, where axes had to be moved."""
    last, first = raw.shape[3] in (3, 4), raw.shape[1] in (3, 4)
    if not (last or first):
        return
    out, back = ((0, 3, 1, 2), (0, 2, 3, 1)) if last else ((0, 2, 3, 1), (0, 3, 1, 2))
    fix = "transpose the samples where they are made, do not reshape them"
    words = "axes moved, not reshaped"
    yield Remade("layout", words, fix, lambda x: np.ascontiguousarray(x.transpose(out)).reshape(x.shape))
    shape = tuple(raw.shape[axis] for axis in out[1:])
    yield Remade("layout", words, fix, lambda x: x.reshape(len(x), *shape).transpose(back))


def _padded(raw: Array) -> Iterator[Remade]:
    """Padding moved to the other end of a sequence."""
    for end, words in ((-1, "front"), (0, "end")):
        if _is_padded(raw, end):
            fix = f"pad at the {words} where the samples are made (the tokenizer's padding side)"
            yield Remade("padding", f"padding at the {words}", fix, lambda x, end=end: _moved(x, end))  # type: ignore[misc]


def _is_padded(raw: Array, end: int) -> bool:
    edge, inner = raw[:, end], raw[:, -2 if end else 1]
    values, counts = np.unique(edge.reshape(len(edge), -1), return_counts=True)
    pad = values[counts.argmax()]
    both = (edge == pad).reshape(len(edge), -1).all(axis=1) & (inner == pad).reshape(len(edge), -1).all(axis=1)
    return float(both.mean()) >= _PADDED and not bool(both.all())


def _moved(raw: Array, end: int) -> Array:
    """Each sample rolled by the length of its run of padding at one end."""
    edge = raw[:, end].reshape(len(raw), -1)
    values, counts = np.unique(edge, return_counts=True)
    same = (raw == values[counts.argmax()]).reshape(len(raw), raw.shape[1], -1).all(axis=2)
    same = same[:, ::-1] if end else same
    runs = np.where(same.all(axis=1), 0, same.argmin(axis=1))
    shifts = runs if end else -runs
    return np.stack([np.roll(sample, shift, axis=0) for sample, shift in zip(raw, shifts.tolist(), strict=True)])


def _resampled(rate: float) -> Change:
    """Samples as if taken at another rate, by linear interpolation; what is missing at the end is 0."""

    def change(raw: Array) -> Array:
        count = raw.shape[-1]
        places = np.arange(count) / rate
        rows = raw.reshape(-1, count).astype(np.float64)
        taken = np.stack([np.interp(places, np.arange(count), row, right=0.0) for row in rows])
        return taken.reshape(raw.shape).astype(raw.dtype)

    return change
