"""The content-addressed cache: what a stage made, found again by the digest of all that went into it.

Layout under ``root/v1``: ``entries/ab/KEY/{index.json,files/}``, ``records/ab/KEY``, ``digests.json``, and ``work/``
where each process makes things before they are renamed into place. A rename is atomic, so a kill at any moment leaves
entries whole or absent; what it leaves in ``work/`` is swept by the next process.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.digest import Digest, digest_bytes
from edgebuild.core.errors import ConfigError, EdgebuildError
from edgebuild.core.interrupts import raise_if_interrupted
from edgebuild.store.digests import FileDigests
from edgebuild.store.entry import INDEX, Entry, files_folder, load_entry, seal_entry
from edgebuild.store.files import absolute, is_full, unwritable, writing
from edgebuild.store.scratch import SINCE, Claim, claim, sweep

if TYPE_CHECKING:
    from edgebuild.store.collect import Freed, Stats

_RACES = 20
_DAY_NS = 86_400_000_000_000


class Cache:
    """One cache folder, shared by any number of processes.

    Reading needs no right to write. Nothing is created before something is stored.
    """

    def __init__(self, root: Path) -> None:
        self.root = absolute(root)
        self._home = self.root / "v1"
        self._work = self._home / "work"
        self._session: Claim | None = None
        self._process = 0
        self.digests = FileDigests(self._home / "digests.json")

    def get(self, key: Digest) -> Entry | None:
        """The entry of a key, or None. One that is damaged reads as absent and is removed.

        Existence and sizes are checked, not bytes: ``Entry.read`` and ``Entry.check`` do that.
        """
        place = self._place("entries", key)
        if not place.exists():
            return None
        self._start()
        with self._gate(fcntl.LOCK_SH):
            with contextlib.suppress(OSError):
                os.utime(place / INDEX)
            entry = load_entry(place, key)
        if entry is None:
            self._discard(key)
        return entry

    def produce(self, key: Digest, stage: str, make: Callable[[Path], None]) -> Entry:
        """The entry of a key, made by ``make(folder)`` if there is none yet.

        If two processes make it at once, the first to finish keeps it and both get that one.

        Raises:
            BuildError: if the disk is full. ConfigError: if the cache can't be written to. Whatever ``make`` raises.
        """
        entry = self.get(key)
        if entry is not None:
            return entry
        with self._unpublished() as folder:
            try:
                files_folder(folder).mkdir()
                make(files_folder(folder))
                raise_if_interrupted()
                seal_entry(folder, key, stage)
            except OSError as error:
                if not is_full(error):
                    raise
                raise unwritable(self.root, error) from error
            return self._publish(folder, key)

    def recall(self, key: Digest) -> bytes | None:
        """The small record last remembered under a key, or None."""
        place = self._place("records", key)
        try:
            digest, _, data = place.read_bytes().partition(b"\n")
        except OSError:
            return None
        if digest != digest_bytes(data).encode():
            return None
        with contextlib.suppress(OSError):
            os.utime(place)
        return data

    def remember(self, key: Digest, data: bytes) -> None:
        """Keep a small record under a key, replacing what was there.

        Raises:
            BuildError: if the disk is full. ConfigError: if the cache can't be written to.
        """
        place = self._place("records", key)
        with self._unpublished() as folder, writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            (folder / "record").write_bytes(digest_bytes(data).encode() + b"\n" + data)
            (folder / "record").replace(place)

    def unfinished(self, key: Digest) -> Path:
        """A folder that outlives the process, for long work that is taken up again. Whoever ends that removes it."""
        return self._place("unfinished", key)

    def stats(self) -> Stats:
        """What the cache holds."""
        from edgebuild.store.collect import take_stock

        return take_stock(self._home)

    def gc(self, max_bytes: int | None = None, max_age_days: float | None = None) -> Freed:
        """Remove what was not used for ``max_age_days``, then the least recently used down to ``max_bytes``.

        What a running build has used is kept, and so is everything if neither limit is given; only litter goes then.

        Raises:
            ConfigError: if the cache can't be written to.
        """
        from edgebuild.store.collect import Freed, collect

        if not self._home.exists():
            return Freed()
        with self._unpublished() as trash, self._gate(fcntl.LOCK_EX):
            oldest = None if max_age_days is None else time.time_ns() - int(max_age_days * _DAY_NS)
            return collect(self._home, trash, max_bytes=max_bytes, oldest=oldest)

    def _place(self, kind: str, key: Digest) -> Path:
        return self._home / kind / key[:2] / key

    def _publish(self, folder: Path, key: Digest) -> Entry:
        place = self._place("entries", key)
        for _ in range(_RACES):
            with writing(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                try:
                    folder.rename(place)
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
            entry = self.get(key)
            if entry is not None:
                return entry
        raise ConfigError(str(place), "can't be stored", fix="remove that folder, or choose another EDGEBUILD_CACHE")

    def _discard(self, key: Digest) -> None:
        """Remove a damaged entry, unless another process has just replaced it by a whole one."""
        place = self._place("entries", key)
        with contextlib.suppress(EdgebuildError), self._unpublished() as trash, self._gate(fcntl.LOCK_EX):
            if load_entry(place, key) is None:
                with contextlib.suppress(OSError):
                    place.rename(trash / key)

    @contextlib.contextmanager
    def _unpublished(self) -> Iterator[Path]:
        """A folder on the cache's own file system, for things to be made in; what is left there is removed.

        Raises:
            ConfigError: if the cache can't be written to. BuildError: if the disk is full.
        """
        with writing(self.root):
            session = self._start(needed=True)
            assert session is not None
            folder = session.path / secrets.token_hex(6)
            folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _start(self, *, needed: bool = False) -> Claim | None:
        """This process's place in ``work/``, made on first use; what is touched from then on counts as in use."""
        if self._session is not None and self._process == os.getpid() and self._session.path.exists():
            return self._session
        try:
            self._work.mkdir(parents=True, exist_ok=True)
            sweep(self._work, "")
            session = claim(self._work, "", folder=True)
            weakref.finalize(self, _release_in, os.getpid(), session)
            (session.path / SINCE).touch()
        except OSError:
            if needed:
                raise
            return None
        self._session, self._process = session, os.getpid()
        return session

    @contextlib.contextmanager
    def _gate(self, how: int) -> Iterator[None]:
        """Keep entries from being removed between being touched and being checked. Without it in a read-only cache."""
        try:
            descriptor = os.open(self._home / "gate.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            yield
            return
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


def default_cache() -> Cache:
    """The user's cache: EDGEBUILD_CACHE, or edgebuild/ below XDG_CACHE_HOME or ~/.cache.

    Raises:
        ConfigError: if no home folder is known.
    """
    chosen = os.environ.get("EDGEBUILD_CACHE")
    if chosen:
        return Cache(Path(chosen).expanduser())
    base = os.environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():
        return Cache(Path(base) / "edgebuild")
    try:
        return Cache(Path.home() / ".cache" / "edgebuild")
    except RuntimeError as error:
        raise ConfigError(
            "EDGEBUILD_CACHE", "no home folder is known", fix="set EDGEBUILD_CACHE to a folder"
        ) from error


def _release_in(process: int, session: Claim) -> None:
    if os.getpid() == process:  # a forked child must not take its parent's place away
        session.release()
    else:
        session.let_go()
