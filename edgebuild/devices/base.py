"""The seam to a device: run, push, pull, close."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edgebuild.core.measurement import Basis

OUTPUT_KEPT = 64 * 1024
"""Bytes: of what a process says, so much of the end is kept."""

SAID_LIMIT = 16 * 2**20
"""Bytes: a process on a board or phone that says more will never end, and is ended."""

FULL = 28
"""The exit code by which what edgebuild runs on a device says that the disk there is full: the number of ENOSPC."""

COPY_SECONDS = 600.0
"""How long one file may take to or from a device."""

ISOLATED = ("-I",)
"""How an interpreter is started there: neither the user's packages nor PYTHON variables change what runs."""

Hear = Callable[[str], None]
"""Told what a process says while it says it."""


def deaf(text: str) -> None:
    """Hear nothing."""


@dataclass(frozen=True)
class Completed:
    """A process that ended: its exit code (negative: the signal that ended it) and the end of what it said."""

    code: int
    stdout: str = ""
    stderr: str = ""


class Transport(Protocol):
    """How a device is reached. Remote names are relative to the device's own work folder.

    Every call raises DeviceError if the device or the link fails, or the time is over.
    """

    def run(self, argv: Sequence[str], *, timeout_s: float, hear: Hear = deaf) -> Completed:
        """Run a program in the work folder and wait for it; nothing of it is left behind.

        The arguments reach the program as they are: no shell on the way may read them.
        """

    def push(self, local: Path, remote: str, *, timeout_s: float = COPY_SECONDS) -> None:
        """Copy a file to the device; folders are made."""

    def pull(self, remote: str, local: Path, *, limit: int, timeout_s: float = COPY_SECONDS) -> bool:
        """Copy a file from the device; False if it is not there. More than ``limit`` bytes are refused."""

    def close(self) -> None:
        """Remove the work folder."""


@dataclass(frozen=True)
class Device:
    """An open device.

    Attributes:
        name: what the user calls it.
        identity: what measurements are filed under: the name and the hardware's own.
        python: how the interpreter on the device is started: a program and its options.
        basis: what its measurements speak for.
        versions: of what it stands on, such as an emulator and its kernel; part of what measurements are filed under.
        native: the path there of a vendor's benchmark program, which makes the runs instead of Python.
        machine: its architecture, as ``uname -m`` says it.
        after: what is done once the transport is closed, in this order: a board powered off, a lock let go.
    """

    name: str
    identity: str
    transport: Transport
    python: tuple[str, ...]
    basis: Basis = Basis.DEVICE
    versions: Mapping[str, str] = field(default_factory=dict)
    native: str | None = None
    machine: str = ""
    after: tuple[Callable[[], None], ...] = field(default=(), repr=False)

    def close(self) -> None:
        """Leave nothing behind on the device, and let it go."""
        with contextlib.ExitStack() as stack:
            for done in reversed(self.after):  # a stack unwinds from its end
                stack.callback(done)
            self.transport.close()
