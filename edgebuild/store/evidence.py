"""Evidence on disk: one JSON record a line, beside the bundle, only ever appended to."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edgebuild import __version__
from edgebuild.core.digest import Digest, Json, digest_bytes
from edgebuild.core.errors import BundleError, ConfigError
from edgebuild.core.evidence import EvidenceRecord
from edgebuild.store.bundle import Bundle
from edgebuild.store.files import sync_folder, write_all, writing

SIZE_LIMIT = 1 << 30
"""Bytes: more evidence than that is refused unread."""
_SCHEMA = 1
_BLOCK = 1 << 16


def evidence_path(bundle: Bundle) -> Path:
    """Where a bundle's evidence is: its own path with ".evidence.jsonl" after it."""
    return bundle.path.with_name(bundle.path.name + ".evidence.jsonl")


def append(bundle: Bundle, record: EvidenceRecord, after: Digest | None = None) -> None:
    """Add a record, and wait until it is on the disk. A last line that a kill left torn is cut off first.

    Args:
        after: add it only if the whole lines that are there have this digest.

    Raises:
        BundleError: if the record speaks of another bundle. BuildError: if the disk is full (nothing is added then).
        ConfigError: if the place can't be written to, or its lines are not those of ``after``.
    """
    if record.bundle != bundle.digest:
        found = f"evidence about bundle {record.bundle[:12]}, offered to {bundle.digest[:12]}"
        raise BundleError(str(bundle.path), found, fix="measure this bundle itself")
    path = evidence_path(bundle)
    with writing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if after is not None and after != digest_bytes(_whole_lines(descriptor)):
                raise ConfigError(str(path), "evidence was added meanwhile", fix="try again when nothing is measured")
            _append_line(descriptor, line_of(record) + b"\n")
        finally:
            os.close(descriptor)
        sync_folder(path.parent)


@dataclass(frozen=True)
class Line:
    """A whole line of evidence: where it begins and ends, its newline included, and its record.

    ``record`` is None if it speaks of another bundle.
    """

    start: int
    end: int
    record: EvidenceRecord | None


@dataclass(frozen=True)
class Evidence:
    """A bundle's evidence as it is on the disk.

    Attributes:
        data: all bytes of the file; those behind the last whole line are ``torn``.
    """

    data: bytes
    lines: tuple[Line, ...]

    @property
    def records(self) -> tuple[EvidenceRecord, ...]:
        """The records of the bundle, in the order they were added."""
        return tuple(line.record for line in self.lines if line.record is not None)

    @property
    def whole(self) -> bytes:
        """The whole lines."""
        return self.data[: self.data.rfind(b"\n") + 1]

    @property
    def torn(self) -> bytes:
        """What follows the last newline: nothing, or a record that was being written."""
        return self.data[self.data.rfind(b"\n") + 1 :]


def read_evidence(bundle: Bundle) -> tuple[EvidenceRecord, ...]:
    """The records that name this bundle's digest, in the order they were added. A torn last line is passed over.

    Raises:
        BundleError: if a line is not a record, or of a schema version this one doesn't read.
    """
    return open_evidence(bundle).records


def open_evidence(bundle: Bundle) -> Evidence:
    """The evidence beside a bundle with its bytes; errors as for ``read_evidence``."""
    path = evidence_path(bundle)
    data, lines, start = _bytes_of(path), list[Line](), 0
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        end = start + len(line) + 1
        if line:
            lines.append(Line(start, end, _record(path, number, line, bundle.digest)))
        start = end
    return Evidence(data, tuple(lines))


def lines_of(path: Path) -> list[bytes]:
    """The whole lines of a file of evidence; none if there is no such file. A torn last line is passed over.

    Raises:
        BundleError: it is too large, or can't be read.
    """
    return _bytes_of(path).split(b"\n")[:-1]


def _bytes_of(path: Path) -> bytes:
    """The bytes of a file of evidence; none if there is none."""
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise BundleError(str(path), "too large to be read", expected=f"at most {SIZE_LIMIT} bytes")
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise BundleError(str(path), f"can't be read: {error.strerror}", fix="make it readable") from error


def line_of(record: EvidenceRecord) -> bytes:
    """A record as its line, without the newline."""
    value = record.model_dump(mode="json", by_alias=True)
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _append_line(descriptor: int, line: bytes) -> None:
    end = _whole_lines_end(descriptor)
    os.ftruncate(descriptor, end)
    os.lseek(descriptor, end, os.SEEK_SET)
    try:
        write_all(descriptor, line)
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise


def _whole_lines(descriptor: int) -> bytes:
    return os.pread(descriptor, _whole_lines_end(descriptor), 0)


def _whole_lines_end(descriptor: int) -> int:
    """The offset behind the last newline: 0 if there is none."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - _BLOCK)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def record_on(line: bytes) -> EvidenceRecord:
    """The record that a line says.

    Raises:
        ValueError, TypeError, RecursionError: it says none, or one of another schema version.
    """
    return _checked(_read(line))


def _record(path: Path, number: int, line: bytes, digest: str) -> EvidenceRecord | None:
    """One line's record; None if it speaks of another bundle."""
    try:
        value = _read(line)
        return _checked(value) if value.get("bundle") == digest else None
    except (ValueError, TypeError, RecursionError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else f"{error!s:.200}"
        fix = f"remove line {number}, and measure again what it held"
        raise BundleError(str(path), f"line {number} is no evidence: {said}", fix=fix) from error


def _read(line: bytes) -> dict[str, Json]:
    value: Json = json.loads(line)
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    return value


def _checked(value: dict[str, Json]) -> EvidenceRecord:
    if value.get("schema") != _SCHEMA:
        raise ValueError(f"schema version {value.get('schema')!r:.60}; edgebuild {__version__} reads {_SCHEMA}")
    return EvidenceRecord.model_validate(value)
