"""What an export is made of, a JSON object a line; a file of it may come from anywhere, and is believed only so far."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, ValidationError

from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest, digest_bytes
from edgebuild.core.errors import BundleError
from edgebuild.core.evidence import EvidenceRecord
from edgebuild.core.release import Release
from edgebuild.store.archive import LIMITS
from edgebuild.store.evidence import line_of, record_on
from edgebuild.store.manifest import parse_manifest


class BundleLine(Frozen):
    """A bundle that later lines speak of: the text of its ``manifest.json``, whose digest is its identity."""

    schema_version: Literal[1] = Field(alias="schema", default=1)
    kind: Literal["bundle"] = "bundle"
    digest: Digest
    manifest: str

    model_config = Frozen.model_config | {"populate_by_name": True}


@dataclass(frozen=True)
class Stored:
    """A record of evidence with its canonical line, and that line's digest."""

    record: EvidenceRecord
    line: bytes
    digest: Digest


Entry = BundleLine | Stored | Release


def stored(record: EvidenceRecord) -> Stored:
    """A record as it is stored."""
    line = line_of(record)
    return Stored(record, line, digest_bytes(line))


def line_bytes(said: BundleLine | Release) -> bytes:
    """A bundle or a release as its line, without the newline."""
    value = said.model_dump(mode="json", by_alias=True)
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def entry_on(line: bytes) -> Entry:
    """What one line of an export, or of a bundle's evidence, says.

    Raises:
        ValueError: with a message fit for a user: it is none of these, or says something impossible.
    """
    if b"\\u0000" in line:
        raise ValueError("holds a NUL character")
    try:
        value = json.loads(line)
        if b"\\u" in line:
            json.dumps(value, ensure_ascii=False).encode()  # refuses half of a surrogate pair
        kind = value.get("kind") if isinstance(value, dict) else None
        if kind == "bundle":
            return _checked(BundleLine.model_validate(value))
        if kind == "release":
            release = Release.model_validate(value)
            moment_of(release.at)
            return release
        return _dated(stored(record_on(line)))
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from error
    except (TypeError, RecursionError) as error:
        raise ValueError("nested too deeply" if isinstance(error, RecursionError) else str(error)) from error


def _checked(line: BundleLine) -> BundleLine:
    data = line.manifest.encode()
    if digest_bytes(data) != line.digest:
        raise ValueError(f"its manifest is not that of bundle {line.digest[:12]}")
    try:
        parse_manifest("manifest", data, LIMITS)
    except BundleError as error:
        raise ValueError(error.found) from error
    return line


def _dated(found: Stored) -> Stored:
    moment_of(found.record.at)
    return found


def moment_of(at: str) -> int:
    """Microseconds since 1970 of a time in ISO 8601 with an offset.

    Raises:
        ValueError: it is no such time.
    """
    try:
        found = dt.datetime.fromisoformat(at)
    except ValueError as error:
        raise ValueError(f"{at[:40]!r} is no time in ISO 8601") from error
    if found.tzinfo is None:
        raise ValueError(f"{at[:40]!r} has no offset from UTC")
    return (found - _EPOCH) // dt.timedelta(microseconds=1)


def time_of(moment: int) -> str:
    """The time of a moment, in UTC, to the second."""
    return (_EPOCH + dt.timedelta(microseconds=moment)).isoformat(timespec="seconds")


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
