"""Digests of files, remembered for as long as a file's size, times and inode say it is the same."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path

from edgebuild.core.digest import Digest
from edgebuild.core.errors import EdgebuildError
from edgebuild.store.files import unreadable, write_atomic

_CHUNK = 1 << 20
_RACY_NS = 2_000_000_000
"""A file changed so recently may change again without its times showing it (FAT's clock ticks every 2 s)."""
_KEPT = 20_000
_TRIES = 5
_SCHEMA = 1

_State = tuple[int, int, int, int]


class FileDigests:
    """sha256 of files, memoized on (size, mtime, ctime, inode).

    A digest is remembered only if the file had been left alone for 2 s when it was read, as git does for its index.

    Args:
        memo: where the memo lives between processes; None keeps it in this one.
    """

    def __init__(self, memo: Path | None = None) -> None:
        self._memo = memo
        self._new: dict[str, tuple[_State, Digest]] = {}
        self._old: dict[str, tuple[_State, Digest]] | None = None

    def of(self, path: Path) -> Digest:
        """The sha256 of a file's bytes.

        Raises:
            ConfigError: if it can't be read.
        """
        name = str(path.absolute())
        try:
            state = _state(path.stat())
            known = self._new.get(name) or self._remembered().get(name)
            if known is not None and known[0] == state:
                return known[1]
            return self._read(name)
        except OSError as error:
            raise unreadable(path, error) from error

    def save(self) -> None:
        """Add what was learnt to the memo. It is an aid: where it can't be written, nothing is lost but time."""
        if self._memo is None or not self._new:
            return
        merged = _load(self._memo) | self._new
        kept = list(merged.items())[-_KEPT:]
        files = {name: [*state, digest] for name, (state, digest) in kept}
        text = json.dumps({"schema": _SCHEMA, "files": files}, separators=(",", ":"))
        with contextlib.suppress(EdgebuildError):
            write_atomic(self._memo, text.encode(), durable=False)
            self._old, self._new = None, {}

    def _remembered(self) -> dict[str, tuple[_State, Digest]]:
        if self._old is None:
            self._old = _load(self._memo) if self._memo else {}
        return self._old

    def _read(self, name: str) -> Digest:
        for _ in range(_TRIES):
            with Path(name).open("rb") as file:
                before = _state(os.fstat(file.fileno()))
                hashed = hashlib.sha256()
                while chunk := file.read(_CHUNK):
                    hashed.update(chunk)
                after = _state(os.fstat(file.fileno()))
            if before == after:
                break
        if before == after and time.time_ns() - max(after[1], after[2]) > _RACY_NS:
            self._new[name] = (after, hashed.hexdigest())
        return hashed.hexdigest()


def _state(stat: os.stat_result) -> _State:
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def _load(memo: Path) -> dict[str, tuple[_State, Digest]]:
    """The memo on disk; one that is missing, torn or foreign is empty."""
    try:
        stored = json.loads(memo.read_bytes())
        if stored["schema"] != _SCHEMA:
            return {}
        return {
            str(name): ((int(size), int(mtime), int(ctime), int(inode)), str(digest))
            for name, (size, mtime, ctime, inode, digest) in stored["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
