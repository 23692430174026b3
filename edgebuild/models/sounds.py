"""WAV files as samples in -1 to 1, of the rate, channels and length that are declared."""

from __future__ import annotations

import math
import struct
import warnings
from pathlib import Path

from edgebuild.core.array import Array, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.reading import ReadAudio
from edgebuild.models.notes import Notes

SUFFIXES = (".wav", ".wave")
_RATES = (1_000, 768_000)
_BAD = (
    ValueError,
    struct.error,
    EOFError,
    OSError,
    ArithmeticError,
    KeyError,
    MemoryError,
    UnboundLocalError,
    TypeError,
)


def read_sound(path: Path, step: ReadAudio, where: str, max_clipped: float, notes: Notes) -> Array:
    """One file as the step declares it, float32.

    Args:
        where: how messages name the file.
        max_clipped: the largest share of samples that may lie at full scale.
        notes: what was resampled or mixed is counted there.

    Raises:
        ConfigError: it is damaged, truncated, empty, clipped, or not as declared.
    """
    rate, sound = _decoded(path, where)
    _refuse_clipped(sound, where, max_clipped)
    mixed = _mixed(sound, step, where, notes)
    at_rate = _resampled(mixed, rate, step, where, notes)
    fitted = _fitted(at_rate, step) if step.length is not None else at_rate
    return np.ascontiguousarray(fitted[0] if step.channels == 1 else fitted, np.float32)


def _decoded(path: Path, where: str) -> tuple[int, Array]:
    """The rate, and (channels, samples) in -1 to 1."""
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            rate, values = wavfile.read(path)
    except _BAD as error:
        reason = f"{error!s:.120}".replace(str(path), path.name)
        raise ConfigError(where, f"not a readable WAV file ({reason})", fix="repair the file or take it out") from error
    if any("EOF" in str(one.message) for one in told):
        raise ConfigError(
            where, "is truncated: the header promises more samples than there are", fix="copy it again or take it out"
        )
    sound = _scaled(values.T if values.ndim == 2 else values[None])
    if not sound.size:
        raise ConfigError(where, "holds no sound (0 samples)", fix="take it out")
    if not np.isfinite(sound).all():
        raise ConfigError(where, "holds NaN or infinity", fix="take it out")
    return int(rate), sound


def _scaled(values: Array) -> Array:
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    middle = 128 if values.dtype == np.uint8 else 0
    return (values.astype(np.float64) - middle) / 2.0 ** (8 * values.dtype.itemsize - 1)


def _refuse_clipped(sound: Array, where: str, most: float) -> None:
    share = float((np.abs(sound) >= 1 - 2.0**-15).mean())
    if share > most:
        raise ConfigError(
            where,
            f"is clipped: {share:.1%} of its samples lie at full scale",
            expected=f"at most {most:.1%}",
            fix="take it out, or raise max_clipped of the data set",
        )


def _mixed(sound: Array, step: ReadAudio, where: str, notes: Notes) -> Array:
    if len(sound) == step.channels:
        return sound
    if step.channels != 1 or step.mix == "refuse":
        raise ConfigError(
            where,
            f"has {len(sound)} channels",
            expected=f"{step.channels}",
            fix='convert it, or add mix = "mean" to the audio step' if step.channels == 1 else "convert it",
        )
    notes.counts[f"sounds of several channels mixed ({step.mix})"] += 1
    return sound.mean(axis=0, keepdims=True) if step.mix == "mean" else sound[:1]


def _resampled(sound: Array, rate: int, step: ReadAudio, where: str, notes: Notes) -> Array:
    if rate == step.sample_rate:
        return sound
    if step.resample == "refuse" or not _RATES[0] <= rate <= _RATES[1]:
        raise ConfigError(
            where,
            f"has a sample rate of {rate} Hz",
            expected=f"{step.sample_rate} Hz",
            fix='convert it, or add resample = "polyphase" to the audio step',
        )
    from scipy.signal import resample_poly

    notes.counts[f"sounds resampled from {rate} to {step.sample_rate} Hz"] += 1
    common = math.gcd(rate, step.sample_rate)
    made: Array = resample_poly(sound, step.sample_rate // common, rate // common, axis=-1)
    return made


def _fitted(sound: Array, step: ReadAudio) -> Array:
    """Cut or filled with zeros to the length."""
    assert step.length is not None
    over = sound.shape[-1] - step.length
    before = {"start": 0, "center": abs(over) // 2, "end": abs(over)}[step.place]
    if over >= 0:
        return sound[:, before : before + step.length]
    return np.pad(sound, ((0, 0), (before, -over - before)))
