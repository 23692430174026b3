"""A bundle as one archive: written always in the same way, so that every byte of one can be held against it."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import IO, BinaryIO, cast

MANIFEST = "manifest.json"
_STAMP = (1980, 1, 1, 0, 0, 0)
_SMALL = 1 << 16
"""Bytes: zipfile writes headers in pieces that are no longer, names being as short as they are."""


def archive_bytes(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of some files: the manifest first, then by name; stored, so that no zlib version shows."""
    buffer = BytesIO()
    _write(buffer, files, files.__getitem__)
    return buffer.getvalue()


def is_written(file: BinaryIO, names: Iterable[str], read: Callable[[str], bytes]) -> bool:
    """Whether a file is what ``archive_bytes`` makes of these members, byte for byte; one is in memory at a time."""
    against = _Against(file)
    _write(cast("IO[bytes]", against), names, read)
    return against.is_same()


def _write(stream: IO[bytes], names: Iterable[str], read: Callable[[str], bytes]) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(names, key=lambda each: (each != MANIFEST, each)):
            info = zipfile.ZipInfo(name, _STAMP)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, read(name))


class _Against:
    """A file to zipfile, which holds what is written against one that is there.

    A member's header is written twice, the second time with its checksum: small pieces are compared in the end.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._at, self._end, self._same = file, 0, 0, True
        self._pieces: dict[int, bytes] = {}

    def write(self, data: bytes) -> int:
        if len(data) > _SMALL:
            self._compare(self._at, data)
        else:
            self._pieces[self._at] = bytes(data)
        self._at += len(data)
        self._end = max(self._end, self._at)
        return len(data)

    def seek(self, offset: int) -> int:
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing waits."""

    def is_same(self) -> bool:
        """Whether all that was written is there, and nothing else."""
        for place, piece in self._pieces.items():
            self._compare(place, piece)
        return self._same and self._file.seek(0, 2) == self._end

    def _compare(self, place: int, data: bytes) -> None:
        self._file.seek(place)
        self._same = self._same and self._file.read(len(data)) == data
