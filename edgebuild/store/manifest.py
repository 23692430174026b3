"""``manifest.json`` as bytes: canonical, sealed against edits, and checked before it is believed."""

from __future__ import annotations

import json
from typing import NoReturn

from pydantic import ValidationError

from edgebuild import __version__
from edgebuild.core.artifact import Manifest
from edgebuild.core.digest import Json, digest_json
from edgebuild.core.errors import BundleError
from edgebuild.store.archive import AGAIN, Limits
from edgebuild.store.packing import MANIFEST

_SEAL = "seal"
_SCHEMA = 1


def manifest_bytes(manifest: Manifest) -> bytes:
    """The bytes of ``manifest.json``: sorted keys, one space of indent, and a seal over all other fields.

    The seal finds accidents and edits by hand; whoever means harm can make a new one. A bundle's identity is the
    digest of these bytes.
    """
    value: dict[str, Json] = manifest.model_dump(mode="json", by_alias=True)
    return _written(value | {_SEAL: digest_json(value)})


def parse_manifest(subject: str, data: bytes, limits: Limits) -> Manifest:
    """The manifest that some bytes say.

    Raises:
        BundleError: if they are too many, not JSON, of another schema version, edited, or say something impossible.
    """
    value = _read_json(subject, data, limits)
    version = value.get("schema")
    if version != _SCHEMA or isinstance(version, bool):
        found = f"{MANIFEST} is of schema version {version!r:.60}"
        expected = f"schema version {_SCHEMA}, which is what edgebuild {__version__} reads"
        raise BundleError(
            subject, found, expected=expected, fix="install the edgebuild that built it, or build it again"
        )
    fields = {name: field for name, field in value.items() if name != _SEAL}
    if not _is_sealed(value, fields, data):
        raise BundleError(subject, f"{MANIFEST} was edited after the bundle was built", fix=AGAIN)
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BundleError(subject, f"{MANIFEST}: {place}: {first['msg']}", fix=AGAIN) from error


def listed_names(data: bytes) -> tuple[str, ...]:
    """The files that a manifest lists, whatever its schema version or seal; none if that can't be told."""
    try:
        listed = json.loads(data)["files"]
        return tuple(str(file["name"]) for file in listed)
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()


def _is_sealed(value: dict[str, Json], fields: dict[str, Json], data: bytes) -> bool:
    try:
        return value.get(_SEAL) == digest_json(fields) and _written(value) == data
    except (UnicodeEncodeError, RecursionError):  # a lone surrogate; nested too deeply
        return False


def _read_json(subject: str, data: bytes, limits: Limits) -> dict[str, Json]:
    if len(data) > limits.manifest_bytes:
        most = f"at most {limits.manifest_bytes} bytes"
        raise BundleError(subject, f"{MANIFEST} has {len(data)} bytes", expected=most, fix=AGAIN)
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise BundleError(subject, f"{MANIFEST} is not UTF-8 text (byte {error.start})", fix=AGAIN) from error
    except RecursionError as error:
        raise BundleError(subject, f"{MANIFEST} is nested too deeply", fix=AGAIN) from error
    except ValueError as error:
        raise BundleError(subject, f"{MANIFEST} is not JSON: {error!s:.200}", fix=AGAIN) from error
    if not isinstance(value, dict):
        raise BundleError(subject, f"{MANIFEST} is not a JSON object", fix=AGAIN)
    return value


def _written(value: dict[str, Json]) -> bytes:
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=True)
    return text.encode() + b"\n"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
