"""What samples show by themselves, whatever the model: dead channels, clipped values, numbers of no known scale."""

from __future__ import annotations

from collections.abc import Iterator

from edgebuild.core.array import Array, np
from edgebuild.core.input_check import Suspicion
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Normalize, Quantize
from edgebuild.inputcheck.steps import channel_axis, taken_apart

SATURATED = 0.5
"""Share of values at the upper limit of their dtype from which on samples are called saturated."""
PILED_UP = 0.03
"""The same, of numbers that hardly ever are equal."""
CONTINUOUS = 256
"""Different numbers from which on samples count as such."""
_PROBED = 1 << 16
CLIPPED = 0.25
"""Share of values that a ``quantize`` step may clip."""
TINY = 0.005
"""Largest value of an input that was scaled once too often: a byte divided by 255 twice is at most 1/255."""
WIDE = 8.0
"""Mean or deviation, in standard deviations, that no normalization by a mean and deviation leaves."""
NARROW = 0.02


def constant_channels(name: str, spec: InputSpec, prepared: Array) -> Iterator[Suspicion]:
    """Channels that are the same number in all samples."""
    axis = channel_axis(spec)
    if axis is None or prepared.shape[axis] < 2 or len(prepared) < 2:
        return
    rest = tuple(i for i in range(prepared.ndim) if i != axis)
    dead = np.flatnonzero(prepared.max(axis=rest) == prepared.min(axis=rest))
    if len(dead):
        yield Suspicion(
            input=name, kinds=("constant channel",), certainty="certain",
            found=f"channel {', '.join(map(str, dead))} of {prepared.shape[axis]} is the same number in all samples",
            evidence=f"{len(prepared)} samples, axis {axis} of {list(prepared.shape)}".replace("'", ""),
            fix="look at how the samples are read: a channel is missing, or is filled with a constant",
        )  # fmt: skip


def saturated(name: str, raw: Array) -> Iterator[Suspicion]:
    """Whole numbers of which most are the largest that their dtype holds; others that pile up at their largest."""
    if raw.dtype.kind in "iu" and raw.ndim >= 3:
        limit: float = np.iinfo(raw.dtype.name).max
        share, told = float((raw == limit).mean()), f"most values are {limit}, the largest that {raw.dtype} holds"
        if share <= SATURATED:
            return
    elif raw.dtype.kind == "f" and len(np.unique(raw[: max(1, _PROBED // max(1, raw[0].size))])) >= CONTINUOUS:
        limit = float(np.abs(raw).max())
        share, told = float((np.abs(raw) == limit).mean()), f"many values are {limit:.4g}, the largest of all"
        if share <= PILED_UP:
            return
    else:
        return
    yield Suspicion(
        input=name, kinds=("saturated",), certainty="suspected",
        found=f"the samples are saturated: {told}", evidence=f"{100 * share:.0f} % of the values",
        fix="look at the gain or exposure with which they were taken",
    )  # fmt: skip


def out_of_scale(name: str, spec: InputSpec, prepared: Array) -> Iterator[Suspicion]:
    """Inputs that the declared numbers cannot have been meant for."""
    last = spec.pre[-1] if spec.pre else None
    if isinstance(last, Quantize):
        yield from _clipped(name, prepared)
    if prepared.dtype.kind != "f":
        return
    reach, mean, deviation = float(np.abs(prepared).max()), float(prepared.mean()), float(prepared.std())
    numbers = f"after the pre steps: mean {mean:.3g}, deviation {deviation:.3g}, at most {reach:.3g}"
    if 0 < reach < TINY:
        yield Suspicion(
            input=name, kinds=("scale",), certainty="suspected", found="the inputs are tiny: scaled once too often?",
            evidence=numbers, fix="check scale and std of the normalize step against what the samples hold",
        )  # fmt: skip
    elif _by_statistics(spec) and (abs(mean) > WIDE or not NARROW < deviation < WIDE):
        yield Suspicion(
            input=name, kinds=("mean and deviation", "scale"), certainty="suspected",
            found="the declared mean and deviation are not of these samples' units",
            evidence=f"{numbers}; about 0 and 1 is what they are for",
            fix="give mean and std in the units that scale leads to: 0..1 after scale = 1/255, else 0..255",
        )  # fmt: skip


def _by_statistics(spec: InputSpec) -> bool:
    """Whether a normalization by a mean and a deviation is declared, not only by a range."""
    found = [step for step in taken_apart(spec.pre).numbers if isinstance(step, Normalize)]
    return any(any(step.mean) and step.std not in ((1.0,), step.mean) for step in found)


def _clipped(name: str, prepared: Array) -> Iterator[Suspicion]:
    limits = np.iinfo(prepared.dtype.name)
    shares = [float((prepared == end).mean()) for end in (limits.min, limits.max)]
    if max(shares) > CLIPPED:
        yield Suspicion(
            input=name, kinds=("scale",), certainty="suspected",
            found=f"the quantize step clips: many values become {limits.min} or {limits.max}",
            evidence=f"{100 * shares[0]:.0f} % at {limits.min}, {100 * shares[1]:.0f} % at {limits.max}",
            fix="check its scale and zero_point against the model's, and the steps before it",
        )  # fmt: skip
