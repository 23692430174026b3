"""Running the one-file programs of ``onboard/`` on a device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgebuild.devices.base import Completed, Device

_FOLDER = Path(__file__).with_name("onboard")


def run_onboard(
    device: Device, program: str, arguments: Sequence[str], *, timeout_s: float, beside: Sequence[str] = ()
) -> Completed:
    """Push one of the programs, if need be, and run it with the device's interpreter.

    Args:
        beside: others that it imports.

    Raises:
        DeviceError: the device or the link failed, or the time is over.
    """
    for name in (*beside, program):
        device.transport.push(_FOLDER / f"{name}.py", f"{name}.py")
    return device.transport.run([*device.python, f"{program}.py", *arguments], timeout_s=timeout_s)
