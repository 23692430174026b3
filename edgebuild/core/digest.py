"""Digests: the identity of bytes and of values."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated

from pydantic import StringConstraints

from edgebuild.core.base import Frozen

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A sha256 in lower-case hexadecimal."""

Json = None | bool | int | float | str | list["Json"] | tuple["Json", ...] | dict[str, "Json"]


def digest_bytes(data: bytes) -> Digest:
    """The sha256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def digest_json(value: Json | Frozen) -> Digest:
    """The sha256 of a value's canonical JSON: sorted keys, no spaces, UTF-8."""
    if isinstance(value, Frozen):
        return digest_bytes(value.canonical_json())
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return digest_bytes(text.encode())
