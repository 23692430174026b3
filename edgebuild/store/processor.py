"""What the kernel tells of this machine's processor."""

from __future__ import annotations

import functools
from pathlib import Path

_FEATURES = ("flags", "Features")
"""What x86 and ARM call them."""


@functools.cache
def processor_fields() -> tuple[tuple[str, str], ...]:
    """The names and values of /proc/cpuinfo, core after core; none where there is no such file."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    return tuple((name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines))


def processor_features() -> frozenset[str]:
    """The first core's."""
    return next((frozenset(value.split()) for name, value in processor_fields() if name in _FEATURES), frozenset())


def processor_name() -> str:
    """The processor's own name, or the board's where only that is told; "unknown" where neither is."""
    return next((value for name, value in processor_fields() if name in ("model name", "Model")), "unknown")
