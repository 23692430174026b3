"""Places for unfinished work that belong to a running process, and are known to be litter once it is gone.

The owner holds an exclusive ``flock`` on the file or folder itself. The kernel drops it however the process ends,
so what can be locked by someone else is litter: no pids (which are reused) and no ages (builds may be long).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".partial"
SINCE = "since"
"""A file in a process's work folder; its time, by the cache's file system, is when it began to use the cache."""


class Claim:
    """A file or folder held by this process until ``release``."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self.descriptor = path, descriptor

    def release(self) -> None:
        """Remove what is left of it, and let go."""
        remove(self.path)
        self.let_go()

    def let_go(self) -> None:
        """Stop holding it, leaving on disk what is there."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1


def claim(parent: Path, prefix: str, *, folder: bool) -> Claim:
    """A new file or folder in ``parent``, named ``prefix`` + random + ".partial", held by this process.

    Raises:
        OSError: if it can't be created there.
    """
    while True:
        path = parent / f"{prefix}{secrets.token_hex(6)}{SUFFIX}"
        held = Claim(path, _create(path, folder))
        if _lock(held.descriptor) and _is_still(path, held.descriptor):
            return held
        held.release()  # a sweeper came between creation and lock


def sweep(parent: Path, prefix: str) -> int:
    """Remove what ended processes left in ``parent`` under that prefix; returns how many were removed."""
    removed = 0
    for path in unfinished(parent, prefix):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            abandoned = _lock(descriptor, sure=True)
            if abandoned:
                remove(path)
            os.close(descriptor)
            removed += abandoned
    return removed


def unfinished(parent: Path, prefix: str) -> tuple[Path, ...]:
    """The unfinished files and folders under that prefix, whoever holds them."""
    try:
        names = [path.name for path in parent.iterdir()]
    except OSError:
        return ()
    return tuple(parent / name for name in sorted(names) if name.startswith(prefix) and name.endswith(SUFFIX))


def is_held(path: Path) -> bool:
    """Whether a running process (this one included) holds a claim on ``path``; two that look don't see each other."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _lock(descriptor, fcntl.LOCK_SH, sure=True)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def claimed_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A scratch folder for a block; what is left in it is removed at the end, however it ends."""
    held = claim(parent, prefix, folder=True)
    try:
        yield held.path
    finally:
        held.release()


def remove(path: Path) -> None:
    """Remove a file or a whole folder; what can't be removed, or isn't there, is left."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink()


def _create(path: Path, folder: bool) -> int:
    if folder:
        path.mkdir()
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def _lock(descriptor: int, how: int = fcntl.LOCK_EX, *, sure: bool = False) -> bool:
    """Whether the lock was had. A file system without locks counts as had, unless one must be ``sure``."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return not sure
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        there, mine = path.stat(), os.fstat(descriptor)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
