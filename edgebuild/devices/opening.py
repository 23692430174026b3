"""Opening a device: from its name to its transport, with the device held for this process alone."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable
from typing import cast

from edgebuild.core.device import LOCAL, DeviceEntry
from edgebuild.core.errors import ConfigError, DeviceError
from edgebuild.core.target import Target
from edgebuild.devices import transports
from edgebuild.devices.base import Device
from edgebuild.devices.board.opening import open_board
from edgebuild.devices.estimated import estimated_device
from edgebuild.devices.lock import hold
from edgebuild.devices.transports.local import open_local
from edgebuild.store.devices import find_device

Say = Callable[[str], None]
_MACHINES = {"aarch64": ("aarch64",), "armv7": ("armv7l", "armv8l", "aarch64"), "x86_64": ("x86_64",)}
"""What ``uname -m`` says where programs of an instruction set run; a 64-bit kernel may have a 32-bit system on it."""


def transport_names() -> tuple[str, ...]:
    """The transports there are, by their modules; module NAME opens a device with ``open_NAME(entry)``."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(transports.__path__)))


def open_device(target: Target, device: str | None = None, say: Say = lambda _: None, *, exact: bool = False) -> Device:
    """Open the device that a target is measured on: this machine, for a host target.

    Args:
        device: its name, as it was added; None for the target's own. "local" is this machine.
        say: told why it takes long: another job has the device, or a virtual board boots.
        exact: a virtual board's clock counts executed instructions; no other device can do that.

    Raises:
        ConfigError: for a device that does not exist, or is not the target's kind.
        DeviceError: the target's own device is not at hand, it can't be reached, or it is of another architecture.
    """
    if device is None and target.is_estimated:
        return estimated_device(target)
    if device is None and not target.is_host:
        raise DeviceError(
            target.name,
            f"no {target.title} is at hand; it is reached over {target.transport}",
            fix="edgebuild devices add names one; then give it with --device",
        )
    if device is None or device == LOCAL:
        if exact:
            raise ConfigError("device", "this machine is not virtual", expected="a virtual board, with --device")
        _refuse_unlike(target, LOCAL, "this machine", fits=target.is_host)
        return open_local()
    entry = find_device(device)
    _refuse_unlike(target, device, entry.target or "no host", fits=entry.target in (None, target.name))
    opened = open_entry(entry, say, exact=exact)
    try:
        _refuse_other_machine(target, opened)
    except BaseException:
        opened.close()
        raise
    return opened


def open_entry(entry: DeviceEntry, say: Say = lambda _: None, *, exact: bool = False, keep: bool = False) -> Device:
    """Open a device that was added, and hold it until it is closed; arguments as for ``open_device``.

    Args:
        keep: what is written to a virtual board's disk stays for later boots; on a real device it does anyway.
    """
    if exact and entry.virtual is None:
        raise ConfigError(
            f"device {entry.name}", "is not virtual", expected="a virtual board, whose clock can be exact"
        )
    if entry.transport not in transport_names():
        raise ConfigError(
            f"device {entry.name}: transport", f"is {entry.transport!r}", expected=", ".join(transport_names())
        )
    held = hold(entry.name, say)
    try:
        if entry.virtual is not None:
            opened = open_board(entry, say, exact=exact, keep=keep)
        else:
            opened = _opener(entry.transport)(entry)
    except BaseException:
        held()
        raise
    return dataclasses.replace(opened, native=entry.native, after=(*opened.after, held))


def _opener(transport: str) -> Callable[[DeviceEntry], Device]:
    module = importlib.import_module(f"{transports.__name__}.{transport}")
    return cast(Callable[[DeviceEntry], Device], getattr(module, f"open_{transport}"))


def _refuse_unlike(target: Target, device: str, is_: str, *, fits: bool) -> None:
    if not fits:
        raise ConfigError(
            "device",
            f"{device!r} is {is_}, not a {target.title}",
            fix=f"bench target {target.name} on its own device",
        )


def _refuse_other_machine(target: Target, opened: Device) -> None:
    """What is measured on another architecture says nothing about the target, even where the model runs."""
    isa = target.hardware.isa
    if isa is not None and opened.machine not in _MACHINES[isa]:
        raise DeviceError(
            opened.name, f"wrong architecture: it is {opened.machine[:40]!r}", expected=f"{isa}, as {target.name} is",
            fix=f"edgebuild devices probe {opened.name} says which target it is; build for that one",
        )  # fmt: skip
