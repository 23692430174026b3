"""Mistakes in how samples reach a model, as data: what is done to a right project, and what should be said of it.

Twenty are the check's author's. Ten of them follow public reports of what others ran into, each named in ``source``.
They were written before the check was first run. The others are by people who had not seen the check, and are planted
as they were written: twenty-five of ``planted_by_others.py``, by two, and thirty-four of ``planted_by_a_third.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from planted_by_a_third import MISTAKES as BY_A_THIRD
from planted_by_others import MISTAKES as BY_OTHERS

from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Cast, Normalize, Step, Transpose
from edgebuild.inputcheck.declarations.steps import channel_axis, moved, reversed_at, taken_apart
from edgebuild.models.samples import Samples

Planted = tuple[InputSpec, Samples]
Edit = Callable[[InputSpec, Samples], Planted | None]
"""From the right declaration and samples to wrong ones; None where the mistake can't be made in this project."""


@dataclass(frozen=True)
class Mistake:
    """One kind.

    Attributes:
        kinds: any of these, said, is right.
        source: the report that it follows; empty for the author's own.
        author: "check": who wrote the check; "others": two who had not seen it; "third": one more.
    """

    name: str
    kinds: tuple[str, ...]
    edit: Edit
    source: str = ""
    author: Literal["check", "others", "third"] = "check"


def _steps(spec: InputSpec, samples: Samples, *steps: Step) -> Planted:
    return spec.model_copy(update={"pre": steps}), samples


def _numbers(edit: Callable[[Normalize], Normalize | None]) -> Edit:
    """An edit of the one normalization that is declared."""

    def apply(spec: InputSpec, samples: Samples) -> Planted | None:
        parts = taken_apart(spec.pre)
        found = [step for step in parts.numbers if isinstance(step, Normalize)]
        changed = edit(found[0]) if len(found) == 1 else None
        return None if changed is None else _steps(spec, samples, *parts.with_numbers(changed).steps)

    return apply


def _has_statistics(step: Normalize) -> bool:
    return any(step.mean) and step.std != (1.0,)


def _unscaled(step: Normalize) -> Normalize | None:
    """The division that brings bytes to 0..1 left out."""
    if step.scale != 1:
        return step.model_copy(update={"scale": 1.0})
    return step.model_copy(update={"std": (1.0,)}) if not any(step.mean) else None


def _scaled_twice(step: Normalize) -> Normalize | None:
    if step.scale != 1:
        return step.model_copy(update={"scale": step.scale**2})
    return step.model_copy(update={"std": tuple(s * s for s in step.std)}) if not any(step.mean) else None


def _no_statistics(step: Normalize) -> Normalize | None:
    """Scaled to 0..1, and mean and deviation forgotten."""
    if not _has_statistics(step):
        return None
    if step.scale == 1 and max(step.mean) > 2:
        return Normalize(scale=1 / 255, channel_axis=step.channel_axis)
    return Normalize(scale=step.scale, channel_axis=step.channel_axis)


def _divided_by_255(spec: InputSpec, samples: Samples) -> Planted | None:
    """Divided by 255 before a model that was trained on what came."""
    parts = taken_apart(spec.pre)
    if any(isinstance(step, Normalize) for step in parts.numbers):
        return None
    return _steps(spec, samples, *parts.with_numbers(Normalize(scale=1 / 255)).steps)


def _other_range(step: Normalize) -> Normalize | None:
    """-1..1 where the model wants 0..1, and the other way round."""
    if step.mean == step.std == (127.5,):
        return Normalize(std=(255.0,), channel_axis=step.channel_axis)
    if step.scale == 1 and not any(step.mean) and len(step.std) == 1:
        half = (step.std[0] / 2,)
        return Normalize(mean=half, std=half, channel_axis=step.channel_axis)
    return None


def _other_channels(spec: InputSpec, samples: Samples) -> Planted | None:
    axis = channel_axis(spec)
    if axis is None or spec.shape[axis] != 3:
        return None
    parts = taken_apart(spec.pre)
    return _steps(spec, samples, *replace(parts, before=reversed_at(parts.before, axis)).steps)


