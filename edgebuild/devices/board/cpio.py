"""Archives that the Linux kernel unpacks into memory when it starts (cpio, format "newc")."""

from __future__ import annotations

import stat
from collections.abc import Mapping

FOLDER = b"\x00folder"
"""The content that stands for a folder; no file of ours begins with it."""

_TRAILER = "TRAILER!!!"


def newc(members: Mapping[str, tuple[int, bytes]]) -> bytes:
    """An archive of files and folders: name → permissions and content (``FOLDER`` for a folder); all belong to root.

    Folders must come before what is in them. One archive can follow another in one file.
    """
    parts = [_member(number, name, mode, data) for number, (name, (mode, data)) in enumerate(members.items(), 1)]
    whole = b"".join([*parts, _header(0, _TRAILER, 0, 0, 1)])
    return whole + b"\0" * (-len(whole) % 512)


def _member(number: int, name: str, mode: int, data: bytes) -> bytes:
    if data == FOLDER:
        return _header(number, name, stat.S_IFDIR | mode, 0, 2)
    return _header(number, name, stat.S_IFREG | mode, len(data), 1) + _padded(data)


def _header(number: int, name: str, mode: int, size: int, links: int) -> bytes:
    encoded = name.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, device and rdevice (major, minor each), length of name, checksum
    fields = (number, mode, 0, 0, links, 0, size, 0, 0, 0, 0, len(encoded), 0)
    return _padded(b"070701" + b"".join(b"%08X" % field for field in fields) + encoded)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
