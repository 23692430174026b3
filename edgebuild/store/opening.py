"""Opening bundles: a model for a target with everything it says of itself, as a folder or as one archive."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from edgebuild.core.artifact import Manifest, ModelFile
from edgebuild.core.digest import Digest, digest_bytes
from edgebuild.core.errors import BundleError
from edgebuild.store.archive import AGAIN, LIMITS, Archive, Folder, Limits, Source
from edgebuild.store.files import absolute, missing, near_names
from edgebuild.store.manifest import parse_manifest
from edgebuild.store.packing import MANIFEST

SUFFIX = ".edgebundle"


@dataclass(frozen=True)
class Bundle:
    """An open bundle. Bundles are immutable.

    Attributes:
        path: the folder or archive, absolute.
        manifest: what it says of itself.
        digest: its identity: the sha256 of ``manifest.json``.
        source: where its bytes come from.
    """

    path: Path
    manifest: Manifest
    digest: Digest
    source: Source
    limits: Limits = LIMITS

    def read(self, name: str) -> bytes:
        """The bytes of one of its files, checked against the manifest.

        Raises:
            BundleError: if it is not listed, missing, or not what was packed.
        """
        listed = {file.name: file for file in self.manifest.files}
        if name not in listed:
            found = f"has no file {name!r}"
            raise BundleError(str(self.path), found, expected=f"one of {', '.join(sorted(listed))}")
        problem = _problem(listed[name], self.source)
        data = b"" if problem else self.source.read(name)
        problem = problem or _problem(listed[name], self.source, data)
        if problem:
            raise BundleError(str(self.path), problem, fix=AGAIN)
        return data

    def check(self) -> tuple[str, ...]:
        """Every problem in words: files missing, edited or not listed, or an archive's own bytes edited.

        It looks at the disk anew and reads every byte.
        """
        try:
            now = open_bundle(self.path, self.limits)
        except BundleError as error:
            return (error.found,)
        if now.digest != self.digest:
            return (f"{MANIFEST} is not the one that was opened: another bundle is in its place",)
        listed = {file.name for file in self.manifest.files}
        extra = tuple(
            f"{name}: not listed in {MANIFEST}" for name in sorted(now.source.sizes.keys() - listed - {MANIFEST})
        )
        found = tuple(problem for file in self.manifest.files if (problem := _read_problem(file, now.source))) + extra
        return found or tuple(problem for problem in (_container_problem(now.source),) if problem)


def open_bundle(path: Path, limits: Limits = LIMITS) -> Bundle:
    """Open a bundle: its container and manifest are checked, its files when they are read.

    Raises:
        BundleError: if there is none, or it is broken, edited, unsafe, or of a schema version this one doesn't read.
    """
    place = absolute(path)
    source = _source(place, limits)
    if MANIFEST not in source.sizes:
        raise BundleError(str(place), f"has no {MANIFEST}", expected="a bundle made by `edgebuild build`")
    if source.sizes[MANIFEST] > limits.manifest_bytes:
        found = f"{MANIFEST} has {source.sizes[MANIFEST]} bytes"
        raise BundleError(str(place), found, expected=f"at most {limits.manifest_bytes}", fix=AGAIN)
    data = source.read(MANIFEST)
    return Bundle(place, parse_manifest(str(place), data, limits), digest_bytes(data), source, limits)


def sizes_agree(bundle: Bundle) -> bool:
    """Whether a bundle has exactly the files it lists, each as long as it says; no byte is read."""
    listed = {file.name: file.size for file in bundle.manifest.files}
    found = {name: size for name, size in bundle.source.sizes.items() if name != MANIFEST}
    return listed == found


def _source(place: Path, limits: Limits) -> Source:
    try:
        kind = stat.S_IFMT(place.stat().st_mode)
    except OSError as error:
        raise BundleError(str(place), missing(place), fix=near_names(place) or "build it first") from error
    if kind == stat.S_IFDIR:
        return Folder(place, limits)
    if kind == stat.S_IFREG:
        return Archive(place, limits)
    raise BundleError(str(place), "is neither a folder nor a file", expected=f"a bundle: a folder or a {SUFFIX} file")


def _container_problem(source: Source) -> str:
    try:
        return source.problem()
    except BundleError as error:
        return error.found


def _read_problem(file: ModelFile, source: Source) -> str:
    problem = _problem(file, source)
    if problem:
        return problem
    try:
        return _problem(file, source, source.read(file.name))
    except BundleError as error:
        return error.found


def _problem(file: ModelFile, source: Source, data: bytes | None = None) -> str:
    """What is wrong with a file, as far as can be told from its size, or from its bytes where they are given."""
    if file.name not in source.sizes:
        return f"{file.name}: missing"
    size = source.sizes[file.name] if data is None else len(data)
    if size != file.size:
        return f"{file.name}: {size} bytes, where {file.size} were packed"
    if data is not None and digest_bytes(data) != file.sha256:
        return f"{file.name}: its bytes were changed"
    return ""
