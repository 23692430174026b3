"""Where the axes of raw samples are, and what sort of samples they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgebuild.core.array import Array, np
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import AddAxis, Transpose
from edgebuild.inputcheck.declarations.steps import Steps, channel_axis, spectral

LONG = 1000
"""Values along the last axis from which on a sample may be a waveform."""
_SIDE = 4
"""Rows, and columns, that a picture has at least."""


@dataclass(frozen=True)
class Form:
    """What raw samples are, as far as it shows.

    Attributes:
        sort: "picture" has rows and columns; a "waveform" is long; "ids" are whole numbers in a row; else "numbers".
        rows, columns, channels: the raw axes of a picture; no channels where it has no such axis.
    """

    sort: Literal["picture", "waveform", "ids", "numbers"]
    rows: int = 0
    columns: int = 0
    channels: int | None = None


def form_of(spec: InputSpec, raw: Array) -> Form:
    """What some raw samples, (N, …), are."""
    if raw.ndim in (2, 3) and raw.shape[-1] >= LONG and (raw.dtype.kind == "f" or raw.dtype == np.int16):
        return Form("waveform")
    if len(spec.shape) == 4 and raw.ndim in (3, 4) and not spectral(spec.pre):
        final = channel_axis(spec)
        channels = raw_axis(final, spec.pre) if final is not None else None
        sides = [axis for axis in range(1, raw.ndim) if axis != channels]
        if len(sides) == 2 and min(raw.shape[axis] for axis in sides) >= _SIDE:
            return Form("picture", sides[0], sides[1], channels)
    return Form("ids" if raw.ndim == 2 and raw.dtype.kind in "iu" else "numbers")


def raw_axis(axis: int, steps: Steps) -> int | None:
    """Which axis an axis of what comes out is before some steps; None of one that a step added."""
    for step in reversed(steps):
        if isinstance(step, Transpose):
            axis = step.order[axis]
        elif isinstance(step, AddAxis):
            if axis == step.axis:
                return None
            axis -= axis > step.axis
    return axis
