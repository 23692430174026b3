"""Waveforms and sequences as they would be if they had been made otherwise: padding, rate, level."""

from __future__ import annotations

from collections.abc import Iterator

from edgebuild.core.array import Array, Booleans, Integers, np
from edgebuild.inputcheck.declarations.alternative import Change, Remade
from edgebuild.inputcheck.declarations.catalogue import full_scale_of
from edgebuild.inputcheck.declarations.form import Form
from edgebuild.inputcheck.declarations.memory import rolled

_PADDED = 0.2
"""Share of samples that must end (or begin) in the same value before padding is thought of."""
_RATES = (2.0, 0.5, 3.0, 1 / 3, 44100 / 16000, 16000 / 44100, 44100 / 8000, 8000 / 44100, 22050 / 16000, 16000 / 22050,
    4.0, 6.0, 1.5, 2 / 3, 48000 / 44100, 44100 / 48000)  # fmt: skip
"""Between what sound is recorded and taken at: 8, 11.025, 16, 22.05, 24, 32, 44.1 and 48 kHz."""


def remade(raw: Array, form: Form) -> Iterator[Remade]:
    """Ways that fit the shape of some raw samples."""
    if form.sort == "ids" or (form.sort == "waveform" and raw.ndim == 2):
        yield from _padded(raw, centred=form.sort == "waveform")
    if form.sort == "waveform":
        for rate in _RATES:
            words = f"samples taken at {rate:.4g} times the rate"
            fix = f"resample where the samples are made: they seem to be taken at {rate:.4g} times the rate wanted"
            yield Remade("sample rate", words, fix, _resampled(rate))
        yield from _levels(raw)


def _padded(raw: Array, *, centred: bool) -> Iterator[Remade]:
    """Padding moved to the other end of a sequence, or to both."""
    found = [end for end in (-1, 0) if _is_padded(raw, end, also_all=centred)]
    for end, words in ((-1, "front"), (0, "end")):
        if end in found:
            fix = f"pad at the {words} where the samples are made (the tokenizer's padding side)"
            yield Remade("padding", f"padding at the {words}", fix, lambda x, end=end: _moved(x, end))  # type: ignore[misc]
    if centred and found:
        fix = "pad at both ends alike where the samples are made"
        yield Remade("padding", "padding at both ends alike", fix, _centred)


def _is_padded(raw: Array, end: int, *, also_all: bool) -> bool:
    """Whether enough samples end, or begin, in the same two values; where all do, that may be a token that all have."""
    edge, inner = raw[:, end], raw[:, -2 if end else 1]
    pad = _commonest(edge)
    both = (edge == pad) & (inner == pad)
    return float(both.mean()) >= _PADDED and (also_all or not bool(both.all()))


def _commonest(values: Array) -> object:
    found, counts = np.unique(values, return_counts=True)
    return found[counts.argmax()]


def _runs(raw: Array, end: int) -> Integers:
    """How long the run of padding at one end of each row is; 0 of rows that are nothing else."""
    same: Booleans = raw == _commonest(raw[:, end])
    same = same[:, ::-1] if end else same
    return np.where(same.all(axis=1), 0, same.argmin(axis=1))


def _moved(raw: Array, end: int) -> Array:
    """Each sample rolled by the length of its run of padding at one end."""
    runs = _runs(raw, end)
    return rolled(raw, runs if end else -runs)


def _centred(raw: Array) -> Array:
    return rolled(raw, (_runs(raw, -1) - _runs(raw, 0)) // 2)


def _resampled(rate: float) -> Change:
    """Samples as if taken at another rate, by linear interpolation; what is missing at the end is 0."""

    def change(raw: Array) -> Array:
        count = raw.shape[-1]
        places = np.arange(count) / rate
        rows = raw.reshape(-1, count).astype(np.float64)
        taken = np.stack([np.interp(places, np.arange(count), row, right=0.0) for row in rows])
        return taken.reshape(raw.shape).astype(raw.dtype)

    return change


def _levels(raw: Array) -> Iterator[Remade]:
    """Each waveform's own mean taken off, each brought to full scale, and whole numbers' bytes exchanged."""
    full = full_scale_of(raw)

    def loud(x: Array) -> Array:
        peak = np.abs(x.astype(np.float32)).max(axis=-1, keepdims=True)
        loudest: Array = (x * (full / np.maximum(peak, 1e-9 * full))).astype(np.float32)
        return loudest

    fix = "take each recording's mean off where the samples are made"
    yield Remade("mean and deviation", "each sample's own mean taken off", fix, _level)
    fix = "scale each recording by its own peak where the samples are made"
    yield Remade("scale", "each sample at full scale", fix, loud)
    if raw.dtype.kind == "f":
        step = 32768 / full
        swapped = "bytes of the 16-bit numbers exchanged"
        fix = "exchange the two bytes of each number where the samples are read"

        def change(x: Array) -> Array:
            whole = (x.astype(np.float64) * step).round().clip(-32768, 32767).astype(np.int16)
            return (whole.byteswap() / step).astype(x.dtype)

        yield Remade("scale", swapped, fix, change)


def _level(raw: Array) -> Array:
    values = raw.astype(np.float32)
    level: Array = values - values.mean(axis=-1, keepdims=True)
    return level
