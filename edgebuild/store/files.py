"""Reading and writing single files, with the system's errors mapped once."""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from edgebuild.core.errors import BuildError, ConfigError, EdgebuildError
from edgebuild.store.scratch import claim, sweep

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        ConfigError: if there is none (naming files with similar names), or it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
        ConfigError: as ``read_bytes``, or if it isn't UTF-8.
    """
    data = read_bytes(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"not UTF-8 text: byte 0x{data[error.start]:02x} in line {line}"
        raise ConfigError(str(path), found, fix="save it as UTF-8") from error


def write_atomic(path: Path, data: bytes | Iterable[bytes], *, durable: bool = True) -> None:
    """Write a file so that readers see the old bytes or the new, and a kill leaves no half-written one.

    The bytes may come in pieces. With ``durable`` they are on the disk when it returns,
    so that a power cut can't undo them either.

    Raises:
        BuildError: if the disk is full. ConfigError: if the place can't be written to.
    """
    prefix = f".{path.name}."
    sweep(path.parent, prefix)
    with writing(path):
        held = claim(path.parent, prefix, folder=False)
        try:
            for piece in (data,) if isinstance(data, bytes) else data:
                write_all(held.descriptor, piece)
            if durable:
                os.fsync(held.descriptor)
            held.path.replace(path)
        except BaseException:
            held.release()
            raise
        held.let_go()
        if durable:
            sync_folder(path.parent)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte to an open file; the system may take them in pieces."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_folder(folder: Path) -> None:
    """Wait until a folder's names are on the disk, where the file system can say so."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Map any OSError of a block that writes ``path``."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def absolute(path: Path) -> Path:
    """A path from the root, without "." and ".."; links are not followed."""
    return Path(os.path.normpath(path.absolute()))


def unwritable(path: Path, error: OSError) -> EdgebuildError:
    """What an OSError while writing means: a full disk, or a place that can't be written to."""
    if error.errno in _FULL:
        return BuildError("write", f"no space left for {path}", fix="free some space, or write to another disk")
    if error.errno in _DENIED:
        why = "its file system is read-only" if error.errno == errno.EROFS else "permission denied"
        return ConfigError(str(path), f"not writable: {why}", fix="choose another place, or make this one writable")
    if error.errno == errno.ENOENT:
        return ConfigError(str(path), f"no such folder: {path.parent}", fix="create it first")
    if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST):
        return ConfigError(str(path), f"something else is in the way: {error.strerror}", fix="choose another place")
    return BuildError("write", f"{path}: {error.strerror or error}", fix="check the disk and try again")


def is_full(error: OSError) -> bool:
    """Whether an OSError says that the disk, the quota or the file size limit is used up."""
    return error.errno in _FULL


def unreadable(path: Path, error: OSError) -> ConfigError:
    """What an OSError while reading means."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return ConfigError(str(path), missing(path), fix=near_names(path))
    if error.errno == errno.EISDIR:
        return ConfigError(str(path), "is a folder", expected="a file")
    if error.errno in _DENIED:
        return ConfigError(str(path), "not readable: permission denied", fix="make it readable")
    return ConfigError(str(path), f"can't be read: {error.strerror or error}")


def missing(path: Path) -> str:
    """Says what is missing: the file, or the first folder on the way to it."""
    gone = [folder for folder in path.parents if not folder.exists()]
    return f"no such folder: {gone[-1]}" if gone else "no such file"


def near_names(path: Path) -> str:
    """A suggestion of files beside a missing one, such as "did you mean model.py?"; empty if none is similar."""
    try:
        names = sorted(beside.name for beside in path.parent.iterdir())[:10_000]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else ""
