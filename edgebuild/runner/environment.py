"""The state of the machine, as far as /proc and /sys tell; None for what they do not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

SYS = Path("/sys")
PROC = Path("/proc")
_MOST = 64
_NOW = 0b1111
"""Undervoltage, frequency capped, throttled, soft temperature limit: the flags of this moment, not of the past."""
_SLOWING = ("cpufreq", "cpu-freq", "processor", "cpuidle", "idle")


def read_environment(proc: Path = PROC, sys: Path = SYS) -> dict[str, Any]:
    """Load, clocks (kHz), governor, temperatures (thousandths of a °C), throttling, free memory (bytes) and so on."""
    cpu, heat = sys / "devices/system/cpu", sys / "class/thermal"
    flags, cooling = _flags(sys), _cooling(heat)
    return {
        "processors": _processors(),
        "load_1min": _load(),
        "clock_khz": _integers(cpu, "cpu[0-9]*/cpufreq/scaling_cur_freq"),
        "clock_limit_khz": _integers(cpu, "cpu[0-9]*/cpufreq/scaling_max_freq"),
        "clock_max_khz": _integers(cpu, "cpu[0-9]*/cpufreq/cpuinfo_max_freq"),
        "governor": _first_line(cpu / "cpu0/cpufreq/scaling_governor"),
        "temperature_mc": _integers(heat, "thermal_zone*/temp"),
        "cooling": cooling,
        "throttle_flags": flags,
        "throttled": None if flags is None and cooling is None else bool((flags or 0) & _NOW or any(cooling or ())),
        "memory_available": kib_line(proc / "meminfo", "MemAvailable:"),
    }


def _processors() -> list[int] | None:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def _integers(folder: Path, pattern: str) -> list[int] | None:
    lines = [_first_line(path) for path in sorted(folder.glob(pattern))[:_MOST]]
    return [int(line) for line in lines if line is not None and line.lstrip("-").isdigit()] or None


def _flags(sys: Path) -> int | None:
    """A Raspberry Pi's firmware tells its flags in hexadecimal."""
    for path in sorted(sys.glob("devices/platform/soc*/soc*firmware/get_throttled"))[:1]:
        try:
            return int(_first_line(path) or "", 16)
        except ValueError:
            return None
    return None


def _cooling(heat: Path) -> list[int] | None:
    """The states of the cooling devices that slow processors; fans only blow."""
    found = []
    for path in sorted(heat.glob("cooling_device*"))[:_MOST]:
        state = _first_line(path / "cur_state") or ""
        if any(word in (_first_line(path / "type") or "").lower() for word in _SLOWING) and state.isdigit():
            found.append(int(state))
    return found or None


def _first_line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0].strip()[:100]
    except OSError:
        return None


def kib_line(path: Path, name: str) -> int | None:
    """Bytes in the line of a file of the kernel's that starts with a name; None if it does not tell."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith(name)), None)
    except (OSError, ValueError, IndexError):
        return None
