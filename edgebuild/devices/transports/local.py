"""This machine as the device: a process group of its own, in a work folder of its own."""

from __future__ import annotations

import contextlib
import os
import platform
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from edgebuild.core.device import LOCAL, DeviceEntry
from edgebuild.core.errors import DeviceError
from edgebuild.devices.base import COPY_SECONDS, ISOLATED, OUTPUT_KEPT, Completed, Device, Hear, deaf
from edgebuild.devices.remote import Tail, endless, place_in
from edgebuild.store.processor import processor_name


class LocalTransport:
    """Processes on this machine. It may be closed while another thread uses it: what that one runs ends."""

    def __init__(self) -> None:
        self._closed = False
        self._changing = threading.RLock()
        self._running: list[subprocess.Popen[bytes]] = []
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="edgebuild-run-"))
        except OSError as error:
            raise DeviceError(
                LOCAL, f"no work folder: {error.strerror}", fix="set TMPDIR to a place with room"
            ) from error

    def run(self, argv: Sequence[str], *, timeout_s: float, hear: Hear = deaf) -> Completed:
        process = self._start(argv)
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            streams = (_Stream(process, process.stdout, hear), _Stream(process, process.stderr, hear))
            _wait(process, timeout_s)
        except subprocess.TimeoutExpired as error:
            raise DeviceError(LOCAL, f"a run took longer than {timeout_s:g} s and was ended", transient=True) from error
        finally:
            _end(process)
            self._running.remove(process)
        said = [stream.tail() for stream in streams]
        if any(tail.endless for tail in said):
            raise endless(LOCAL, fix="see that the program named for this machine is a Python")
        return Completed(process.returncode, *(tail.text() for tail in said))

    def _start(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._open():
            try:
                process = subprocess.Popen(
                    list(argv), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise DeviceError(
                    LOCAL, f"{argv[0]} does not start: {error.strerror}", fix="name a Python that runs"
                ) from error
            self._running.append(process)
            return process

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        """Nothing comes into a folder that is gone."""
        with self._changing:
            if self._closed:
                raise DeviceError(LOCAL, "its work folder is closed")
            yield

    def push(self, local: Path, remote: str, *, timeout_s: float = COPY_SECONDS) -> None:  # noqa: ARG002
        place = self._place(remote)
        try:
            with self._open():
                place.parent.mkdir(parents=True, exist_ok=True)
                _link(local, place)
        except OSError as error:
            raise DeviceError(LOCAL, f"{remote} can't be written: {error.strerror}", fix="free some space") from error

    def pull(self, remote: str, local: Path, *, limit: int, timeout_s: float = COPY_SECONDS) -> bool:  # noqa: ARG002
        place = self._place(remote)
        if not place.is_file() or place.is_symlink():
            return False
        size = place.stat().st_size
        if size > limit:
            raise DeviceError(LOCAL, f"{remote} has {size} bytes", expected=f"at most {limit}")
        shutil.copyfile(place, local)
        return True

    def close(self) -> None:
        with self._changing:
            self._closed = True
        for process in list(self._running):
            _end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _place(self, remote: str) -> Path:
        place = Path(place_in(LOCAL, str(self.folder), remote))
        if not place.parent.resolve().is_relative_to(self.folder.resolve()):
            raise DeviceError(LOCAL, f"{remote!r} is outside the work folder")
        return place


class _Stream:
    """Reads one of a process's streams to its end, in a thread; a process that says too much is killed."""

    def __init__(self, process: subprocess.Popen[bytes], stream: IO[bytes], hear: Hear) -> None:
        self._process, self._stream, self._tail = process, stream, Tail(hear)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._stream:
            while not self._tail.endless and (part := os.read(self._stream.fileno(), OUTPUT_KEPT)):
                self._tail.add(part)
        if self._tail.endless:
            _kill(self._process)

    def tail(self) -> Tail:
        """What was read, once all is."""
        self._thread.join(5)
        return self._tail


def _link(local: Path, place: Path) -> None:
    """The same file under another name, which no copy of large inputs is faster than; a copy across file systems."""
    place.unlink(missing_ok=True)
    try:
        os.link(local.resolve(), place)
    except OSError:
        shutil.copyfile(local, place)


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> None:
    """Until it ends; where the kernel can tell, without the steps of up to 50 ms in which ``Popen.wait`` looks."""
    end = time.monotonic() + timeout_s
    with contextlib.suppress(AttributeError, OSError):
        told = os.pidfd_open(process.pid)
        try:
            select.select([told], [], [], timeout_s)
        finally:
            os.close(told)
    process.wait(max(0.1, end - time.monotonic()))


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the process group; the leader is reaped."""
    _kill(process)
    process.wait()


def open_local(entry: DeviceEntry | None = None) -> Device:
    """This machine, with this interpreter or the entry's."""
    name = entry.name if entry else LOCAL
    python = (entry.python if entry else None) or sys.executable
    machine = platform.machine()
    identity = f"{LOCAL}/{machine}/{processor_name()}"
    return Device(name, identity, LocalTransport(), (python, *ISOLATED), machine=machine)