def _axes_exchanged(spec: InputSpec, samples: Samples) -> Planted | None:
    """(width, height) where the model wants (height, width)."""
    axis = channel_axis(spec)
    sides = [a for a in range(1, len(spec.shape)) if a != axis]
    if len(spec.shape) != 4 or len(sides) != 2 or spec.shape[sides[0]] != spec.shape[sides[1]]:
        return None
    order = list(range(4))
    order[sides[0]], order[sides[1]] = sides[1], sides[0]
    return _steps(spec, samples, *moved(spec.pre, tuple(order)))


def _labels_by_one(spec: InputSpec, samples: Samples) -> Planted | None:
    """Classes counted from another number, as where a background class is class 0."""
    if samples.labels is None or set(samples.labels.tolist()) <= {0, 1}:
        return None
    lower = np.maximum(samples.labels - 1, 0)
    return spec, replace(samples, labels=lower)


def _own_maximum(spec: InputSpec, samples: Samples) -> Planted | None:
    """Each sample divided by its own largest value, instead of all by one number."""
    name, raw = next(iter(samples.inputs.items()))
    axes = tuple(range(1, raw.ndim))
    top = np.maximum(np.abs(raw.astype(np.float32)).max(axis=axes, keepdims=True), 1e-6)
    return spec, replace(samples, inputs={name: raw.astype(np.float32) / top})


def _no_mean(step: Normalize) -> Normalize | None:
    return step.model_copy(update={"mean": (0.0,)}) if any(step.mean) else None


def _no_deviation(step: Normalize) -> Normalize | None:
    return step.model_copy(update={"std": (1.0,)}) if _has_statistics(step) else None


def _statistics_reversed(step: Normalize) -> Normalize | None:
    same = step.mean == step.mean[::-1] and step.std == step.std[::-1]
    return None if same else step.model_copy(update={"mean": step.mean[::-1], "std": step.std[::-1]})


def _statistics_in_bytes(step: Normalize) -> Normalize | None:
    """Mean and deviation of 0..255 beside values that were scaled to 0..1, or the other way round."""
    if not _has_statistics(step):
        return None
    factor = 255.0 if step.scale != 1 else 1 / 255
    return step.model_copy(
        update={"mean": tuple(m * factor for m in step.mean), "std": tuple(s * factor for s in step.std)}
    )


def _normalized_twice(spec: InputSpec, samples: Samples) -> Planted | None:
    parts = taken_apart(spec.pre)
    found = [step for step in parts.numbers if isinstance(step, Normalize)]
    if len(found) != 1 or not _has_statistics(found[0]):
        return None
    return _steps(spec, samples, *parts.with_numbers(found[0], found[0].model_copy(update={"scale": 1.0})).steps)


def _mean_added(step: Normalize) -> Normalize | None:
    return step.model_copy(update={"mean": tuple(-m for m in step.mean)}) if any(step.mean) else None


def _upside_down(spec: InputSpec, samples: Samples) -> Planted | None:
    """Rows from the bottom up, as in a bitmap file."""
    axis = channel_axis(spec)
    if axis is None or len(spec.shape) != 4:
        return None
    rows = next(a for a in range(1, 4) if a != axis)
    return _steps(spec, samples, *reversed_at(spec.pre, rows))


def _numbers_forgotten(spec: InputSpec, samples: Samples) -> Planted | None:
    """Every step that changes numbers left out."""
    parts = taken_apart(spec.pre)
    if not any(isinstance(step, Normalize) for step in parts.numbers):
        return None
    return _steps(spec, samples, *parts.with_numbers(Cast(dtype="float32")).steps)


def _dead_channel(spec: InputSpec, samples: Samples) -> Planted | None:
    """One channel of the samples is always the same."""
    name, raw = next(iter(samples.inputs.items()))
    if raw.ndim != 4 or raw.shape[3] != 3:
        return None
    broken = raw.copy()
    broken[..., 2] = 0
    return spec, replace(samples, inputs={name: broken})


