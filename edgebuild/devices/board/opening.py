"""A virtual board as an open device: booted on demand, or joined where it is up."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from edgebuild.core.device import DeviceEntry, Virtual
from edgebuild.core.errors import DeviceError
from edgebuild.core.measurement import Basis
from edgebuild.devices.base import Device
from edgebuild.devices.board.boot import Running, boot
from edgebuild.devices.board.disk import disk_for
from edgebuild.devices.board.image import Say, board_image
from edgebuild.devices.board.keys import HOST
from edgebuild.devices.board.qemu import Spec
from edgebuild.devices.board.up import board_up, described, spec_of

if TYPE_CHECKING:
    from adbutils import AdbClient

    from edgebuild.devices.adb_link import Serial

_ADB_SECONDS = 60.0
_POLL = 0.3


def open_board(entry: DeviceEntry, say: Say = lambda _: None, *, exact: bool = False, keep: bool = False) -> Device:
    """Open a virtual device, whose lock the caller holds.

    The board that is up is joined, if it is the one asked for. Otherwise one is booted, and switched off when the
    device is closed, or when this process is gone.

    Args:
        exact: the board's clock counts executed instructions.
        keep: what is written to its disk stays for later boots.

    Raises:
        ConfigError: the entry asks for a board that there can't be. DeviceError: it does not boot or answer.
    """
    running, off = _running(entry.name, spec_of(entry, exact=exact, keep=keep), say)
    try:
        opened = _reached(entry, running)
    except BaseException:
        off()
        raise
    return dataclasses.replace(
        opened,
        identity=Virtual(cpu=running.spec.cpu, memory_mib=running.spec.memory_mib).identity,
        basis=Basis.VIRTUAL,
        versions={**opened.versions, **running.versions},
        after=(*opened.after, off),
    )


def _running(name: str, spec: Spec, say: Say) -> tuple[Running, Callable[[], None]]:
    """A board that runs, and what is done with it in the end."""
    there = board_up(name)
    if there is not None and spec.keep:
        raise DeviceError(
            name, "is up, and what a board that is up writes is forgotten", fix=f"edgebuild devices down {name} first"
        )
    if there is not None and there.spec == spec:
        return there, _leave
    image = board_image(say)
    disk = disk_for(name, image, keep=spec.keep)
    say(f"booting {name}: {described(spec)}")
    booted = boot(name, spec, image, disk)
    return booted.running, booted.off


def _leave() -> None:
    """A board that was up stays up."""


def _reached(entry: DeviceEntry, running: Running) -> Device:
    if running.spec.adb:
        return _over_adb(entry, running)
    return _over_ssh(entry, running)


def _over_ssh(entry: DeviceEntry, running: Running) -> Device:
    from edgebuild.devices.remote import opened
    from edgebuild.devices.ssh_link import Address
    from edgebuild.devices.transports.ssh import SshTransport

    clocked = not running.spec.exact
    return opened(
        SshTransport(entry.name, Address(HOST), entry.folder, clocked=clocked, config=running.ssh_config), entry
    )


def _over_adb(entry: DeviceEntry, running: Running) -> Device:
    from edgebuild.devices.adb_link import Serial
    from edgebuild.devices.remote import opened
    from edgebuild.devices.transports.adb import AdbTransport

    there = Serial(entry.name, f"127.0.0.1:{running.ports.adb}", _server_of(running))
    _join(there)
    return opened(AdbTransport(there, entry.folder, clocked=not running.spec.exact), entry)


def _server_of(running: Running) -> AdbClient:
    """The board's own adb server, which ends with it."""
    from adbutils import AdbClient

    return AdbClient(host="127.0.0.1", port=running.ports.adb_server)


def _join(there: Serial) -> None:
    """Connect the adb server to the board, whose daemons start one after the other."""
    from edgebuild.devices.adb_link import connect

    ends = time.monotonic() + _ADB_SECONDS
    while True:
        try:
            connect(there.device, there.serial, there.client)
        except DeviceError as error:
            if not error.transient or time.monotonic() >= ends:
                raise
            time.sleep(_POLL)
        else:
            return
