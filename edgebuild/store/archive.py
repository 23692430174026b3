"""Where a bundle's bytes come from: a folder or an archive, both hostile until looked at.

Nothing is ever unpacked: members are read into memory by name, after their names and declared sizes were checked.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgebuild.core.errors import BundleError
from edgebuild.store.packing import is_written

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_MALFORMED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)
"""What zipfile raises for bytes that are no archive, or a broken one."""
_REPACKED = "the archive's own bytes were changed, or it was packed again; its files are right: verify them unpacked"
AGAIN = "get the bundle again from where it was built, or build it again"


@dataclass(frozen=True)
class Limits:
    """What a bundle may hold at most; sizes in bytes."""

    files: int = 10_000
    file_bytes: int = 8 << 30
    total_bytes: int = 16 << 30
    manifest_bytes: int = 32 << 20


LIMITS = Limits()


class Source(Protocol):
    """A bundle's container: the sizes of its members by name, and their bytes."""

    sizes: Mapping[str, int]

    def read(self, name: str) -> bytes:
        """The bytes of a member."""
        ...

    def problem(self) -> str:
        """What is wrong with the container itself, all of whose members are right; or nothing."""
        ...


class Folder:
    """A bundle as a folder.

    Raises:
        BundleError: for a link, a device, an unsafe name, or more than the limits.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits
        try:
            self.sizes: Mapping[str, int] = _checked(str(path), _walk(path, path), limits)
        except OSError as error:
            raise BundleError(str(path), f"can't be read: {error.strerror}", fix="make it readable") from error

    def read(self, name: str) -> bytes:
        """The bytes of a member; no more than its size when the folder was opened, plus one."""
        try:
            descriptor = os.open(self._path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                return file.read(self.sizes[name] + 1)
        except OSError as error:
            raise BundleError(str(self._path), f"{name} can't be read: {error.strerror}", fix=AGAIN) from error

    def problem(self) -> str:
        return ""


class Archive:
    """A bundle as a zip archive.

    Raises:
        BundleError: if it is no zip archive or a truncated one, for a link, an unsafe or doubled name, a compression
            other than deflate, encryption, or declared sizes above the limits.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits
        with self._open() as archive:
            members = archive.infolist()
            if members and min(info.header_offset for info in members) > 0:
                # A reader that looks for the list of members from the end finds that of an archive inside this one.
                raise BundleError(str(path), "truncated: its list of files is cut off", fix=AGAIN)
            self.sizes: Mapping[str, int] = _checked(str(path), (self._member(info) for info in members), limits)

    def read(self, name: str) -> bytes:
        """The bytes of a member; inflating stops at its declared size."""
        with self._open() as archive:
            try:
                with archive.open(name) as member:
                    return member.read(self.sizes[name] + 1)
            except (*_MALFORMED, OSError) as error:
                raise BundleError(str(self._path), f"{name} can't be read: {error}", fix=AGAIN) from error

    def problem(self) -> str:
        """A zip has bytes that say nothing of its members, such as time stamps: those too are as they are written."""
        try:
            with self._path.open("rb") as file:
                same = is_written(file, self.sizes, self.read)
        except OSError as error:
            raise BundleError(str(self._path), f"can't be read: {error.strerror or error}", fix=AGAIN) from error
        return "" if same else _REPACKED

    def _open(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self._path)
        except _MALFORMED as error:
            found = f"truncated, or not an archive ({error})"
            raise BundleError(str(self._path), found, expected="a .edgebundle archive", fix=AGAIN) from error
        except OSError as error:
            raise BundleError(str(self._path), f"can't be read: {error.strerror or error}", fix=AGAIN) from error

    def _member(self, info: zipfile.ZipInfo) -> tuple[str, int]:
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise _unsafe(str(self._path), f"{info.filename!r} is a link or a device, not a file")
        if info.flag_bits & 0x1:
            raise _unsafe(str(self._path), f"{info.filename!r} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _unsafe(str(self._path), f"{info.filename!r} has compression method {info.compress_type}")
        return info.orig_filename, info.file_size


def _walk(root: Path, folder: Path) -> Iterable[tuple[str, int]]:
    with os.scandir(folder) as found:
        for entry in sorted(found, key=lambda each: each.name):
            name = Path(entry.path).relative_to(root).as_posix()
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(root, Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield name, entry.stat(follow_symlinks=False).st_size
            else:
                raise _unsafe(str(root), f"{name!r} is a link or a device, not a file")


def _checked(subject: str, members: Iterable[tuple[str, int]], limits: Limits) -> dict[str, int]:
    sizes: dict[str, int] = {}
    total = 0
    for name, size in members:
        if not _SAFE.fullmatch(name):
            raise _unsafe(subject, f"a file is named {name[:200]!r}, which could lead out of the bundle")
        if name in sizes:
            raise _unsafe(subject, f"two files are named {name!r}")
        total += size
        if size > limits.file_bytes or total > limits.total_bytes or len(sizes) >= limits.files:
            raise _too_large(subject, name, size, limits)
        sizes[name] = size
    return sizes


def _unsafe(subject: str, found: str) -> BundleError:
    return BundleError(subject, found, fix=f"don't use this one; {AGAIN}")


def _too_large(subject: str, name: str, size: int, limits: Limits) -> BundleError:
    found = f"too large at {name!r} ({size} bytes unpacked)"
    most = f"{limits.files} files of {limits.file_bytes} bytes, {limits.total_bytes} bytes in all"
    return BundleError(subject, found, expected=f"at most {most}", fix=f"don't use this one; {AGAIN}")
