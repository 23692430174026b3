"""Which files a user's code reads: seen through Python's audit hook, which native readers do not pass."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
import threading
import tokenize
from collections.abc import Iterator
from pathlib import Path

from edgebuild.models.blame import is_library_file

_SYSTEM = ("/proc/", "/sys/", "/dev/")
_NOT_DATA = (".pyc", ".so", ".pyd", ".dylib")
_IMPORTERS = ("<frozen importlib._bootstrap_external>", importlib.metadata.__file__)


class Watch:
    """What was read while it was watched: files opened for reading, and folders listed."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._others = set(threading.enumerate()) - {threading.current_thread()}

    def see(self, event: str, arguments: tuple[object, ...]) -> None:
        """Take note of one audit event, unless it is of a thread that was there before: a library's, not the user's."""
        if threading.current_thread() in self._others:
            return
        path = _path(arguments[0]) if arguments else None
        if event == "open" and path is not None and _reads(arguments) and not _quoting():
            self._files.add(path)
        elif event in ("os.listdir", "os.scandir") and path is not None and not _importing():
            self._folders.add(path)

    def files(self) -> list[Path]:
        """The user's files that were read and still exist, sorted."""
        return sorted(Path(name) for name in self._files if _is_user_file(name))

    def folders(self) -> list[Path]:
        """The user's folders that were listed and still exist, sorted."""
        return sorted(Path(name) for name in self._folders if Path(name).is_dir() and not _outside(name))


_watching: list[Watch] = []
_installed: list[bool] = []


@contextlib.contextmanager
def watching() -> Iterator[Watch]:
    """Watch what this process reads. An audit hook cannot be removed: one is installed, once, and idles afterwards."""
    if not _installed:
        sys.addaudithook(_hook)
        _installed.append(True)
    watch = Watch()
    _watching.append(watch)
    try:
        yield watch
    finally:
        _watching.remove(watch)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event in ("open", "os.listdir", "os.scandir"):
        for watch in _watching:
            watch.see(event, arguments)


def _path(value: object) -> str | None:
    if value is None:
        return str(Path.cwd())
    if not isinstance(value, (str, bytes, os.PathLike)):
        return None
    return str(Path(os.fsdecode(value)).absolute())


def _reads(arguments: tuple[object, ...]) -> bool:
    mode, flags = (*arguments, None, None)[1:3]
    if isinstance(mode, str):
        return not set(mode) & set("wax+")
    return isinstance(flags, int) and not flags & (os.O_WRONLY | os.O_RDWR)


def _importing() -> bool:
    """Whether the import system, not the user's code, made the event: it lists every folder it searches.

    So does the search for installed distributions that a library makes when it is first imported.
    """
    return sys._getframe(3).f_code.co_filename in _IMPORTERS  # noqa: SLF001 - the frame that made the event


def _quoting() -> bool:
    """Whether a source file is read to quote a line of it: torch does so for every caller of what it traces."""
    return sys._getframe(3).f_code.co_filename == tokenize.__file__  # noqa: SLF001 - as above


def _outside(name: str) -> bool:
    return name.startswith(_SYSTEM) or is_library_file(name)


def _is_user_file(name: str) -> bool:
    return Path(name).is_file() and not name.endswith(_NOT_DATA) and not _outside(name)
