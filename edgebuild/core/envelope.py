"""Signed statements: a DSSE envelope around an in-toto statement of what was signed.

Both are formats that other tools read: https://github.com/secure-systems-lab/dsse (version 1) and
https://github.com/in-toto/attestation (Statement, version 1).
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Literal

from pydantic import Field

from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest, Json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:edgebuild:signed-bundle:1"

_Base64 = Annotated[str, Field(max_length=1 << 20)]


class EnvelopeSignature(Frozen):
    """One key's signature; ``sig`` is base64."""

    keyid: str = Field(max_length=200)
    sig: _Base64


class Envelope(Frozen):
    """What was signed and by which keys, whatever its version: only who checks it reads what is inside.

    Attributes:
        payload: the bytes that were signed, in base64.
        payload_type: what they are; it is signed with them.
    """

    payload: _Base64
    payload_type: str = Field(validation_alias="payloadType", serialization_alias="payloadType", max_length=200)
    signatures: tuple[EnvelopeSignature, ...] = Field(max_length=100)

    model_config = Frozen.model_config | {"populate_by_name": True}


def signed_bytes(payload_type: str, payload: bytes) -> bytes:
    """What a key signs: DSSE's pre-authentication encoding, which no other protocol's messages look like."""
    kind = payload_type.encode(errors="surrogatepass")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


class Named(Frozen):
    """Something by its sha256."""

    name: str
    digest: dict[Literal["sha256"], Digest]


class SignedBundle(Frozen):
    """What is said of a bundle and its evidence.

    Attributes:
        at: when it was signed, ISO 8601 with an offset.
        tools: the versions that signed it.
        evidence_bytes: how many bytes of evidence there were, from the file's beginning.
        public_key: the signer's, its 32 bytes in base64. It lets edits be found by whoever does not have the key; only
            who has it from elsewhere knows whose it is.
    """

    at: str = Field(min_length=1)
    tools: dict[str, str]
    evidence_bytes: int = Field(validation_alias="evidenceBytes", serialization_alias="evidenceBytes", ge=0)
    public_key: str = Field(validation_alias="publicKey", serialization_alias="publicKey")

    model_config = Frozen.model_config | {"populate_by_name": True}


class Statement(Frozen):
    """An in-toto statement about a bundle, by its manifest, and the evidence that there was beside it."""

    type: str = Field(validation_alias="_type", serialization_alias="_type", default=STATEMENT_TYPE)
    subject: tuple[Named, ...]
    predicate_type: str = Field(
        validation_alias="predicateType", serialization_alias="predicateType", default=PREDICATE_TYPE
    )
    predicate: SignedBundle

    model_config = Frozen.model_config | {"populate_by_name": True}


def subjects(bundle: Digest, evidence: Digest) -> tuple[Named, ...]:
    """What a statement is about: a bundle, which its manifest is, and the beginning of its evidence."""
    return (
        Named(name="manifest.json", digest={"sha256": bundle}),
        Named(name="evidence.jsonl", digest={"sha256": evidence}),
    )


def as_base64(data: bytes) -> str:
    """Bytes in base64, with padding."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes | None:
    """The bytes of base64 as ``as_base64`` writes it; None for anything else, even for unused bits that are set."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if as_base64(data) == text else None


def as_json(value: Json) -> bytes:
    """JSON in ASCII with sorted keys and no spaces: how statements and lines of evidence are written."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
