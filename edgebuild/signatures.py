"""Telling whether a bundle and its evidence are still what somebody signed: the format is told in ``signing``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from edgebuild import __version__
from edgebuild.checks import Check
from edgebuild.core.digest import Digest, Json
from edgebuild.core.envelope import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Envelope,
    SignedBundle,
    Statement,
    as_json,
    from_base64,
    signed_bytes,
    subjects,
)
from edgebuild.core.extras import not_installed
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import Evidence, Line
from edgebuild.store.keys import PublicKey, short_id

_KIND = b'"kind":"signature"'
_EDITED = "its own bytes were changed"
_UNREADABLE = f"it is signed in a way that edgebuild {__version__} does not read: update edgebuild"


@dataclass(frozen=True)
class _Held:
    """What came of one signature.

    Attributes:
        problem: why it is broken, or nothing.
        key: who signed; None if it can't be told.
        records: how many of the bundle's records come before it.
    """

    problem: str = ""
    key: PublicKey | None = None
    records: int = 0


@dataclass(frozen=True)
class _Signature:
    """A signature's line, and what comes before it: the sha256 of the bytes, and how many of the bundle's records."""

    line: Line
    envelope: Envelope
    before: Digest
    records: int


class _Unreadable(Exception):
    """A signature of a later version."""


def signature_check(bundle: Bundle, evidence: Evidence, trusted: Sequence[PublicKey] = ()) -> Check:
    """Whether a bundle and its evidence are what one of the trusted keys signed.

    *ok* only by a trusted key. *broken* if any signature of the bundle's does not hold, or none is a trusted key's;
    *not checked* if it is not signed, or there is no key to hold a signature against.
    """
    signatures = _signatures(evidence)
    if _KIND in evidence.torn:
        return _broken("the end of its line is missing: sign it again")
    if any(line.record is None and _is_ours(bundle, evidence.data[line.start : line.end]) for line in evidence.lines):
        return _broken(_EDITED)
    if not signatures:
        return Check("signature", "not checked", "it is not signed")
    try:
        return _judged(bundle, evidence, signatures, trusted)
    except _Unreadable:
        return Check("signature", "not checked", _UNREADABLE)
    except ModuleNotFoundError as error:
        if (known := not_installed(error)) is None:
            raise
        return Check("signature", "not checked", f"{known.found}; {known.fix}")


def last_signer(bundle: Bundle, evidence: Evidence) -> bytes | None:
    """The key whose signature, which holds, is the last line of evidence; None if there is none such."""
    signatures = _signatures(evidence)
    if not signatures or signatures[-1].line is not evidence.lines[-1]:
        return None
    try:
        held = _held(bundle, evidence, signatures[-1], ())
    except _Unreadable:
        return None
    return None if held.problem or held.key is None else held.key.raw


def _judged(
    bundle: Bundle, evidence: Evidence, signatures: Sequence[_Signature], trusted: Sequence[PublicKey]
) -> Check:
    held = [_held(bundle, evidence, each, trusted) for each in signatures]
    problem = next((each.problem for each in held if each.problem), "")
    if problem:
        return _broken(problem)
    keys = {key.raw: key for key in trusted}
    ours = [each for each in held if each.key is not None and each.key.raw in keys]
    signers = ", ".join(dict.fromkeys(short_id(each.key.id) for each in held if each.key is not None))
    if not trusted:
        why = f"signed by key {signers}, and no key is given to hold it against: --key FILE"
        return Check("signature", "not checked", why)
    if not ours:
        return _broken(f"signed by key {signers}, which is not among those given")
    last = ours[-1]
    assert last.key is not None
    later = len(evidence.records) - last.records - 1
    source = keys[last.key.raw].source
    why = f"by key {short_id(last.key.id)} ({source}), with {last.records} records of evidence"
    return Check("signature", "ok", f"{why}; {later} later not signed by it" if later else why, signed=last.records)


def _held(bundle: Bundle, evidence: Evidence, signature: _Signature, trusted: Sequence[PublicKey]) -> _Held:
    """One signature held against the bundle and the bytes before it, by the key that it names itself.

    Raises:
        _Unreadable: it is one of another version, as far as can be told.
    """
    envelope, line = signature.envelope, signature.line
    payload = from_base64(envelope.payload)
    made = from_base64(envelope.signatures[0].sig) if len(envelope.signatures) == 1 else None
    if payload is None or made is None:
        return _Held(_EDITED)
    message = signed_bytes(envelope.payload_type, payload)
    if _is_of_another_version(envelope.payload_type, payload):
        if trusted and not any(key.accepts(made, message) for key in trusted):
            return _Held(f"{_EDITED}, or none of the keys given made it")
        raise _Unreadable
    statement = _statement(payload)
    raw = from_base64(statement.predicate.public_key) if statement is not None else None
    if statement is None or raw is None or not (key := PublicKey(raw)).accepts(made, message):
        return _Held(_EDITED)
    said = statement.predicate
    if statement.subject != subjects(bundle.digest, signature.before) or said.evidence_bytes != line.start:
        return _Held(_changed(bundle, statement, line.start), key)
    if evidence.data[line.start : line.end] != _line(bundle.digest, envelope, said, key):
        return _Held(_EDITED, key)
    return _Held("", key, signature.records)


def _is_of_another_version(payload_type: str, payload: bytes) -> bool:
    try:
        value: Json = json.loads(payload)
    except (ValueError, RecursionError):
        return payload_type != PAYLOAD_TYPE
    kinds = (value.get("_type"), value.get("predicateType")) if isinstance(value, dict) else ()
    return (payload_type, *kinds) != (PAYLOAD_TYPE, STATEMENT_TYPE, PREDICATE_TYPE)


def _statement(payload: bytes) -> Statement | None:
    try:
        return Statement.model_validate_json(payload)
    except ValidationError:
        return None


def _changed(bundle: Bundle, statement: Statement, size: int) -> str:
    digest = statement.subject[0].digest.get("sha256") if statement.subject else None
    if digest != bundle.digest:
        return "it is of another bundle"
    if statement.predicate.evidence_bytes != size:
        return f"there were {statement.predicate.evidence_bytes} bytes of evidence before it, and now there are {size}"
    return "evidence before it was changed"


def _line(bundle: Digest, envelope: Envelope, said: SignedBundle, key: PublicKey) -> bytes:
    """The one way in which a signature's line is written; versions to come must not change it."""
    payload: Json = {
        "payload": envelope.payload, "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": key.id, "sig": envelope.signatures[0].sig}],
    }  # fmt: skip
    value: Json = {
        "at": said.at, "bundle": bundle, "kind": "signature", "payload": payload, "schema": 1,
        "tools": {**said.tools},
    }  # fmt: skip
    return as_json(value) + b"\n"


def _signatures(evidence: Evidence) -> list[_Signature]:
    found, records, end, before = list[_Signature](), 0, 0, hashlib.sha256()
    view = memoryview(evidence.data)
    for line in evidence.lines:
        before.update(view[end : line.start])
        if line.record is not None and isinstance(envelope := line.record.payload, Envelope):
            found.append(_Signature(line, envelope, before.hexdigest(), records))
        before.update(view[line.start : line.end])
        end, records = line.end, records + (line.record is not None)
    return found


def _is_ours(bundle: Bundle, line: bytes) -> bool:
    """Whether a line that names another bundle is a signature of this one: then that name was edited."""
    if _KIND not in line:
        return False
    try:
        payload = from_base64(json.loads(line)["payload"]["payload"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return payload is not None and bundle.digest.encode() in payload


def _broken(why: str) -> Check:
    return Check("signature", "broken", why)
