"""The declared steps from raw samples to what the model takes, in numpy only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgebuild.core.array import Array, np
from edgebuild.core.errors import ConfigError
from edgebuild.steps.spectra import apply_sound_step

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from edgebuild.core.reading import ReadingStep
    from edgebuild.core.signature import (
        AddAxis,
        Cast,
        Dequantize,
        DType,
        Normalize,
        Quantize,
        ReverseChannels,
        Step,
        Transpose,
    )
    from edgebuild.core.sound import SoundStep

_READING = ("image", "resize", "audio", "tokenize", "columns")
_SOUND = ("spectrogram", "mel", "log", "mfcc")
"""The ``op`` of each step of ``core/reading.py``, and of each of ``core/sound.py``."""


def apply_steps(array: Array, steps: Iterable[Step], subject: str = "pre") -> Array:
    """Apply steps in order to samples of shape (N, …). Those that read, such as ``resize``, are skipped: they did.

    Args:
        array: (N, …).
        steps: as declared.
        subject: what a message names, such as ``[model.inputs.x] pre``.

    Raises:
        ConfigError: a step does not fit the array.
    """
    for step in steps:
        if _is_of_sound(step):
            array = apply_sound_step(array, step, subject)
        elif not reads(step):
            array = _apply(array, step, subject)
    return np.ascontiguousarray(array)


def reads(step: Step) -> TypeIs[ReadingStep]:
    """Whether a step reads a sample: that is done where samples come from, and nothing is done here."""
    return step.op in _READING


def _is_of_sound(step: Step) -> TypeIs[SoundStep]:
    return step.op in _SOUND


def _apply(
    array: Array, step: Normalize | Transpose | ReverseChannels | AddAxis | Cast | Quantize | Dequantize, subject: str
) -> Array:
    if step.op == "normalize":
        return normalize(array, step, subject)
    if step.op == "transpose":
        return _transpose(array, step, subject)
    if step.op == "reverse_channels":
        return np.flip(array, _axis(array, step.axis, subject))
    if step.op == "add_axis":
        return _add_axis(array, step, subject)
    if step.op == "cast":
        return cast(array, step.dtype, subject)
    return quantize(array, step) if step.op == "quantize" else _dequantize(array, step)


def normalize(array: Array, step: Normalize, subject: str = "pre") -> Array:
    """``(x * scale - mean) / std`` in float32, per channel where several values are given."""
    axis = _axis(array, step.channel_axis, subject)
    count = max(len(step.mean), len(step.std))
    if count not in (1, array.shape[axis]):
        raise ConfigError(
            subject,
            f"normalize has values for {count} channels; axis {axis} of the samples has {array.shape[axis]}"
            f" (shape {list(array.shape)})",
            fix="give one value, or one for each channel, and check channel_axis (1 is channels-first)",
        )
    shape = [1] * array.ndim
    shape[axis] = -1
    mean = np.asarray(step.mean, np.float32).reshape(shape if len(step.mean) > 1 else 1)
    std = np.asarray(step.std, np.float32).reshape(shape if len(step.std) > 1 else 1)
    normalized = array.astype(np.float32)
    normalized *= np.float32(step.scale)
    normalized -= mean
    normalized /= std
    return normalized


def quantize(array: Array, step: Quantize) -> Array:
    """Round to the nearest step, ties to even, and clip to the dtype's limits."""
    limits = np.iinfo(step.dtype)
    steps = np.round(array.astype(np.float32) / np.float32(step.scale)) + step.zero_point
    integers: Array = np.clip(steps, limits.min, limits.max).astype(step.dtype)
    return integers


def _dequantize(array: Array, step: Dequantize) -> Array:
    return (array.astype(np.float32) - np.float32(step.zero_point)) * np.float32(step.scale)


def cast(array: Array, dtype: DType, subject: str = "pre") -> Array:
    """Convert to a dtype, fractions cut off as C does.

    Raises:
        ConfigError: a value does not fit the dtype.
    """
    target = np.dtype(dtype)
    if target.kind in "iu" and array.size and array.dtype != target:
        limits = np.iinfo(target)
        low, high = array.min(), array.max()
        if not (low > limits.min - 1 and high < limits.max + 1):
            raise ConfigError(
                subject,
                f"values from {low} to {high} do not fit {dtype}",
                expected=f"{limits.min} to {limits.max}",
                fix="scale the samples, or choose a wider dtype",
            )
    return array.astype(target, copy=False)


def _transpose(array: Array, step: Transpose, subject: str) -> Array:
    if sorted(step.order) != list(range(array.ndim)) or step.order[0] != 0:
        raise ConfigError(
            subject,
            f"transpose order {list(step.order)} does not fit samples of shape {list(array.shape)}",
            expected=f"0 first (the sample axis), then every axis from 1 to {array.ndim - 1} once",
        )
    return array.transpose(step.order)


def _add_axis(array: Array, step: AddAxis, subject: str) -> Array:
    if step.axis > array.ndim:
        raise ConfigError(
            subject,
            f"add_axis: there is no place {step.axis} in samples of shape {list(array.shape)}",
            expected=f"1 to {array.ndim}",
        )
    return np.expand_dims(array, step.axis)


def _axis(array: Array, axis: int, subject: str) -> int:
    if not 1 <= axis < array.ndim:
        raise ConfigError(
            subject,
            f"axis {axis} does not exist in samples of shape {list(array.shape)}",
            expected=f"1 to {array.ndim - 1}; axis 0 counts the samples",
        )
    return axis
