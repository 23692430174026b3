"""What Android's own services tell of heat, and its fixed-performance mode; over any transport that reaches them."""

from __future__ import annotations

import re
from collections.abc import Callable

from edgebuild.core.errors import DeviceError
from edgebuild.core.measurement import Environment
from edgebuild.devices.base import Transport

FIXED = ("cmd", "power", "set-fixed-performance-mode-enabled")
"""Clocks that the device can hold for long, instead of bursts (Android 11 and later; not every device has it)."""

_SECONDS = 30.0
_MOST = 64
_HEAT = re.compile(r"Temperature\{mValue=(-?\d{1,4}(?:\.\d+)?), mType=([0-3]), mName=[^,}]{0,100}, mStatus=\d\}")
"""Types 0 to 3 are CPU, GPU, battery and skin."""


def parse_thermal(text: str) -> Environment:
    """The temperatures and the throttling in what ``dumpsys thermalservice`` prints; None for what it does not tell.

    Status 0 is none; from 1, light, the device holds itself back (android.os.PowerManager.THERMAL_STATUS_*).
    """
    status = re.search(r"^\s*Thermal Status:\s*(\d)\s*$", text, re.MULTILINE)
    _, current, rest = text.partition("Current temperatures from HAL:")
    section = rest.partition("Current cooling devices")[0] if current else text
    heats = tuple(round(float(match[1]) * 1000) for match in _HEAT.finditer(section))[:_MOST]
    return Environment(temperature_mc=heats or None, throttled=int(status[1]) > 0 if status else None)


def read_thermal(transport: Transport) -> Environment:
    """Ask the device; one without that service tells nothing.

    Raises:
        DeviceError: the link failed.
    """
    return parse_thermal(_said(transport, ("dumpsys", "thermalservice")) or "")


def hold_performance(transport: Transport) -> Callable[[], None]:
    """Turn fixed-performance mode on where there is one; returns what turns it off again.

    Raises:
        DeviceError: the link failed.
    """
    if _said(transport, (*FIXED, "true")) is None:
        return lambda: None

    def off() -> None:
        _said(transport, (*FIXED, "false"))

    return off


def with_thermal(told: Environment, thermal: Environment) -> Environment:
    """A reading completed by the thermal service's: apps may not read most of /sys on a phone."""
    heat = told.temperature_mc or thermal.temperature_mc
    throttled = thermal.throttled if told.throttled is None else told.throttled or bool(thermal.throttled)
    return told.model_copy(update={"temperature_mc": heat, "throttled": throttled})


def _said(transport: Transport, argv: tuple[str, ...]) -> str | None:
    """What a program printed; None if it failed, or there is none such."""
    try:
        done = transport.run(argv, timeout_s=_SECONDS)
    except DeviceError as error:
        if error.transient:
            raise
        return None
    return done.stdout if done.code == 0 else None
