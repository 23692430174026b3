"""Twenty-five mistakes in how samples reach a model, for measuring a check of inputs by somebody else's mistakes.

Their two authors, of the first sixteen and of the last nine, had not seen the check, its documentation, its tests or
its results when writing them: they are what goes wrong in practice, with the names that would be right for each. An
edit takes one input's right declaration and its raw samples and gives wrong ones that are silent: the prepared array
keeps its shape, its values fit the dtype, and at least a tenth of the samples, or labels, differ. Where that cannot be,
it gives None.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.core.reading import ReadAudio, Tokenize
from edgebuild.core.signature import AddAxis, Normalize, Step, Transpose
from edgebuild.core.sound import Log, Mel, Mfcc, Spectrogram
from edgebuild.models.samples import Samples, prepare_input

Array: TypeAlias = "npt.NDArray[np.generic]"
Floats: TypeAlias = "npt.NDArray[np.float32]"
Whole: TypeAlias = "npt.NDArray[np.int64]"
Edit: TypeAlias = Callable[[InputSpec, Samples], tuple[InputSpec, Samples] | None]
ArrayEdit: TypeAlias = Callable[[InputSpec, Array], tuple[InputSpec, Array] | None]
LabelEdit: TypeAlias = Callable[[Whole], Whole]

LEAST_CHANGED = 0.1
"""The share of samples that a mistake must change to be one."""
PROBED = 64
"""Samples that are prepared to see whether anything changed."""
SHORTEST_SOUND = 2000
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
MNIST = ((0.1307,), (0.3081,))
HALVES = ((0.5,), (0.5,))
AUDIOSET = ((-4.2677,), (9.1379,))
"""The mean, and twice the deviation, that the Audio Spectrogram Transformer was published with."""
FEWEST_IN_WINDOW = 64
"""Columns from which on a row is a window of a signal, laid flat, and not a number of each sensor."""


# What kind of array it is, and where its axes are.


def _fits(spec: InputSpec, rows: Array) -> bool:
    try:
        prepared = prepare_input("x", rows[:1], spec)
    except (ConfigError, ValueError, IndexError):
        return False
    return prepared.shape[1:] in {size[1:] for size in spec.sizes}


def is_sequence(spec: InputSpec, raw: Array) -> bool:
    """Whether samples are (N, T, …), a call for each of T steps."""
    return raw.ndim > 2 and not _fits(spec, raw) and _fits(spec, raw[0])


def is_pixels(raw: Array) -> bool:
    return raw.dtype.kind == "u" and raw.ndim >= 3


def full_scale_of(raw: Array) -> int:
    """Of unsigned integers, the greatest that there are."""
    return int(2 ** (8 * raw.dtype.itemsize) - 1)


def white_of(raw: Array) -> int:
    """The value of a white pixel: 255 of bytes, less of those that use a few bits only."""
    highest = int(raw.max())
    return full_scale_of(raw) if highest > full_scale_of(raw) // 2 else highest


def loudest_of(raw: Array) -> np.float32:
    """The amplitude that a waveform can have."""
    return np.float32(1 if float(np.abs(raw.astype(np.float32)).max()) <= 1 else 32768)


def is_sound(spec: InputSpec, raw: Array) -> bool:
    """Whether samples are waveforms."""
    if raw.dtype.kind != "f" or raw.shape[-1] < SHORTEST_SOUND or raw.size != len(raw) * raw.shape[-1]:
        return False
    values = raw.astype(np.float32)
    declared = any(isinstance(step, ReadAudio | Spectrogram) for step in spec.pre)
    return declared or abs(float(values.mean())) < 0.2 * float(values.std())


def is_features(spec: InputSpec, raw: Array) -> bool:
    """Whether samples are rows of a sensor, or a spectrogram that was made before."""
    return raw.dtype.kind == "f" and not is_sound(spec, raw)


def is_tokens(spec: InputSpec, raw: Array) -> bool:
    return raw.dtype.kind == "i" and raw.ndim == 2 and spec.dtype in ("int32", "int64")


def is_quantized(raw: Array) -> bool:
    """Whether samples are spectra, or the like, as signed bytes."""
    return raw.dtype == np.int8 and raw.ndim >= 3


def raw_axis(spec: InputSpec, letter: str) -> int | None:
    """The axis of the raw samples that becomes the one with this letter in the model's layout."""
    axis = spec.layout.find(letter)
    for step in reversed(spec.pre):
        if axis < 1 or isinstance(step, Spectrogram | Mel | Log | Mfcc):
            return None
        if isinstance(step, Transpose):
            axis = step.order[axis]
        elif isinstance(step, AddAxis):
            axis = -1 if axis == step.axis else axis - (axis > step.axis)
    return axis if axis >= 1 else None


