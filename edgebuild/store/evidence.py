"""Evidence on disk: one JSON record a line, beside the bundle, only ever appended to."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from pydantic import ValidationError

from edgebuild import __version__
from edgebuild.core.digest import Json
from edgebuild.core.errors import BundleError
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


def append(bundle: Bundle, record: EvidenceRecord) -> None:
    """Add a record, and wait until it is on the disk. A last line that a kill left torn is cut off first.

    Raises:
        BundleError: if the record speaks of another bundle. BuildError: if the disk is full (nothing is added then).
        ConfigError: if the place can't be written to.
    """
    if record.bundle != bundle.digest:
        found = f"evidence about bundle {record.bundle[:12]}, offered to {bundle.digest[:12]}"
        raise BundleError(str(bundle.path), found, fix="measure this bundle itself")
    path = evidence_path(bundle)
    with writing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _append_line(descriptor, _line(record))
        finally:
            os.close(descriptor)
        sync_folder(path.parent)


def read_evidence(bundle: Bundle) -> tuple[EvidenceRecord, ...]:
    """The records that name this bundle's digest, in the order they were added. A torn last line is passed over.

    Raises:
        BundleError: if a line is not a record, or of a schema version this one doesn't read.
    """
    path = evidence_path(bundle)
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise BundleError(str(path), "too large to be read", expected=f"at most {SIZE_LIMIT} bytes")
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BundleError(str(path), f"can't be read: {error.strerror}", fix="make it readable") from error
    lines.pop()  # what follows the last newline: nothing, or a record that was being written
    records = (_record(path, number, line, bundle.digest) for number, line in enumerate(lines, 1) if line)
    return tuple(record for record in records if record is not None)


def _line(record: EvidenceRecord) -> bytes:
    value = record.model_dump(mode="json", by_alias=True)
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


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


def _record(path: Path, number: int, line: bytes, digest: str) -> EvidenceRecord | None:
    """One line's record; None if it speaks of another bundle."""
    try:
        value: Json = json.loads(line)
        if not isinstance(value, dict):
            raise TypeError("not a JSON object")
        if value.get("bundle") != digest:
            return None
        if value.get("schema") != _SCHEMA:
            raise ValueError(f"schema version {value.get('schema')!r:.60}; edgebuild {__version__} reads {_SCHEMA}")
        return EvidenceRecord.model_validate(value)
    except (ValueError, TypeError, RecursionError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else f"{error!s:.200}"
        fix = f"remove line {number}, and measure again what it held"
        raise BundleError(str(path), f"line {number} is no evidence: {said}", fix=fix) from error
