"""On which processors runs are that are held against each other: all on the same."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

SYS = Path("/sys")
_SPEEDS = ("cpu_capacity", "cpufreq/cpuinfo_max_freq")
"""What the kernel tells of how fast a processor is beside the others: on ARM its capacity, else its highest clock."""


def keep_to_fastest(count: int, sys: Path = SYS) -> None:
    """Keep this process on so many processors: the fastest, of equal ones the last.

    Where there are no more than that, or the system lets nobody choose, nothing changes.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    if len(allowed) <= count:
        return
    ranked = sorted(allowed, key=lambda number: (_speed(sys, number), number))
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, ranked[-count:])


def _speed(sys: Path, number: int) -> int:
    folder = sys / f"devices/system/cpu/cpu{number}"
    for name in _SPEEDS:
        with contextlib.suppress(OSError, ValueError):
            return int((folder / name).read_text(encoding="utf-8"))
    return 0