def channel_axis(spec: InputSpec, raw: Array) -> int | None:
    """The raw axis of channels, or of a sensor's columns; None if it has only one."""
    axis = raw_axis(spec, "C")
    if axis is None and is_features(spec, raw) and (raw.ndim == 2 or is_sequence(spec, raw)):
        axis = raw.ndim - 1
    return axis if axis is not None and axis < raw.ndim and raw.shape[axis] > 1 else None


def normalize_of(spec: InputSpec) -> tuple[int, Normalize] | None:
    """The last normalize step and its place."""
    found = [(place, step) for place, step in enumerate(spec.pre) if isinstance(step, Normalize)]
    return found[-1] if found else None


def with_step(spec: InputSpec, place: int, *steps: Step) -> InputSpec:
    """The declaration with one step replaced, or left out."""
    return spec.model_copy(update={"pre": (*spec.pre[:place], *steps, *spec.pre[place + 1 :])})


# What makes an edit of an array one of samples.


def makes_mask(spec: InputSpec) -> bool:
    """Whether it is made of texts and is not their tokens."""
    return any(isinstance(step, Tokenize) and step.output != "ids" for step in spec.pre)


def _is_mask(samples: Samples, name: str) -> bool:
    return bool(samples.inputs[name].astype(np.int64).max() <= 1)


def _name_of(spec: InputSpec, samples: Samples) -> str | None:
    if len(samples.inputs) == 1:
        return next(iter(samples.inputs))
    masks = makes_mask(spec)
    fitting = (name for name, raw in samples.inputs.items() if _fits(spec, raw) or is_sequence(spec, raw))
    right = (name for name in fitting if not is_tokens(spec, samples.inputs[name]) or masks == _is_mask(samples, name))
    return next(right, None)


def _prepared(spec: InputSpec, raw: Array) -> Floats:
    """A row a sample; of a sequence, all its steps."""
    probed = raw[:PROBED]
    rows = probed.reshape(-1, *probed.shape[2:]) if is_sequence(spec, raw) else probed
    return prepare_input("x", rows, spec).astype(np.float32).reshape(len(probed), -1)


def _silent(spec: InputSpec, raw: Array, wrong_spec: InputSpec, wrong: Array) -> bool:
    """Whether nothing refuses the wrong samples, and enough of them are not what they were."""
    if not (_fits(wrong_spec, wrong) or is_sequence(wrong_spec, wrong)):
        return False
    try:
        before, after = _prepared(spec, raw), _prepared(wrong_spec, wrong)
    except ConfigError:
        return False
    if before.shape != after.shape or not np.isfinite(after).all():
        return False
    changed = ~np.isclose(before, after, rtol=1e-4, atol=1e-6).all(axis=1)
    return float(changed.mean()) >= LEAST_CHANGED


def on_array(edit: ArrayEdit) -> Edit:
    @functools.wraps(edit)
    def on_samples(spec: InputSpec, samples: Samples) -> tuple[InputSpec, Samples] | None:
        name = _name_of(spec, samples)
        if name is None or spec.is_state or len(samples) == 0:
            return None
        raw = samples.inputs[name]
        edited = edit(spec, raw)
        if edited is None or not _silent(spec, raw, *edited):
            return None
        return edited[0], dataclasses.replace(samples, inputs={**samples.inputs, name: edited[1]})

    return on_samples


