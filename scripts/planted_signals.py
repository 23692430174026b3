"""Mistakes by a third author in how sounds, spectra and sensors' windows are laid out, filled up and sampled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from planted_by_others import (
    FEWEST_IN_WINDOW,
    Array,
    channel_axis,
    filling_of,
    is_features,
    is_quantized,
    is_sequence,
    is_sound,
    is_tokens,
    loudest_of,
    on_array,
    raw_axis,
    slowed_down,
    with_step,
)

from edgebuild.core.project import InputSpec
from edgebuild.core.reading import ReadAudio
from edgebuild.core.sound import Mel, Spectrogram

FrameEdit: TypeAlias = Callable[[Array], Array]
"""What makes wrong frames, (N, T, values), of right ones."""

USUAL_RATE = 16000
LIBROSAS_RATE = 22050
"""In Hz: what librosa reads every file as, and makes filters for, unless it is told otherwise."""
FEWEST_BANDS = 20
"""Values in a frame from which on they are taken to be mel bands, and not cepstra."""


# Where time is.


def _is_window(spec: InputSpec, raw: Array) -> bool:
    """Whether a sample is a window of a signal, laid flat."""
    return is_features(spec, raw) and raw.ndim == 2 and raw.shape[1] >= FEWEST_IN_WINDOW


def _time_axis(spec: InputSpec, raw: Array) -> int | None:
    """Of sounds, sequences and spectra; a spectrum's is the longer one of its two."""
    if is_sound(spec, raw):
        return raw.ndim - 1
    if not is_quantized(raw) and not is_features(spec, raw):
        return None
    if is_sequence(spec, raw):
        return 1
    if (axis := raw_axis(spec, "T")) is not None:
        return axis
    height, width = raw_axis(spec, "H"), raw_axis(spec, "W")
    if height is None or width is None or channel_axis(spec, raw) is not None:
        return None
    return height if raw.shape[height] > raw.shape[width] else width


def is_spectrum(spec: InputSpec, raw: Array) -> bool:
    """Whether samples are spectra, or the like, that were made before."""
    return not is_sound(spec, raw) and (_is_window(spec, raw) or _time_axis(spec, raw) is not None)


def _frames_in(raw: Array) -> int:
    """Of a window that was laid flat: an odd number, a frame with its neighbours, or the axes of a sensor."""
    odd = (count for count in range(3, raw.shape[1], 2) if raw.shape[1] % count == 0)
    return next(odd, 1)


def _in_frames(spec: InputSpec, raw: Array, edit: FrameEdit) -> Array | None:
    """Samples edited as frames, (N, T, values), and put back as they lay; None of what has no time."""
    if _is_window(spec, raw):
        return edit(raw.reshape(len(raw), _frames_in(raw), -1)).reshape(raw.shape)
    axis = _time_axis(spec, raw)
    if axis is None:
        return None
    moved = np.moveaxis(raw, axis, 1)
    wrong = edit(moved.reshape(*moved.shape[:2], -1)).reshape(moved.shape)
    return np.ascontiguousarray(np.moveaxis(wrong, 1, axis))


def _place(spec: InputSpec, raw: Array) -> str:
    """Which part of a sound that is too long is kept."""
    declared = [step.place for step in spec.pre if isinstance(step, ReadAudio)]
    return declared[0] if declared else "end" if is_sequence(spec, raw) else "center"


# Layout.


