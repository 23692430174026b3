"""Running the one-file programs of ``onboard/`` on a device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgebuild.devices.base import Completed, Device

_FOLDER = Path(__file__).with_name("onboard")


def run_onboard(device: Device, program: str, arguments: Sequence[str], *, timeout_s: float) -> Completed:
    """Push one of the programs, if need be, and run it with the device's interpreter.

    Raises:
        DeviceError: the device or the link failed, or the time is over.
    """
    name = f"{program}.py"
    device.transport.push(_FOLDER / name, name)
    return device.transport.run([*device.python, name, *arguments], timeout_s=timeout_s)
