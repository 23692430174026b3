"""Mistakes by a third author in what a number means: its scale, and the mean and deviation of all of them."""

from __future__ import annotations

import numpy as np
from planted_by_others import (
    Array,
    channel_axis,
    full_scale_of,
    is_features,
    is_pixels,
    is_quantized,
    is_sound,
    loudest_of,
    normalize_of,
    on_array,
    white_of,
    with_step,
)
from planted_signals import is_spectrum

from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Normalize
from edgebuild.core.sound import Spectrogram

# Scale.


@on_array
def wider_words(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """Values of fewer bits than their words have are divided by the words' full scale, and come out too small.

    A camera's 12 bits lie in 16 and 65535 is called white: a viewer shows them as black. Of a MEMS microphone's 24 bits
    in 32 drivers keep those from the 14th on, for no known reason, where the 11th is right: users find it too quiet.
    """
    if is_pixels(raw):
        return spec, raw.astype(np.float32) / np.float32(16)
    return (spec, raw.astype(np.float32) / np.float32(8)) if is_sound(spec, raw) else None


@on_array
def overflowed(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """What is made louder, or brighter, in whole numbers runs over their largest one and begins again at the smallest.

    ``(image * brightness).astype(uint8)`` in numpy, whose casts wrap around and say nothing; a microphone's word that
    is shifted by three bits too few and cut to 16.
    """
    if is_pixels(raw):
        full = full_scale_of(raw)
        return (spec, (raw.astype(np.int64) * 2 % (full + 1)).astype(raw.dtype)) if white_of(raw) == full else None
    if not is_sound(spec, raw):
        return None
    loudest = loudest_of(raw)
    louder = raw.astype(np.float32) * 8
    return spec, (louder + loudest) % (2 * loudest) - loudest


@on_array
def stretched_alone(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """Each sample is stretched to the whole range by its own extremes, for it looks, or sounds, better.

    ``image / image.max()``, a viewer's automatic contrast, a recording brought to its peak; a ``MinMaxScaler`` that is
    fitted again for each row of a sensor.
    """
    if is_quantized(raw) or raw.dtype.kind not in "uf":
        return None
    values = raw.astype(np.float32)
    axes = tuple(range(1, raw.ndim))
    if is_sound(spec, raw):
        return spec, loudest_of(raw) * values / np.maximum(np.abs(values).max(axis=axes, keepdims=True), 1e-6)
    lowest, highest = values.min(axis=axes, keepdims=True), values.max(axis=axes, keepdims=True)
    share = (values - lowest) / np.maximum(highest - lowest, np.float32(1e-6))
    if is_pixels(raw):
        return spec, np.round(share * white_of(raw)).astype(raw.dtype)
    found = normalize_of(spec)
    return (spec if found is None else with_step(spec, found[0])), share


@on_array
def magnitude_for_power(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """A spectrum's magnitude where training had its square, or the reverse: its logarithm is half, or twice, as much.

    The libraries' defaults differ (librosa's mel spectrogram has 2, many recipes for speech have 1), and projects are
    asked again and again which one it is.
    """
    for place, step in enumerate(spec.pre):
        if isinstance(step, Spectrogram):
            return with_step(spec, place, step.model_copy(update={"power": 3 - step.power})), raw
    if not is_spectrum(spec, raw):
        return None
    if not is_quantized(raw):
        return spec, raw.astype(np.float32) / 2
    found = normalize_of(spec)
    zero = found[1].mean[0] / found[1].scale if found is not None else 0.0
    return spec, np.round((raw.astype(np.float32) - zero) / 2 + zero).astype(raw.dtype)


@on_array
def twins_numbers(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The float model is given what its int8 twin takes: numbers of a scale and a zero point that nobody takes off.

    Of the same network there are both files; the firmware quantizes its input for the one (a pixel less 128), and the
    other is what was flashed, or what a script evaluates.
    """
    found = normalize_of(spec)
    if is_sound(spec, raw):
        return spec, np.round(raw.astype(np.float32) / loudest_of(raw) * 127)
    without = spec if found is None else with_step(spec, found[0])
    if is_quantized(raw):
        return (without, raw) if found is not None else None
    if is_pixels(raw):
        return without, np.round(raw.astype(np.float32) * 255 / max(white_of(raw), 1)) - 128
    if not is_features(spec, raw):
        return None
    values = raw.astype(np.float32)
    step = max(float(values.max() - values.min()) / 255, 1e-6)
    return without, np.round((values - values.min()) / np.float32(step)) - 128


# Mean and deviation.


def _with_mean(spec: InputSpec) -> tuple[int, Normalize] | None:
    """The last normalize step that subtracts something, and its place."""
    found = normalize_of(spec)
    return found if found is not None and any(found[1].mean) else None


@on_array
def mean_left_out(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """What is read is scaled, and nothing is taken off.

    A converter is given ``--scale_values`` and no ``--mean_values``; OpenCV's ``blobFromImage`` a factor alone; the
    firmware multiplies by the input's scale and forgets its zero point.
    """
    found = _with_mean(spec)
    return None if found is None else (with_step(spec, found[0], found[1].model_copy(update={"mean": (0.0,)})), raw)


@on_array
def deviation_left_out(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The mean is taken off, as Caffe's networks want it, and nothing is divided by the deviation.

    Ports of networks to Caffe need an ``input_scale`` beside the mean; who leaves it out gets bad results and no error.
    """
    found = _with_mean(spec)
    if found is None or set(found[1].std) == {1.0}:
        return None
    return with_step(spec, found[0], found[1].model_copy(update={"std": (1.0,)})), raw


@on_array
def variance_for_deviation(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The square of the deviation is what is divided by: one library's layer takes variances, another's deviations.

    Keras' ``Normalization`` has ``mean`` and ``variance``, scikit-learn's scaler both ``var_`` and ``scale_``.
    """
    found = _with_mean(spec)
    if found is None or set(found[1].std) == {1.0} or found[1].mean == found[1].std:
        return None
    variances = tuple(value**2 for value in found[1].std)
    return with_step(spec, found[0], found[1].model_copy(update={"std": variances})), raw


@on_array
def scaled_before(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The same numbers in the wrong order: what was to be taken off first is taken off what is scaled already.

    pycaffe did it (the scale before the mean, instead of after); with a zero point it is ``x * scale - zero_point``.
    """
    found = _with_mean(spec)
    if found is None:
        return None
    place, step = found
    if set(step.std) != {1.0}:
        count = max(len(step.mean), len(step.std))
        means, deviations = step.mean * (count // len(step.mean)), step.std * (count // len(step.std))
        late = tuple(mean * deviation for mean, deviation in zip(means, deviations, strict=True))
    else:
        late = tuple(mean / step.scale for mean in step.mean)
    return with_step(spec, place, step.model_copy(update={"mean": late})), raw


@on_array
def fitted_again(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """``fit_transform`` where ``transform`` was meant: the set at hand has its own mean and deviation taken.

    A mistake of many scripts and examples: training, test and calibration data are standardised each by themselves.
    """
    if raw.dtype.kind not in "uf" and not is_quantized(raw):
        return None
    axis = None if is_sound(spec, raw) else channel_axis(spec, raw)
    axes = tuple(other for other in range(raw.ndim) if other != axis)
    values = raw.astype(np.float32)
    deviation = np.maximum(values.std(axis=axes, keepdims=True), np.float32(1e-6))
    fitted = (values - values.mean(axis=axes, keepdims=True)) / deviation
    found = None if is_sound(spec, raw) else normalize_of(spec)
    return (spec if found is None else with_step(spec, found[0])), fitted


@on_array
def statistics_reversed(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The channels are in the right order, and the mean and the deviation in the other one.

    (103.9, 116.8, 123.7) and (123.7, 116.8, 103.9) are both in circulation: red has blue's mean taken off. Found in
    ports of networks years later, for they still work, a little worse.
    """
    found = normalize_of(spec)
    if found is None or max(len(found[1].mean), len(found[1].std)) == 1:
        return None
    place, step = found
    turned = step.model_copy(update={"mean": step.mean[::-1], "std": step.std[::-1]})
    return with_step(spec, place, turned), raw