def _overexposed(spec: InputSpec, samples: Samples) -> Planted | None:
    """A gain of four, clipped at the dtype's limit."""
    name, raw = next(iter(samples.inputs.items()))
    if raw.dtype != np.uint8 or raw.max() <= 64:
        return None
    return spec, replace(samples, inputs={name: np.minimum(raw.astype(np.int64) * 4, 255).astype(np.uint8)})


def _reshaped(spec: InputSpec, samples: Samples) -> Planted | None:
    """Channels-last memory read as channels-first: reshaped where it should have been transposed."""
    name, raw = next(iter(samples.inputs.items()))
    if raw.ndim != 4 or raw.shape[3] != 3 or Transpose(order=(0, 3, 1, 2)) not in spec.pre:
        return None
    n, h, w, c = raw.shape
    read = raw.reshape(n, c, h, w).transpose(0, 2, 3, 1)
    return spec, replace(samples, inputs={name: np.ascontiguousarray(read)})


def _reported(name: str, kinds: tuple[str, ...], edit: Edit, source: str) -> Mistake:
    return Mistake(name, kinds, edit, f"https://{source}")


NUMBERS = ("scale", "mean and deviation")
"""Both kinds are about the same step, and one is often as good a name as the other."""
_SKEW = "learn/ml-cv-systems/image-preprocessing/common-preprocessing-failure-modes-in-production"
_SATELLITE = "github.com/ayushdabra/dubai-satellite-imagery-segmentation/issues/3"
MISTAKES = (
    _reported("not divided by 255", NUMBERS, _numbers(_unscaled), "github.com/chainer/chainercv/issues/358"),
    _reported("divided twice", NUMBERS, _numbers(_scaled_twice), "github.com/Priyanshu-byte-coder/devtrack/issues/927"),
    _reported("statistics forgotten", NUMBERS, _numbers(_no_statistics), "github.com/apache/mxnet/issues/12063"),
    _reported(
        "divided by 255, trained without", NUMBERS, _divided_by_255,
        "github.com/NJU-Jet/SR_Mobile_Quantization/issues/14",
    ),
    _reported("another range", NUMBERS, _numbers(_other_range), "github.com/alibaba/TinyNeuralNetwork/issues/264"),
    _reported("BGR for RGB", ("channel order",), _other_channels, "github.com/Kotlin/kotlindl/pull/401"),
    _reported("width and height exchanged", ("layout",), _axes_exchanged, "github.com/apache/mxnet/issues/12063"),
    _reported(
        "classes numbered otherwise", ("labels",), _labels_by_one,
        "github.com/Hadisalman/smoothing-adversarial/issues/3",
    ),
    _reported("each sample by its own maximum", NUMBERS, _own_maximum, f"www.systemoverflow.com/{_SKEW}"),
    _reported("no numbers at all", NUMBERS, _numbers_forgotten, _SATELLITE),
    Mistake("mean not taken off", NUMBERS, _numbers(_no_mean)),
    Mistake("not divided by the deviation", NUMBERS, _numbers(_no_deviation)),
    Mistake("statistics in reverse order", ("channel order", *NUMBERS), _numbers(_statistics_reversed)),
    Mistake("statistics in other units", NUMBERS, _numbers(_statistics_in_bytes)),
    Mistake("normalized twice", NUMBERS, _normalized_twice),
    Mistake("mean added", NUMBERS, _numbers(_mean_added)),
    Mistake("upside down", ("layout",), _upside_down),
    Mistake("memory reshaped", ("layout",), _reshaped),
    Mistake("the last channel dead", ("constant channel",), _dead_channel),
    Mistake("overexposed", ("saturated",), _overexposed),
    *(Mistake(name, families, edit, author="others") for name, families, edit in BY_OTHERS),
    *(Mistake(name, families, edit, author="third") for name, families, edit in BY_A_THIRD),
)  # fmt: skip
