"""What samples show by themselves, whatever the model: dead channels, clipped values, numbers of no known scale."""

from __future__ import annotations

from collections.abc import Iterator

from edgebuild.core.array import Array, np
from edgebuild.core.input_check import Suspicion
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Quantize
from edgebuild.inputcheck.declarations.numbers import is_by_statistics
from edgebuild.inputcheck.declarations.steps import channel_axis, taken_apart

SATURATED, PILED_UP = 0.5, 0.03
"""Shares of values at the largest of all from which on whole numbers, and others, are called saturated."""
CODES, CONTINUOUS = 8, 256
"""Different values below which whole numbers, and others, are taken for codes, of which no one is too large."""
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
    """Values that pile up at the largest of all."""
    few = raw[: max(1, _PROBED // max(1, raw[0].size))]
    whole = raw.dtype.kind in "iu"
    if (whole and raw.ndim < 3) or raw.dtype.kind == "b" or len(np.unique(few)) < (CODES if whole else CONTINUOUS):
        return
    sizes = np.abs(raw.astype(np.float64))
    limit = float(sizes.max())
    share = float((sizes == limit).sum()) / max(1, int((sizes > 0).sum()))
    if share <= (SATURATED if whole else PILED_UP):
        return
    yield Suspicion(
        input=name, kinds=("saturated",), certainty="suspected",
        found=f"the samples are saturated: {'most' if whole else 'many'} values are {limit:.4g}, the largest of all",
        evidence=f"{100 * share:.0f} % of the values that are not 0",
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
    elif any(map(is_by_statistics, taken_apart(spec.pre).numbers)) and (
        abs(mean) > WIDE or not NARROW < deviation < WIDE
    ):
        yield Suspicion(
            input=name, kinds=("mean and deviation", "scale"), certainty="suspected",
            found="the declared mean and deviation are not of these samples' units",
            evidence=f"{numbers}; about 0 and 1 is what they are for",
            fix="give mean and std in the units that scale leads to: 0..1 after scale = 1/255, else 0..255",
        )  # fmt: skip


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
