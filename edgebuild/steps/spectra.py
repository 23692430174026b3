"""Sound to spectrograms, mel bands and cepstra, in numpy only, whole batches at once.

The definitions are those of ``core/sound.py``. Computed in float64, given as float32.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from edgebuild.core.array import Array, Floats, np
from edgebuild.core.errors import ConfigError

if TYPE_CHECKING:
    from edgebuild.core.sound import Log, Mel, Mfcc, SoundStep, Spectrogram


def apply_sound_step(array: Array, step: SoundStep, subject: str) -> Array:
    """One step, in float32.

    Raises:
        ConfigError: it does not fit the array.
    """
    if step.op == "spectrogram":
        made = spectrogram(array, step, subject)
    elif step.op == "mel":
        made = _mel(array, step, subject)
    elif step.op == "log":
        made = _log(array.astype(np.float64), step)
    else:
        made = _mfcc(array, step, subject)
    return made.astype(np.float32)


def spectrogram(array: Array, step: Spectrogram, subject: str = "pre") -> Floats:
    """(N, …, samples) to (N, …, frames, bins)."""
    length, size = _transform_length(step), step.window_length
    sound = array.astype(np.float64)
    if step.center:
        size, half = length, length // 2
        _need(sound, half + 1, "half an fft_length to reflect", subject)
        around = [(0, 0)] * (sound.ndim - 1) + [(half, half)]
        sound = np.pad(sound, around, mode="reflect" if step.padding == "reflect" else "constant")
    _need(sound, size, "one window", subject)
    frames = np.lib.stride_tricks.sliding_window_view(sound, size, axis=-1)[..., :: step.hop_length, :]
    spectrum = np.fft.rfft(frames * _placed_window(step, size), n=length, axis=-1)
    power: Floats = spectrum.real**2 + spectrum.imag**2
    return power if step.power == 2 else np.sqrt(power)


def frame_count(samples: int, step: Spectrogram) -> int:
    """How many frames a sound of so many samples gives."""
    around = 2 * (_transform_length(step) // 2) if step.center else 0
    size = _transform_length(step) if step.center else step.window_length
    return (samples + around - size) // step.hop_length + 1


def sound_length(frames: int, step: Spectrogram) -> int:
    """The fewest samples that give so many frames."""
    around = 2 * (_transform_length(step) // 2) if step.center else 0
    size = _transform_length(step) if step.center else step.window_length
    return max(1, (frames - 1) * step.hop_length + size - around)


def _transform_length(step: Spectrogram) -> int:
    return step.fft_length or step.window_length


def window(step: Spectrogram) -> Floats:
    """The window, of shape (window_length,)."""
    count = step.window_length + step.periodic
    if step.window == "rectangular":
        return np.ones(step.window_length)
    made = {"hann": np.hanning, "hamming": np.hamming, "blackman": np.blackman}[step.window](count)
    return np.asarray(made[: step.window_length], np.float64)


def _placed_window(step: Spectrogram, size: int) -> Floats:
    """In a frame of ``size`` samples, at its centre."""
    left = (size - step.window_length) // 2
    return np.pad(window(step), (left, size - step.window_length - left))


def mel_bands(step: Mel, bins: int) -> Floats:
    """The weights of each band, of shape (bins, bands)."""
    half = step.sample_rate / 2
    return _mel_bands(half, step.low, step.high or half, step.bands, step.scale, step.norm, step.triangles, bins)


@functools.lru_cache(8)
def _mel_bands(
    half: float, low: float, high: float, bands: int, scale: str, norm: str, triangles: str, bins: int
) -> Floats:
    lowest, highest = _to_mel(np.array([low, high]), scale)
    edges = np.linspace(lowest, highest, bands + 2)
    hertz, places = _to_hertz(edges, scale), np.linspace(0, half, bins)
    if triangles == "hz":
        edges = hertz
    else:
        places = _to_mel(places, scale)
    rising = (places[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - places[:, None]) / np.diff(edges)[1:]
    weights: Floats = np.maximum(0, np.minimum(rising, falling))
    if norm == "slaney":
        weights = weights * (2 / (hertz[2:] - hertz[:-2]))
    return weights


def _to_mel(hertz: Floats, scale: str) -> Floats:
    if scale == "htk":
        return 2595 * np.log10(1 + hertz / 700)
    above = 15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / math.log(6.4)
    return np.where(hertz < 1000, 3 * hertz / 200, above)


def _to_hertz(mel: Floats, scale: str) -> Floats:
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp((mel - 15) * math.log(6.4) / 27))


def _mel(array: Array, step: Mel, subject: str) -> Floats:
    weights = mel_bands(step, array.shape[-1])
    empty = np.flatnonzero(weights.sum(axis=0) == 0)
    if len(empty):
        raise ConfigError(
            subject,
            f"mel: {len(empty)} of {step.bands} bands, the first is number {empty[0]}, hold no bin of"
            f" {array.shape[-1]}",
            fix="take fewer bands, a larger fft_length or a higher `low`",
        )
    return array.astype(np.float64) @ weights


def _log(values: Floats, step: Log) -> Floats:
    raised = np.maximum(values, step.floor) + step.offset
    made: Floats = np.log(raised) if step.base == "e" else (10 if step.base == "db" else 1) * np.log10(raised)
    if step.range is None:
        return made
    highest = made.max(axis=tuple(range(1, made.ndim)), keepdims=True)
    limited: Floats = np.maximum(made, highest - step.range)
    return limited


def _mfcc(array: Array, step: Mfcc, subject: str) -> Floats:
    bands = array.shape[-1]
    if step.coefficients > bands:
        raise ConfigError(
            subject, f"mfcc: {step.coefficients} coefficients of {bands} bands", expected="at most as many"
        )
    return array.astype(np.float64) @ cosine_transform(step, bands)


def cosine_transform(step: Mfcc, bands: int) -> Floats:
    """The matrix of the transform, liftered, of shape (bands, coefficients)."""
    n = np.arange(step.coefficients)
    basis = np.cos(np.pi * (np.arange(bands)[:, None] + 0.5) * n / bands) * math.sqrt(2 / bands)
    if step.norm == "ortho":
        basis[:, 0] *= math.sqrt(0.5)
    lifting = 1 + step.lifter / 2 * np.sin(np.pi * n / step.lifter) if step.lifter else np.ones(len(n))
    lifted: Floats = basis * lifting
    return lifted


def _need(sound: Floats, samples: int, what: str, subject: str) -> None:
    if sound.ndim < 2 or sound.shape[-1] < samples:
        raise ConfigError(
            subject,
            f"spectrogram: the samples have shape {list(sound.shape)}",
            expected=f"(N, samples) with at least {samples} of them, {what}",
        )
