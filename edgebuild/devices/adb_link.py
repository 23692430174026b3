"""The way to a device through an adb server: the server, the device's state, its shell and its files.

adbutils finds the server and speaks its protocol; shell and files are read here packet by packet, so that output
streams, nothing is unbounded and every wait has an end.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from edgebuild.core.errors import ConfigError, DeviceError
from edgebuild.devices.lock import join

if TYPE_CHECKING:
    from adbutils import AdbClient, AdbConnection

DEFAULT_PORT = 5037
_START_S = 20.0
_ENDING_S = 3.0
_BLOCK = 60_000
_PACKET_LIMIT = 1 << 24
_MODE = 0o100644
_OUT, _ERR, _EXIT, _CLOSE_INPUT = 1, 2, 3, 4


@dataclass(frozen=True)
class Serial:
    """One device of an adb server."""

    device: str
    serial: str
    client: AdbClient

    @contextlib.contextmanager
    def service(self, name: str, ends: float) -> Iterator[Line]:
        """Open a service on the device; it must be over at ``ends``, by the monotonic clock."""
        from adbutils import AdbDevice
        from adbutils.errors import AdbError

        command = name.encode()
        if len(command) > 0xFFFF:
            raise DeviceError(self.device, f"the command has {len(command)} bytes", expected="at most 65535 over adb")
        try:
            # adbutils would start a server, on adb's usual port, if there were none.
            socket.create_connection((self.client.host, self.client.port), _START_S).close()
            connection = AdbDevice(self.client, serial=self.serial).open_transport(timeout=_left(ends))
            line = Line(self.device, connection, ends)
            try:
                line.send(f"{len(command):04x}".encode() + command)
                connection.check_okay()
                yield line
            finally:
                connection.close()
        except (AdbError, OSError, EOFError) as error:
            slow = isinstance(error, TimeoutError) or "timeout" in str(error)
            if slow and time.monotonic() >= ends:
                raise TimeoutError(str(error)) from error
            raise lost(self.device, f"{self.serial}: {str(error) or 'the link was closed'}") from error


@dataclass(frozen=True)
class Line:
    """An open service: bytes both ways, until a time."""

    device: str
    connection: AdbConnection
    ends: float

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._socket().sendall(data)

    def read(self, size: int) -> bytes:
        """So many bytes, no less. Raises EOFError when the link ends first."""
        parts = bytearray()
        while len(parts) < size:
            part = self._socket().recv(min(size - len(parts), 1 << 16))
            if not part:
                raise EOFError("the link was closed")
            parts += part
        return bytes(parts)

    def packets(self) -> Iterator[tuple[int, bytes]]:
        """What a shell says: (1, output), (2, errors), and at last (3, one byte of exit code)."""
        while True:
            kind, size = struct.unpack("<BI", self.read(5))
            if size > _PACKET_LIMIT:
                raise DeviceError(self.device, f"it sent a packet of {size} bytes", expected=f"at most {_PACKET_LIMIT}")
            yield kind, self.read(size)
            if kind == _EXIT:
                return

    def end_input(self) -> None:
        """Close the program's standard input."""
        self.send(struct.pack("<BI", _CLOSE_INPUT, 0))

    def ask(self, command: bytes, path: str) -> None:
        """Send a request of the file service."""
        name = path.encode()
        self.send(command + struct.pack("<I", len(name)) + name)

    def refusal(self) -> str:
        """Why the file service refused, as it says."""
        (size,) = struct.unpack("<I", self.read(4))
        return self.read(min(size, 1000)).decode("utf-8", "replace")

    def _socket(self) -> socket.socket:
        found: socket.socket = self.connection.conn
        found.settimeout(_left(self.ends))
        return found


def send_file(line: Line, here: IO[bytes], place: str) -> str:
    """Write a file there, folders too; why it was refused, or nothing."""
    line.ask(b"SEND", f"{place},{_MODE}")
    while block := here.read(_BLOCK):
        line.send(b"DATA" + struct.pack("<I", len(block)) + block)
    line.send(b"DONE" + struct.pack("<I", int(time.time())))
    if line.read(4) != b"OKAY":
        return line.refusal() or "it does not say why"
    line.read(4)
    return ""


def mode_of(line: Line, place: str) -> int:
    """The mode of what is there, links not followed; 0: nothing is."""
    line.ask(b"STAT", place)
    _, mode, _, _ = struct.unpack("<4sIII", line.read(16))
    return int(mode)


