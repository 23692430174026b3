"""Whether a processor's sums of 8-bit products can clip."""

from __future__ import annotations

import platform
from pathlib import Path

_VNNI = frozenset({"avx_vnni", "avx512_vnni"})
"""As the kernel lists them; ``core.target.dot_product`` says the same of a target."""


def sums_clip(machine: str = platform.machine(), info: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor sums pairs of 8-bit products in 16 bits: x86 without VNNI, or where nothing tells."""
    if machine not in ("x86_64", "AMD64"):
        return False
    try:
        return _VNNI.isdisjoint(info.read_text(encoding="utf-8").split())
    except OSError:
        return True