def _on_labels(edit: LabelEdit) -> Edit:
    @functools.wraps(edit)
    def on_samples(spec: InputSpec, samples: Samples) -> tuple[InputSpec, Samples] | None:
        labels = samples.labels
        if labels is None or labels.dtype.kind not in "iu" or labels.size == 0:
            return None
        right = labels.astype(np.int64)
        if right.min() < 0 or right.min() == right.max():
            return None
        wrong = edit(right)
        if float((wrong != right).mean()) < LEAST_CHANGED:
            return None
        return spec, dataclasses.replace(samples, labels=wrong.astype(labels.dtype))

    return on_samples


# Scale, mean and deviation.


@on_array
def scaled_twice(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The loader has begun to scale (``ToTensor``; a WAV reader that gives floats), and what follows does so still."""
    if not is_pixels(raw) and not is_sound(spec, raw):
        return None
    full = full_scale_of(raw) if is_pixels(raw) else 32768
    return spec, (raw.astype(np.float32) / full).astype(np.float32)


@on_array
def not_scaled(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The firmware hands on the camera's bytes, or the microphone's 16-bit numbers, where training had floats."""
    if is_sound(spec, raw):
        values = raw.astype(np.float32)
        return (spec, np.round(values * np.float32(32768))) if float(np.abs(values).max()) <= 1 else None
    found = normalize_of(spec)
    if found is None or not is_pixels(raw):
        return None
    place, step = found
    if step.scale != 1:
        return with_step(spec, place, step.model_copy(update={"scale": 1.0})), raw
    is_range = not any(step.mean) or step.mean == step.std
    return (with_step(spec, place), raw) if is_range else None


@on_array
def other_range(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The helper of another family of models is called: it makes -1 to 1 where 0 to 1 is wanted, or the reverse."""
    found = normalize_of(spec)
    if found is None or not is_pixels(raw):
        return None
    place, step = found
    if not any(step.mean) and len(set(step.std)) == 1:
        halves = step.model_copy(update={"scale": step.scale / step.std[0], "mean": (0.5,), "std": (0.5,)})
        return with_step(spec, place, halves), raw
    if step.mean == step.std:
        whole = step.model_copy(update={"mean": (0.0,), "std": tuple(2 * value for value in step.std)})
        return with_step(spec, place, whole), raw
    return None


def _habitual(step: Normalize, channels: int) -> Normalize | None:
    """Pixels normalised by the numbers that a tutorial has."""
    zero = not any(step.mean)
    if zero and len(set(step.std)) > 1:
        return None
    if zero or step.mean == step.std:
        if channels not in (1, 3):
            return None
        full = step.std[0] / step.scale if zero else 2 * step.std[0] / step.scale
        mean, std = IMAGENET if channels == 3 else MNIST
    else:
        full = 1 / step.scale if step.scale != 1 else 255.0
        mean, std = HALVES
    return step.model_copy(update={"scale": 1 / full, "mean": mean, "std": std})


@on_array
def other_statistics(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The mean and deviation are copied from a tutorial, or another model's card: ImageNet's, 0.5, AudioSet's."""
    found = normalize_of(spec)
    if found is None or raw.dtype.kind not in "uf":
        return None
    place, step = found
    if not is_pixels(raw):
        other = step.model_copy(update={"mean": AUDIOSET[0], "std": AUDIOSET[1]})
        return (with_step(spec, place, other), raw) if any(step.mean) else None
    before = prepare_input("x", raw[:1], spec.model_copy(update={"pre": spec.pre[:place]}))
    habitual = _habitual(step, before.shape[step.channel_axis]) if step.channel_axis < before.ndim else None
    return None if habitual is None else (with_step(spec, place, habitual), raw)


@on_array
def standardised_alone(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """Each sample is standardised by itself (``per_image_standardization``, a clip's own CMVN), not by the set."""
    if np.dtype(spec.dtype).kind != "f":
        return None
    values = raw.astype(np.float32)
    axes = tuple(range(1, raw.ndim))
    deviation = np.maximum(values.std(axis=axes, keepdims=True), np.float32(1e-6))
    alone = (values - values.mean(axis=axes, keepdims=True)) / deviation
    found = None if is_sound(spec, raw) else normalize_of(spec)
    return (spec if found is None else with_step(spec, found[0])), alone


@on_array
def other_unit(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """One side of the product counts in decibels and the other in natural logarithms; or in g and in m/s²."""
    for place, step in enumerate(spec.pre):
        if isinstance(step, Log):
            other = step.model_copy(update={"base": "db" if step.base == "e" else "e"})
            return with_step(spec, place, other), raw
    if not is_features(spec, raw):
        return None
    rows = raw.ndim == 2 or "T" in spec.layout
    return spec, raw.astype(np.float32) * np.float32(1 / 9.80665 if rows else 10 / np.log(10))


# Channels and axes.


@on_array
def other_channels(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """OpenCV decodes to BGR; or a table's columns come sorted by their names (f0, f1, f10, f11, …, f2)."""
    axis = channel_axis(spec, raw)
    if axis is None:
        return None
    count = raw.shape[axis]
    if is_pixels(raw):
        return spec, np.flip(raw, axis)
    order = sorted(range(count), key=str) if count > 10 else [*range(count // 2, count), *range(count // 2)]
    return spec, np.take(raw, order, axis=axis)


def _reshaped(raw: Array, order: tuple[int, ...]) -> Array:
    """Raw samples that, once transposed in that order, are what a reshape would have made of the right ones."""
    wrong = np.ascontiguousarray(raw).reshape([raw.shape[axis] for axis in order])
    return wrong.transpose(np.argsort(order))


@on_array
def reshaped(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The axes are put in place by ``reshape``, which keeps the memory's order, where ``transpose`` was needed."""
    if raw.dtype.kind not in "uif" or is_tokens(spec, raw) or raw.ndim < 3 or is_sound(spec, raw):
        return None
    channels = channel_axis(spec, raw)
    if channels is not None and raw.ndim == 4:
        order = (0, 3, 1, 2) if channels == 3 else (0, 2, 3, 1)
        transposing = [step.order for step in spec.pre if isinstance(step, Transpose)]
        if transposing:
            return spec, _reshaped(raw, transposing[0])
        return spec, np.ascontiguousarray(raw.transpose(order)).reshape(raw.shape)
    first, second = sorted(sorted(range(1, raw.ndim), key=lambda axis: -raw.shape[axis])[:2])
    if raw.shape[first] == raw.shape[second] or 1 in (raw.shape[first], raw.shape[second]):
        return None
    return spec, np.ascontiguousarray(raw.swapaxes(first, second)).reshape(raw.shape)


@on_array
def width_first(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """Width comes before height: a (w, h) of OpenCV's taken for (h, w), or files of MATLAB's, column by column."""
    height, width = raw_axis(spec, "H"), raw_axis(spec, "W")
    if height is None or width is None or raw.shape[height] != raw.shape[width]:
        return None
    for place, step in enumerate(spec.pre):
        if isinstance(step, Transpose):
            swap = {height: width, width: height}
            order = tuple(swap.get(axis, axis) for axis in step.order)
            return with_step(spec, place, step.model_copy(update={"order": order})), raw
    return spec, np.ascontiguousarray(raw.swapaxes(height, width))


# Padding.


def _letterboxed(raw: Array, axis: int) -> Array:
    """Pixels squeezed to three quarters of their height, between two bars of the grey that YOLO's code fills with."""
    height = raw.shape[axis]
    kept = height * 3 // 4
    top = (height - kept) // 2
    squeezed = np.take(raw, np.arange(kept) * height // kept, axis=axis).astype(np.int64)
    grey = round(int(raw.max()) * 114 / 255)
    widths = [(0, 0)] * raw.ndim
    widths[axis] = (top, height - kept - top)
    return np.pad(squeezed, widths, constant_values=grey).astype(raw.dtype)


def _moved(raw: Array, filling: npt.NDArray[np.bool_]) -> Array:
    """Samples (N, T, …) with what fills them up on the other side; ``filling`` is (N, T)."""
    length = filling.shape[1]
    content = ~filling
    some = content.any(axis=1)
    leading = np.where(some, content.argmax(axis=1), 0)
    trailing = np.where(some, content[:, ::-1].argmax(axis=1), 0)
    to_start = float((leading > 0).mean()) >= LEAST_CHANGED
    shift = leading if to_start else -trailing
    places = (np.arange(length) + shift[:, np.newaxis]) % length
    return np.take_along_axis(raw, places.reshape(*places.shape, *[1] * (raw.ndim - 2)), axis=1)


def filling_of(spec: InputSpec, raw: Array) -> npt.NDArray[np.bool_] | None:
    """Where sounds, sequences or texts, (N, T, …), only have what fills them up."""
    if is_tokens(spec, raw):
        ids = raw.astype(np.int64)
        ends = np.concatenate([ids[:, 0], ids[:, -1]])
        values, counts = np.unique(ends[ends <= 3], return_counts=True)
        return np.asarray(ids == values[counts.argmax()], np.bool_) if len(values) else None
    if raw.ndim == 2 and is_sound(spec, raw):
        return np.asarray(raw.astype(np.float32) == 0, np.bool_)
    if is_features(spec, raw) and is_sequence(spec, raw):
        values = raw.astype(np.float32)
        quiet: npt.NDArray[np.bool_] = (values == values.min()).all(axis=tuple(range(2, raw.ndim)))
        return quiet
    return None


@on_array
def filled_otherwise(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """Short samples are filled up in another place than in training; pictures get bars where they were stretched."""
    height = raw_axis(spec, "H")
    if is_pixels(raw):
        return (spec, _letterboxed(raw, height)) if height is not None and raw.shape[height] >= 8 else None
    filling = filling_of(spec, raw)
    return None if filling is None else (spec, _moved(raw, filling))


# What the sensor itself does.


@on_array
def cut_off(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The gain or the exposure is set too high, or a converter's range too small: values stop at its limits."""
    if is_pixels(raw):
        return spec, np.minimum(raw.astype(np.int64) * 4, white_of(raw)).astype(raw.dtype)
    values = raw.astype(np.float32) if raw.dtype.kind == "f" else None
    if values is None:
        return None
    if is_sound(spec, raw):
        full_scale = loudest_of(raw)
        loud = float(np.quantile(np.abs(values[values != 0]), 0.8)) if values.any() else 1.0
        gain = np.float32(max(float(full_scale) / loud, 1.0))
        return spec, np.clip(values * gain, -full_scale, full_scale)
    middle, reach = values.mean(), values.std()
    return spec, np.clip(values, middle - reach, middle + reach)


def slowed_down(raw: Array, axis: int, place: str, times: float = 2) -> Array:
    """Values of so many times the rate, as many as before: from the start, the middle or the end of what was heard."""
    values = np.moveaxis(raw.astype(np.float32), axis, -1)
    length = values.shape[-1]
    left_out = length - length / times
    first = {"start": 0.0, "center": left_out / 2}.get(place, left_out)
    at = np.minimum(first + np.arange(length) / times, length - 1)
    low = np.floor(at).astype(np.int64)
    high, share = np.minimum(low + 1, length - 1), (at - low).astype(np.float32)
    slowed = values[..., low] * (1 - share) + values[..., high] * share
    return np.ascontiguousarray(np.moveaxis(slowed, -1, axis))


@on_array
def other_rate(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The device samples at twice the rate of the training data, and nothing resamples: all goes half as fast."""
    axis = raw_axis(spec, "T")
    if is_sound(spec, raw):
        audio = [step for step in spec.pre if isinstance(step, ReadAudio)]
        return spec, slowed_down(raw, raw.ndim - 1, audio[0].place if audio else "center")
    if axis is None and is_features(spec, raw) and is_sequence(spec, raw):
        axis = 1
    return (spec, slowed_down(raw, axis, "end")) if axis is not None and raw.dtype.kind == "f" else None


@on_array
def dead_channel(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """A part of the sensor is not connected, or a join found no column for it, and its missing values became 0."""
    axis = channel_axis(spec, raw)
    if axis is None:
        return None
    wrong = raw.copy()
    count = max(1, raw.shape[axis] // 4)
    np.moveaxis(wrong, axis, -1)[..., -count:] = 0
    return spec, wrong


# Texts and labels.


@on_array
def other_vocabulary(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The tokenizer of another checkpoint is shipped: other numbers for words, and RoBERTa's for the special tokens."""
    if makes_mask(spec) or not is_tokens(spec, raw) or int(raw.astype(np.int64).max()) < 1000:
        return None
    ids = raw.astype(np.int64)
    special = {int(ids[0, 0]): 0, 0: 1}
    if len(np.unique(ids[:, 0])) > 1:
        special = {0: 1}
    content = ids != 0
    last = ids.shape[1] - 1 - content[:, ::-1].argmax(axis=1)
    ends = np.unique(ids[np.arange(len(ids)), last])
    if len(ends) == 1:
        special |= {int(ends[0]): 2}
    table = np.random.default_rng(7).permutation(np.arange(3, int(ids.max()) + 1))
    mapped = table[np.clip(ids - 3, 0, len(table) - 1)]
    for right, wrong in special.items():
        mapped[ids == right] = wrong
    return spec, mapped.astype(raw.dtype)


@_on_labels
def counted_from_one(labels: Whole) -> Whole:
    """Classes are counted from 1 on one side, or there is one for the background; the last one wraps around."""
    wrapped: Whole = (labels + 1) % (labels.max() + 1)
    return wrapped


@_on_labels
def listed_otherwise(labels: Whole) -> Whole:
    """Labels are in the order of numbers, samples in that of file names as text (0.png, 1.png, 10.png, …, 2.png)."""
    return labels[np.array(sorted(range(len(labels)), key=str), np.int64)]


# By another author: how a device's pixels and numbers mean something else.


@on_array
def linear_light(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The sensor's own pixels, proportional to light, where training had files in sRGB (IEC 61966-2-1)."""
    if not is_pixels(raw):
        return None
    white = white_of(raw)
    encoded = raw.astype(np.float32) / max(white, 1)
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return spec, np.round(light * white).astype(raw.dtype)


@on_array
def video_range(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """A video decoder's pixels have black at 16 and white at 235 (ITU-R BT.601), and nobody stretches them."""
    if not is_pixels(raw):
        return None
    pixels = (16 * white_of(raw) + 219 * raw.astype(np.float32)) / 255
    return spec, np.round(pixels).astype(raw.dtype)


@on_array
def inverted(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """Ink on paper where training had white on black (MNIST), or a file in which 0 is white (TIFF, DICOM, CMYK)."""
    return (spec, (white_of(raw) - raw.astype(np.int64)).astype(raw.dtype)) if is_pixels(raw) else None


@on_array
def other_sign(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """Bytes are read as signed and are not, or the reverse; a converter counts from 0 and its numbers are so read."""
    if is_pixels(raw) and raw.dtype == np.uint8:
        return spec, raw.view(np.int8)
    if is_quantized(raw):
        return spec, raw.view(np.uint8)
    if not is_sound(spec, raw):
        return None
    values, loudest = raw.astype(np.float32), loudest_of(raw)
    return spec, np.where(values < 0, values + loudest, values - loudest)


@on_array
def not_zeroed(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """What the sensor gives at rest is not taken off: a microphone's bias, gravity, a tare, another zero point."""
    values = raw.astype(np.float32)
    if is_sound(spec, raw):
        loudest = loudest_of(raw)
        return spec, np.clip(values + loudest / 4, -loudest, loudest)
    if is_quantized(raw):
        return spec, np.clip(np.round(values + values.std()), -128, 127).astype(np.int8)
    return (spec, values + values.std()) if is_features(spec, raw) else None


# By the same author: how a device's buffer, or picture, is read.


@on_array
def chroma_exchanged(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """A camera's NV21 is read as NV12: Cr and Cb are exchanged before they become RGB (JFIF's equations)."""
    axis = channel_axis(spec, raw)
    if axis is None or not is_pixels(raw) or raw.shape[axis] != 3:
        return None
    red, green, blue = np.moveaxis(raw.astype(np.float32), axis, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    cr, cb = (blue - luma) / 1.772, (red - luma) / 1.402
    wrong = np.stack([luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb], axis)
    return spec, np.clip(np.round(wrong), 0, white_of(raw)).astype(raw.dtype)


@on_array
def line_padding(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """Rows lie in memory with a few bytes after each (the stride), and are read as if there were none: all leans."""
    height, width = raw_axis(spec, "H"), raw_axis(spec, "W")
    if not is_pixels(raw) or height is None or width is None or height > width:
        return None
    widths = [(0, 0)] * raw.ndim
    widths[width] = (0, max(1, raw.shape[width] // 8))
    in_memory = np.pad(raw, widths).reshape(len(raw), -1)
    return spec, in_memory[:, : raw[0].size].reshape(raw.shape)


def _buffered(spec: InputSpec, raw: Array) -> int | None:
    """The axis along which a buffer is filled."""
    if is_sound(spec, raw):
        return raw.ndim - 1
    if is_pixels(raw) or is_quantized(raw):
        return raw_axis(spec, "H") or raw_axis(spec, "T")
    if not is_features(spec, raw):
        return None
    is_window = raw.ndim == 2 and raw.shape[1] >= FEWEST_IN_WINDOW
    return 1 if is_window or is_sequence(spec, raw) else raw_axis(spec, "T") or raw_axis(spec, "H")


@on_array
def from_buffers_start(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """A ring buffer is read from its start, wherever its oldest value is; a camera's transfer begins mid-frame."""
    axis = _buffered(spec, raw)
    if axis is None or raw.shape[axis] < 2:
        return None
    oldest = np.random.default_rng(5).integers(1, raw.shape[axis], len(raw))
    turned = [np.roll(sample, place, axis - 1) for sample, place in zip(raw, oldest, strict=True)]
    return spec, np.stack(turned)


@on_array
def cropped(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The middle of a 4:3 picture is cut out where in training the whole of it was squeezed into the square."""
    width = raw_axis(spec, "W")
    if not is_pixels(raw) or width is None or raw.shape[width] < 8:
        return None
    columns = raw.shape[width]
    kept = columns * 3 // 4
    return spec, np.take(raw, (columns - kept) // 2 + np.arange(columns) * kept // columns, axis=width)


MISTAKES: tuple[tuple[str, tuple[str, ...], Edit], ...] = (
    ("scaled twice", ("scale",), scaled_twice),
    ("whole numbers not scaled", ("scale",), not_scaled),
    ("-1 to 1 for 0 to 1, or the reverse", ("mean and deviation", "scale"), other_range),
    ("another data set's statistics", ("mean and deviation",), other_statistics),
    ("each sample standardised alone", ("mean and deviation", "scale"), standardised_alone),
    ("another unit", ("scale", "mean and deviation"), other_unit),
    ("channels in another order", ("channel order",), other_channels),
    ("reshaped, not transposed", ("layout",), reshaped),
    ("width before height", ("layout",), width_first),
    ("filled up another way", ("padding",), filled_otherwise),
    ("gain too high, cut off", ("saturated", "scale"), cut_off),
    ("another sample rate", ("sample rate",), other_rate),
    ("a dead channel", ("constant channel",), dead_channel),
    ("another tokenizer's numbers", ("vocabulary",), other_vocabulary),
    ("labels counted from one", ("labels",), counted_from_one),
    ("labels of files listed otherwise", ("labels",), listed_otherwise),
    ("linear light for sRGB", ("scale", "mean and deviation"), linear_light),
    ("16 to 235 for 0 to 255", ("scale", "mean and deviation"), video_range),
    ("inverted", ("scale", "mean and deviation"), inverted),
    ("signed for unsigned, or the reverse", ("scale",), other_sign),
    ("the sensor not zeroed", ("mean and deviation",), not_zeroed),
    ("NV21 read as NV12", ("channel order",), chroma_exchanged),
    ("the rows' stride ignored", ("layout",), line_padding),
    ("a ring buffer read from its start", ("layout", "padding"), from_buffers_start),
    ("the middle cut out, not squeezed", ("resize", "padding"), cropped),
)
