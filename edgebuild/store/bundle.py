"""Writing bundles: complete beside their place, then renamed into it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgebuild.core.artifact import Manifest
from edgebuild.core.digest import Digest, digest_bytes
from edgebuild.core.errors import BuildError, BundleError, ConfigError
from edgebuild.store.archive import LIMITS
from edgebuild.store.files import absolute, sync_folder, write_all, write_atomic, writing
from edgebuild.store.manifest import listed_names, manifest_bytes
from edgebuild.store.opening import Bundle, open_bundle, sizes_agree
from edgebuild.store.packing import MANIFEST, archive_bytes
from edgebuild.store.scratch import claimed_folder, sweep

_RACES = 20
_ZIP_START = b"PK\x03\x04"
__all__ = ["Bundle", "find_bundle", "open_bundle", "write_bundle"]
_ELSEWHERE = "choose another place with -o, or move away what is there"


def write_bundle(dest: Path, files: Mapping[str, bytes], manifest: Manifest, archive: bool = False) -> Bundle:
    """Write a bundle, as a folder or as one archive. At any moment ``dest`` holds a whole bundle or none.

    A bundle that is there already is left untouched if it has the same manifest and its files' sizes are right, and
    is replaced otherwise. Evidence beside it stays.

    ``files`` are exactly those that the manifest lists.

    Raises:
        ConfigError: if something else is at ``dest``, or it can't be written to.
        BuildError: if the disk is full, or the files are not those of the manifest.
    """
    place = absolute(dest)
    present = find_bundle(place, digest_bytes(manifest_bytes(manifest)), archive)
    if present is not None:
        return present
    _refuse_unlisted(files, manifest)
    with writing(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(place.parent):
        _refuse_foreign(place, archive)
        everything = {MANIFEST: manifest_bytes(manifest), **files}
        if archive:
            write_atomic(place, archive_bytes(everything))
        else:
            _write_folder(place, everything)
        return open_bundle(place)


def find_bundle(dest: Path, digest: Digest, archive: bool = False) -> Bundle | None:
    """The bundle at ``dest`` if it is the one of a digest, and its files' sizes are right; else None."""
    place = absolute(dest)
    if not (place.is_file() if archive else place.is_dir()):
        return None
    try:
        bundle = open_bundle(place)
    except BundleError:
        return None
    return bundle if bundle.digest == digest and sizes_agree(bundle) else None


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait for other processes that write bundles into the same folder; the kernel ends the wait if they die."""
    with writing(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_folder(place: Path, files: Mapping[str, bytes]) -> None:
    prefix = f".{place.name}."
    sweep(place.parent, prefix)
    with writing(place), claimed_folder(place.parent, prefix) as scratch:
        new = scratch / "new"
        for name, data in files.items():
            _write_synced(new / name, data)
        for folder, _, _ in os.walk(new):
            sync_folder(Path(folder))
        _swap(new, place, scratch)
        sync_folder(place.parent)


def _write_synced(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap(new: Path, place: Path, scratch: Path) -> None:
    """Rename ``new`` to ``place``; what is there goes to the scratch folder first. Others may be doing the same."""
    for number in range(_RACES):
        try:
            new.rename(place)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or number == _RACES - 1:
                raise
        try:
            place.rename(scratch / f"old{number}")
        except FileNotFoundError:
            continue


def _refuse_unlisted(files: Mapping[str, bytes], manifest: Manifest) -> None:
    given = {name: (digest_bytes(data), len(data)) for name, data in files.items()}
    listed = {file.name: (file.sha256, file.size) for file in manifest.files}
    wrong = sorted(name for name in given.keys() | listed.keys() if given.get(name) != listed.get(name))
    if wrong or len(listed) != len(manifest.files) or MANIFEST in files:
        named = ", ".join(wrong) or MANIFEST
        raise BuildError(
            "package", f"not the files that the manifest lists: {named}", fix="this is a fault in edgebuild"
        )


def _refuse_foreign(place: Path, archive: bool) -> None:
    """Never overwrite what is not a bundle, nor a bundle that somebody keeps other files in."""
    if not os.path.lexists(place):
        return
    if archive:
        known = place.is_file() and _is_archive(place)
        if not known:
            raise ConfigError(str(place), "is there and is not a bundle archive", fix=_ELSEWHERE)
        return
    if not place.is_dir() or place.is_symlink():
        raise ConfigError(str(place), "is there and is not a folder", fix=_ELSEWHERE)
    own = _own_names(place)
    found = sorted(
        path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_symlink() or not path.is_dir()
    )
    foreign = [name for name in found if name not in own]
    if foreign:
        raise ConfigError(str(place), f"holds files of someone else's: {', '.join(foreign[:5])}", fix=_ELSEWHERE)


def _own_names(place: Path) -> set[str]:
    """The names of a bundle's own files, as far as its manifest can still be read: it may be edited or foreign."""
    manifest = place / MANIFEST
    try:
        regular = manifest.is_file() and not manifest.is_symlink()
        if not regular or manifest.stat().st_size > LIMITS.manifest_bytes:
            return set()
        return {MANIFEST, *listed_names(manifest.read_bytes())}
    except OSError:
        return set()


def _is_archive(place: Path) -> bool:
    """Whether a file is a bundle archive, whole or truncated: a zip whose first member is the manifest; or empty."""
    with writing(place), place.open("rb") as file:
        start = file.read(30 + len(MANIFEST))
    return not start or (start.startswith(_ZIP_START) and start.endswith(MANIFEST.encode()))