@on_array
def newest_first(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The newest value, or frame, comes first: the firmware shifts its history and writes at the front.

    A filter's delay line, ``deque.appendleft``: usual in C, and the reverse of what a recording's file has.
    """
    wrong = _in_frames(spec, raw, lambda frames: frames[:, ::-1])
    return None if wrong is None else (spec, wrong)


@on_array
def bands_downwards(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The highest band comes first: spectra were kept as pictures are looked at, with the low tones at the bottom."""
    if not is_spectrum(spec, raw):
        return None
    wrong = _in_frames(spec, raw, lambda frames: frames[..., ::-1] if frames.shape[-1] >= FEWEST_BANDS else frames)
    return None if wrong is None else (spec, wrong)


@on_array
def laid_flat_otherwise(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """A window is laid flat band by band, or axis by axis, where training had frame after frame (x, y, z, x, y, z)."""
    if not _is_window(spec, raw):
        return None
    wrong = _in_frames(spec, raw, lambda frames: frames.swapaxes(1, 2))
    return None if wrong is None else (spec, wrong)


@on_array
def big_endian(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """A sound's 16-bit numbers have their high byte first (AIFF, network streams, "L16"), and are read the other way.

    Programs that record play it as static; some services return either, from call to call.
    """
    if not is_sound(spec, raw):
        return None
    loudest = loudest_of(raw)
    words = np.clip(np.round(raw.astype(np.float32) / loudest * 32768), -32768, 32767).astype(np.int16)
    return spec, words.byteswap().astype(np.float32) / np.float32(32768) * loudest


# Padding.


@on_array
def filled_with_zeros(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """A short clip's spectrum is filled up with 0, where training filled up the sound, and so had silence's value.

    In a spectrum of logarithms 0 is loud; in bytes with a zero point it is some number. Speech recognisers that did so
    heard words in it.
    """
    if not is_spectrum(spec, raw):
        return None
    silence = filling_of(spec, raw)
    if silence is not None and silence.any(axis=1).mean() >= 0.5:
        return spec, np.where(silence.reshape(*silence.shape, *[1] * (raw.ndim - 2)), 0, raw).astype(raw.dtype)

    def ended(frames: Array) -> Array:
        kept = frames.shape[1] - max(1, frames.shape[1] // 4)
        return np.where(np.arange(frames.shape[1])[:, np.newaxis] < kept, frames, 0).astype(frames.dtype)

    wrong = _in_frames(spec, raw, ended)
    return None if wrong is None else (spec, wrong)


@on_array
def filled_by_repeating(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """A short sound is repeated until it is long enough, where training filled up with silence (``numpy.resize``)."""
    silence = None if is_tokens(spec, raw) else filling_of(spec, raw)
    if silence is None:
        return None
    wrong = raw.copy()
    for row, filled, empty in zip(raw, wrong, silence, strict=True):
        heard = np.flatnonzero(~empty)
        if len(heard):
            content = row[heard[0] : heard[-1] + 1]
            filled[:] = content[np.arange(len(row)) % len(content)]
    return spec, wrong


@on_array
def frames_centred(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """Frames are centred at their time, with a mirrored half of one before the first; training's began there.

    librosa and ``torch.stft`` do so by default, TensorFlow and Kaldi do not: all is about a frame late.
    """
    declared = [step for step in spec.pre if isinstance(step, Spectrogram)]
    if any(step.center for step in declared) or not (declared or is_spectrum(spec, raw)) or _is_window(spec, raw):
        return None
    late = (declared[0].fft_length or declared[0].window_length) // 2 if declared else 1

    def shifted(frames: Array) -> Array:
        return np.concatenate([frames[:, late:0:-1], frames[:, :-late]], axis=1)

    wrong = _in_frames(spec, raw, shifted)
    return None if wrong is None else (spec, wrong)


# Sample rate.


def _bands_moved(frames: Array, times: float, rate: int) -> Array:
    """Frames of mel bands up to half a rate in which each has what a band at so many times its frequency had."""
    bands = frames.shape[-1]
    step = 2595 * np.log10(1 + rate / 2 / 700) / (bands + 1)
    hertz = 700 * (10 ** (step * np.arange(1, bands + 1) / 2595) - 1)
    at = np.clip(2595 * np.log10(1 + hertz * times / 700) / step - 1, 0, bands - 1)
    low = np.floor(at).astype(np.int64)
    share = (at - low).astype(np.float32)
    values = frames.astype(np.float32)
    moved: Array = values[..., low] * (1 - share) + values[..., np.minimum(low + 1, bands - 1)] * share
    return moved


def _has_bands(spec: InputSpec, raw: Array) -> bool:
    """Whether samples are frames of mel bands, or look so."""
    axis = _time_axis(spec, raw)
    if axis is None or is_sound(spec, raw) or is_quantized(raw):
        return False
    bands: int = raw[0].size // raw.shape[axis]
    return bands >= FEWEST_BANDS


@on_array
def librosas_rate(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """A file is read by ``librosa.load`` without ``sr``, so at 22,050 Hz, and goes on as if it had the model's rate.

    The most frequent one of its kind: issue after issue asks for ``sr=None``. All is slower and lower.
    """
    axis = _time_axis(spec, raw)
    if axis is None:
        return None
    rate = next((step.sample_rate for step in spec.pre if isinstance(step, ReadAudio | Mel)), USUAL_RATE)
    if rate >= LIBROSAS_RATE:
        return None
    times = LIBROSAS_RATE / rate
    wrong = slowed_down(raw, axis, _place(spec, raw), times)
    if _has_bands(spec, raw):
        lower = _in_frames(spec, wrong, lambda frames: _bands_moved(frames, times, rate))
        return None if lower is None else (spec, lower)
    return spec, np.round(wrong.astype(np.float32)).astype(raw.dtype) if is_quantized(raw) else wrong


@on_array
def filters_of_another_rate(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The sound has its rate, but the mel filters are made for 22,050 Hz: librosa's default, where it gets a spectrum.

    Each band then hears lower tones than it is for, and no shape tells the filters' rate.
    """
    for place, step in enumerate(spec.pre):
        if isinstance(step, Mel):
            other = LIBROSAS_RATE if step.sample_rate != LIBROSAS_RATE else USUAL_RATE
            return with_step(spec, place, step.model_copy(update={"sample_rate": other})), raw
    if not _has_bands(spec, raw):
        return None
    times = USUAL_RATE / LIBROSAS_RATE
    wrong = _in_frames(spec, raw, lambda frames: _bands_moved(frames, times, USUAL_RATE))
    return None if wrong is None else (spec, wrong)


@on_array
def every_second_one(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The converter runs at half the rate, or every second value is dropped, and each is given twice to make up for it.

    No filter before the one nor after the other: high tones fold down, and their mirror images come on top. A frequent
    shortcut on small devices and in web pages; what comes out is "plausible, just worse".
    """
    if _time_axis(spec, raw) is None:
        return None
    wrong = _in_frames(spec, raw, lambda frames: frames[:, ::2].repeat(2, axis=1)[:, : frames.shape[1]])
    return None if wrong is None else (spec, wrong)


@on_array
def silent_side(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """One microphone on a stereo bus (I2S): left, right, left, right is read as one channel, and right is nothing.

    Half the speed, and zeros in between. Reported of every kind of small board, as sound that is "too slow".
    """
    if not is_sound(spec, raw):
        return None
    length = raw.shape[-1]
    first = {"start": 0, "center": length // 4}.get(_place(spec, raw), length // 2)
    wrong = np.zeros_like(raw)
    wrong[..., ::2] = raw[..., first : first + (length + 1) // 2]
    return spec, wrong
