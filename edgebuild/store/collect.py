"""Taking stock of a cache, and removing what has not been used for longest."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgebuild.store.entry import INDEX
from edgebuild.store.scratch import SINCE, is_held, unfinished

_NEVER = 1 << 80


@dataclass(frozen=True)
class Stats:
    """What a cache holds; sizes in bytes, ``oldest`` in seconds since the epoch (0: it is empty)."""

    root: str
    entries: int = 0
    records: int = 0
    bytes: int = 0
    oldest: float = 0.0
    in_use: int = 0


@dataclass(frozen=True)
class Freed:
    """What a collection removed, what it left, and how many items it left because a running build uses them."""

    removed: int = 0
    freed_bytes: int = 0
    kept: int = 0
    kept_bytes: int = 0
    in_use: int = 0


@dataclass(frozen=True)
class _Item:
    path: Path
    used: int
    size: int


def take_stock(home: Path) -> Stats:
    """Counts and sizes of what is under a cache's ``v1`` folder."""
    entries, records = list(_items(home / "entries")), list(_items(home / "records"))
    both = entries + records
    since = _in_use_since(home)
    return Stats(
        root=str(home.parent),
        entries=len(entries),
        records=len(records),
        bytes=sum(item.size for item in both),
        oldest=min((item.used for item in both), default=0) / 1e9,
        in_use=sum(item.used >= since for item in both),
    )


def collect(home: Path, trash: Path, *, max_bytes: int | None, oldest: int | None) -> Freed:
    """Move items to ``trash``, on the same file system: those used before ``oldest`` (ns), then the longest unused.

    The caller holds the cache's gate and removes the trash afterwards.
    """
    since = _in_use_since(home)
    both = [item for kind in ("entries", "records", "unfinished") for item in _items(home / kind)]
    items = sorted(both, key=lambda item: (item.used, str(item.path)))
    left = sum(item.size for item in items)
    removed: list[_Item] = []
    for number, item in enumerate(items):
        unused = item.used < since
        aged = oldest is not None and item.used < oldest
        surplus = max_bytes is not None and left > max_bytes
        if unused and (aged or surplus) and _move(item.path, trash / str(number)):
            left -= item.size
            removed.append(item)
    return Freed(
        removed=len(removed),
        freed_bytes=sum(item.size for item in removed),
        kept=len(items) - len(removed),
        kept_bytes=left,
        in_use=sum(item.used >= since for item in items),
    )


def _in_use_since(home: Path) -> int:
    """When the oldest running process began to use the cache; what was touched since may be in use."""
    begun: list[int] = []
    for path in unfinished(home / "work", ""):
        with contextlib.suppress(OSError):
            begun += [(path / SINCE).stat().st_mtime_ns] if is_held(path) else []
    return min(begun) if begun else _NEVER


def _items(folder: Path) -> Iterator[_Item]:
    for shelf in _scan(folder):
        for found in _scan(Path(shelf.path)):
            item = _weigh(Path(found.path))
            if item is not None:
                yield item


def _weigh(path: Path) -> _Item | None:
    """An entry's or a record's size and time of last use; None if it has just gone."""
    try:
        if path.is_file():
            state = path.stat()
            return _Item(path, state.st_mtime_ns, state.st_size)
        stamp = path / INDEX
        used = (stamp if stamp.exists() else path).stat().st_mtime_ns
        size = sum((Path(at) / name).lstat().st_size for at, _, names in os.walk(path) for name in names)
        return _Item(path, used, size)
    except OSError:
        return None


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []


def _move(path: Path, trash: Path) -> bool:
    try:
        path.rename(trash)
    except OSError:
        return False
    return True
