"""A device over adb: programs by its shell, files by adb's own file service. The serial is always named."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import DeviceError
from edgebuild.devices.adb_link import (
    Line,
    Serial,
    connect,
    lost,
    mode_of,
    receive_file,
    send_file,
    serve,
    server_port,
)
from edgebuild.devices.base import COPY_SECONDS, Completed, Device, Hear, deaf
from edgebuild.devices.remote import (
    SHORT_S,
    Kept,
    Tail,
    endless,
    keep_command,
    kept,
    no_folder,
    not_started,
    opened,
    place_in,
    run_command,
    too_slow,
)

_SESSION_S = 30 * 24 * 3600.0
_FOLDER = "/data/local/tmp"
_SHELL = "shell,v2,raw:"


class AdbTransport:
    """Processes on a device that is reached over adb.

    adb gives a program's end as one byte: 128 and more reads as the signal that ended it.

    Args:
        folder: where the work folder is made; None: /data/local/tmp.
        clocked: the device's clock goes as ours does, so a run that the link left alone ends by it.

    Raises:
        DeviceError: it can't be reached, or there is no place for the work folder.
    """

    def __init__(self, there: Serial, folder: str | None = None, *, clocked: bool = True) -> None:
        self.name, self._there, self._clocked = there.device, there, clocked
        self._held, self._closed = contextlib.ExitStack(), False
        try:
            command = _SHELL + keep_command(folder or _FOLDER, _FOLDER)
            self._keeper = self._held.enter_context(there.service(command, time.monotonic() + _SESSION_S))
            self.kept = self._said_first()
            self.folder = self.kept.folder
        except BaseException:
            self._held.close()
            raise

    def run(self, argv: Sequence[str], *, timeout_s: float, hear: Hear = deaf) -> Completed:
        mark = secrets.token_hex(12)
        limit = int(timeout_s) * 2 + 60 if self._clocked else 0
        command = run_command(self.folder, mark, limit, argv, tended=True)
        tails = {1: Tail(hear), 2: Tail(hear)}
        code = -1
        with self._limited("a run", timeout_s) as ends, self._there.service(_SHELL + command, ends) as line:
            for kind, data in line.packets():
                if kind in tails:
                    tails[kind].add(data)
                    if tails[kind].endless:
                        raise endless(self.name)
                elif kind == 3:
                    code = _code(data)
        done = Completed(code, tails[1].text(), tails[2].text())
        if code in {125, 127} and (error := not_started(self.name, argv[0], mark, done.stderr)):
            raise error
        return done

    def push(self, local: Path, remote: str, *, timeout_s: float = COPY_SECONDS) -> None:
        place = place_in(self.name, self.folder, remote)
        with self._files(remote, timeout_s) as line, local.open("rb") as here:
            wrong = send_file(line, here, place)
        if "space" in wrong.lower():
            raise DeviceError(self.name, f"its disk is full: {remote} can't be written", fix="free some space there")
        if wrong:
            raise DeviceError(self.name, f"{remote} can't be written: {wrong}")

    def pull(self, remote: str, local: Path, *, limit: int, timeout_s: float = COPY_SECONDS) -> bool:
        place = place_in(self.name, self.folder, remote)
        with self._files(remote, timeout_s) as line:
            if not stat.S_ISREG(mode_of(line, place)):
                return False
            wrong = "the copy was not finished"
            try:
                wrong = receive_file(line, place, local, limit)
            finally:
                if wrong:
                    local.unlink(missing_ok=True)
        if wrong:
            raise DeviceError(self.name, f"{remote} {wrong}")
        return True

    def close(self) -> None:
        """Remove the work folder. If the link is lost, the device removes it by itself."""
        if self._closed:
            return
        self._closed = True
        try:
            removing = self._limited("removing the work folder", SHORT_S)
            with contextlib.suppress(DeviceError, OSError), removing as ends:
                line = Line(self.name, self._keeper.connection, ends)
                line.end_input()
                for _ in line.packets():
                    pass
        finally:
            with contextlib.suppress(DeviceError, TimeoutError):
                self._held.close()

    def _said_first(self) -> Kept:
        """What the keeper of the work folder says."""
        said, wrong = b"", Tail()
        with self._limited("making the work folder", SHORT_S) as ends:
            for kind, data in Line(self.name, self._keeper.connection, ends).packets():
                if kind == 1:
                    said += data
                else:
                    wrong.add(data)
                if found := kept(self.name, said):
                    return found
        raise no_folder(self.name, wrong.text())

    @contextlib.contextmanager
    def _files(self, remote: str, timeout_s: float) -> Iterator[Line]:
        with self._limited(f"copying {remote}", timeout_s) as ends, self._there.service("sync:", ends) as line:
            yield line

    @contextlib.contextmanager
    def _limited(self, what: str, timeout_s: float) -> Iterator[float]:
        """When it must be over, by the monotonic clock."""
        try:
            yield time.monotonic() + timeout_s
        except TimeoutError as error:
            raise too_slow(self.name, what, timeout_s) from error
        except EOFError as error:
            raise lost(self.name, f"the link was lost while {what} went on") from error


def _code(data: bytes) -> int:
    """An exit code, or the negative number of a signal."""
    code = data[0] if data else 255
    return 128 - code if 128 < code <= 192 else code


def open_adb(entry: DeviceEntry) -> Device:
    """The device of an entry, connected; errors as for ``AdbTransport``.

    EDGEBUILD_ADB_PORT names the port of a server of edgebuild's own, which ends with the last that uses it; else adb's
    usual one is taken, and stays.
    """
    from adbutils import AdbClient

    serial = entry.address or ""
    port, own = server_port()
    with contextlib.ExitStack() as stack:
        client = AdbClient(host="127.0.0.1", port=port)
        stack.callback(serve(entry.name, client, own=own))
        stack.callback(connect(entry.name, serial, client))
        device = opened(AdbTransport(Serial(entry.name, serial, client), entry.folder), entry)
        return dataclasses.replace(device, after=(stack.pop_all().close,))