def receive_file(line: Line, place: str, local: Path, limit: int) -> str:
    """Copy a file from there; why it can't be, or nothing. More than ``limit`` bytes are refused."""
    line.ask(b"RECV", place)
    size = 0
    with local.open("wb") as here:
        while (kind := line.read(4)) == b"DATA":
            (length,) = struct.unpack("<I", line.read(4))
            size += length
            if size > limit:
                return f"has {size} bytes or more; at most {limit} are expected"
            here.write(line.read(length))
    return "" if kind == b"DONE" else line.refusal() if kind == b"FAIL" else "was answered by garbage"


def server_port() -> tuple[int, bool]:
    """The adb server's port, and whether the server there is edgebuild's own.

    Raises:
        ConfigError: EDGEBUILD_ADB_PORT or ANDROID_ADB_SERVER_PORT is no port.
    """
    for name, own in (("EDGEBUILD_ADB_PORT", True), ("ANDROID_ADB_SERVER_PORT", False)):
        text = os.environ.get(name)
        if text:
            if not text.isdecimal() or not 0 < int(text) < 65536:
                raise ConfigError(name, f"is {text!r}", expected="a port, 1 to 65535")
            return int(text), own
    return DEFAULT_PORT, False


def serve(device: str, client: AdbClient, *, own: bool) -> Callable[[], None]:
    """See to it that an adb server listens on the loopback; returns what ends the use of it.

    Args:
        own: it is edgebuild's, so the last process that uses it ends it; else it stays, as adb's own do.

    Raises:
        DeviceError: there is no adb program, or it does not start.
    """
    leave = join(f".adb-{client.port}", lambda: _end(client)) if own else lambda: None
    try:
        if not _listens(client):
            _start(device, client.port)
    except BaseException:
        leave()
        raise
    return leave


def _listens(client: AdbClient) -> bool:
    try:
        socket.create_connection((client.host, client.port), 2).close()
    except OSError:
        return False
    return True


def _start(device: str, port: int) -> None:
    from adbutils import adb_path
    from adbutils.errors import AdbError

    try:
        started = subprocess.run(
            [adb_path(), "-P", str(port), "start-server"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=_START_S, check=False, start_new_session=True,
        )  # fmt: skip
    except (AdbError, OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(device, f"no adb server: {error}", fix="install adb, and see that it runs") from error
    if started.returncode != 0:
        fix = f"see what adb -P {port} start-server says"
        raise DeviceError(device, f"adb ended with {started.returncode} instead of serving port {port}", fix=fix)


def _end(client: AdbClient) -> None:
    """End a server, and wait until it is gone, so that the next one does not find it dying."""
    from adbutils.errors import AdbError

    with contextlib.suppress(AdbError, OSError):
        client.server_kill()
    ends = time.monotonic() + _ENDING_S
    while _listens(client) and time.monotonic() < ends:
        time.sleep(0.05)


def connect(device: str, serial: str, client: AdbClient) -> Callable[[], None]:
    """Join a device that is reached over the network, as HOST:PORT; returns what parts from it again.

    Raises:
        DeviceError: it does not answer, or has not allowed this machine.
    """
    from adbutils.errors import AdbError

    joined = False
    try:
        if ":" in serial:
            joined = client.connect(serial, timeout=_START_S).startswith("connected")
        states = {info.serial: info.state for info in client.list()}
    except (AdbError, OSError) as error:
        raise lost(device, f"the adb server does not answer: {error}") from error
    _refuse_unready(device, serial, states)

    def part() -> None:
        if joined:
            with contextlib.suppress(AdbError, OSError):
                client.disconnect(serial)

    return part


def _refuse_unready(device: str, serial: str, states: dict[str, str]) -> None:
    state = states.get(serial)
    if state == "unauthorized":
        raise DeviceError(device, f"{serial} has not allowed this machine", fix="answer the question on its screen")
    if state != "device":
        there = ", ".join(sorted(states)) or "none"
        raise DeviceError(
            device, f"{serial} is {state or 'not there'}", expected=f"one of the devices that adb sees: {there}",
            fix="check the cable and USB debugging; see adb devices", transient=True,
        )  # fmt: skip


def lost(device: str, found: str) -> DeviceError:
    """A link that failed and may work again."""
    return DeviceError(device, found, fix="check that it is on and connected, then try again", transient=True)


def _left(ends: float) -> float:
    """Seconds until a time. Raises TimeoutError when it is past."""
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    return left
