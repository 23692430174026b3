"""What this machine adds to a target that is this machine: its processor, which the target's file can't state."""

from __future__ import annotations

import platform

from edgebuild.backends import find_backend
from edgebuild.core.target import Int8Scheme, Target, dot_product
from edgebuild.store.processor import processor_features


def int8_scheme(target: Target) -> Int8Scheme | None:
    """The arithmetic to make a target's int8 models for.

    On a host where the runtime's sums of u8 x s8 pairs clip at 16 bits, weights are kept to 7 bits.
    """
    scheme, clips_ever = target.int8, find_backend(target.runtime).CLIPS
    if scheme is None or not target.is_host or scheme.dot_product is not None or not clips_ever:
        return scheme
    clips = dot_product(platform.machine(), processor_features()) == "saturating"
    return scheme.model_copy(update={"dot_product": "saturating"}) if clips else scheme
