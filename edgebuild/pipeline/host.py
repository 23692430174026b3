"""What this machine adds to a target that is this machine: its processor, which the target's file can't state."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

from edgebuild.backends import find_backend
from edgebuild.core.target import Int8Scheme, Target, dot_product


def int8_scheme(target: Target) -> Int8Scheme | None:
    """The arithmetic to make a target's int8 models for.

    On a host where the runtime's sums of u8 x s8 pairs clip at 16 bits, weights are kept to 7 bits.
    """
    scheme, clips_ever = target.int8, find_backend(target.runtime).CLIPS
    if scheme is None or not target.is_host or scheme.dot_product is not None or not clips_ever:
        return scheme
    clips = dot_product(platform.machine(), _features()) == "saturating"
    return scheme.model_copy(update={"dot_product": "saturating"}) if clips else scheme


@functools.cache
def _features() -> frozenset[str]:
    """What the kernel lists of the first core."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    listed = (line.partition(":") for line in lines)
    return next(
        (frozenset(words.split()) for name, _, words in listed if name.strip() in ("flags", "Features")), frozenset()
    )
