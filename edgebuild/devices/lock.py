"""One device, one job: a lock for each device, across the processes and users of this machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from edgebuild.core.errors import DeviceError

WAIT_SECONDS = 600.0
"""How long a job waits for a device that another one has."""

_POLL = 0.2


def lock_folder() -> Path:
    """A folder that every user of this machine can write to, as /tmp is: removing others' files is denied."""
    return Path(os.environ.get("EDGEBUILD_LOCKS") or Path(tempfile.gettempdir()) / "edgebuild-locks")


def hold(name: str, say: Callable[[str], None] = lambda _: None, wait_s: float = WAIT_SECONDS) -> Callable[[], None]:
    """Take a device's lock, waiting while another job has it; returns what lets it go.

    The kernel lets it go too, however the process ends.

    Raises:
        DeviceError: another job still has it after ``wait_s`` seconds, or there is no place for locks.
    """
    descriptor = _open(name)
    ends, told = time.monotonic() + wait_s, False
    while not _taken(descriptor):
        if time.monotonic() >= ends:
            os.close(descriptor)
            raise DeviceError(
                name, f"another job has it, still after {wait_s:g} s", fix="try again when it has ended", transient=True
            )
        if not told:
            say(f"waiting for {name}: another job has it")
            told = True
        time.sleep(_POLL)
    return lambda: _let_go(descriptor)


def join(name: str, last: Callable[[], None]) -> Callable[[], None]:
    """Use something together with other processes; returns what leaves it again, where the last one calls ``last``.

    One that joins meanwhile waits until ``last`` is done. Errors as for ``hold``.
    """
    descriptor = _open(name)
    fcntl.flock(descriptor, fcntl.LOCK_SH)

    def leave() -> None:
        try:
            if _taken(descriptor):
                last()
        finally:
            _let_go(descriptor)

    return leave


def is_held(name: str) -> bool:
    """Whether a job has the device now; nothing is created and nobody waits for this look."""
    try:
        descriptor = os.open(lock_folder() / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _taken(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _open(name: str) -> int:
    folder = lock_folder()
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o777)
            folder.chmod(0o1777)
        # Of another user's file in a sticky folder: opened for reading, which is all that a lock needs.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        return os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise DeviceError(
            name, f"no place for its lock: {folder}: {error.strerror}", fix="set EDGEBUILD_LOCKS"
        ) from error


def _let_go(descriptor: int) -> None:
    """Unlocked and not only closed: a child that another thread is starting has a copy until it runs its program."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _taken(descriptor: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
