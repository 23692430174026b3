"""What makes a device unfit for measuring at this moment, and the command that mends it."""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.core.measurement import Environment
from edgebuild.devices.hardware import Seen

_CPUFREQ = "/sys/devices/system/cpu/cpu*/cpufreq"
_HOT_C = 80.0
_BUSY = 0.5
_TIGHT_MIB = 64


@dataclass(frozen=True)
class Unfit:
    """One reason, and what to run on the device. Nothing that the device said is in the command."""

    reason: str
    command: str


def unfit_now(seen: Seen, now: Environment) -> tuple[Unfit, ...]:
    """Every reason; what the device does not tell is none."""
    found = (_governor(now), _capped(seen, now), _throttled(now), _hot(now), _busy(now), _tight(now))
    return tuple(each for each in found if each is not None)


def _governor(now: Environment) -> Unfit | None:
    if now.governor in (None, "performance"):
        return None
    effect = "clocks stay low" if now.governor == "powersave" else "clocks follow the load"
    return Unfit(f"governor {now.governor}: {effect}", f"echo performance | sudo tee {_CPUFREQ}/scaling_governor")


def _capped(seen: Seen, now: Environment) -> Unfit | None:
    limit, most = max(now.clock_limit_khz or (0,)), seen.max_clock_khz or max(now.clock_max_khz or (0,))
    if not 0 < limit < most:
        return None
    return Unfit(
        f"clocks are capped at {limit // 1000} of {most // 1000} MHz",
        f"echo {most} | sudo tee {_CPUFREQ}/scaling_max_freq",
    )


def _throttled(now: Environment) -> Unfit | None:
    if not now.throttled:
        return None
    flags = now.throttle_flags or 0
    why = "undervoltage" if flags & 1 else "too hot"
    mend = "use a power supply that is strong enough" if flags & 1 else "cool it: a heat sink or a fan"
    return Unfit(f"throttled now ({why}, flags {flags:#x})", f"vcgencmd get_throttled   # {mend}, until it says 0x0")


def _hot(now: Environment) -> Unfit | None:
    hottest = max(now.temperature_mc or (0,)) / 1000
    if hottest <= _HOT_C:
        return None
    return Unfit(f"hot: {hottest:.1f} °C", "watch cat /sys/class/thermal/thermal_zone*/temp   # wait, or add a fan")


def _busy(now: Environment) -> Unfit | None:
    if now.load_1min is None or now.load_1min <= _BUSY:
        return None
    return Unfit(f"busy: load {now.load_1min:.2f}", "top -b -n 1 -o %CPU | head -15   # stop what it shows")


def _tight(now: Environment) -> Unfit | None:
    if now.memory_available is None or now.memory_available >= _TIGHT_MIB * 2**20:
        return None
    free = now.memory_available // 2**20
    return Unfit(f"short of memory: {free} MiB available", "top -b -n 1 -o %MEM | head -15   # stop what it shows")
