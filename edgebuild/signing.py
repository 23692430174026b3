"""Signing a bundle and its evidence, and telling whether both are still what somebody signed.

A signature is one more record of evidence. It covers the bundle's digest, and so every file through the manifest, and
every byte of evidence before it; and it is written in one way only, so that no byte of its own line can be changed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from edgebuild import __version__
from edgebuild.bench.bench import now
from edgebuild.checks import Check
from edgebuild.core.digest import Digest, Json, digest_bytes
from edgebuild.core.envelope import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Envelope,
    EnvelopeSignature,
    SignedBundle,
    Statement,
    signed_bytes,
    subjects,
)
from edgebuild.core.errors import BundleError
from edgebuild.core.evidence import record_of
from edgebuild.core.extras import not_installed
from edgebuild.rejudging import rejudge, verdict_check
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import Evidence, Line, append, evidence_path, open_evidence
from edgebuild.store.keys import PublicKey, SigningKey, short_id

_KIND = b'"kind":"signature"'
_EDITED = "its own bytes were changed"
_UNREADABLE = f"it is signed in a way that edgebuild {__version__} does not read: update edgebuild"


@dataclass(frozen=True)
class Signing:
    """What was signed: by which key, with how many records of evidence, and whether it was signed so already."""

    bundle: Bundle
    key: PublicKey
    records: int
    already: bool


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


class _Unreadable(Exception):
    """A signature of a later version."""


def sign(bundles: Sequence[Bundle], key: SigningKey) -> list[Signing]:
    """Sign bundles with all the evidence that there is beside each; the last signature is not made twice.

    Raises:
        BundleError: one is broken, or a verdict of it does not come from its evidence: then none is signed.
        ConfigError: evidence was added meanwhile, or can't be written to.
    """
    ready = [(bundle, _fit_to_sign(bundle)) for bundle in bundles]
    return [_signed(bundle, evidence, key) for bundle, evidence in ready]


def _fit_to_sign(bundle: Bundle) -> Evidence:
    if problems := bundle.check():
        raise BundleError(str(bundle.path), "; ".join(problems), fix="build it again; nothing was signed")
    evidence = open_evidence(bundle)
    whole = Evidence(evidence.whole, evidence.lines)  # a torn last line goes when the signature is added
    for check in (verdict_check(rejudge(bundle, evidence.records)), signature_check(bundle, whole)):
        if check.state == "broken":
            found = f"will not be signed: {check.name}: {check.why}"
            raise BundleError(str(evidence_path(bundle)), found, fix="see `edgebuild verify`; nothing was signed")
    return evidence


def _signed(bundle: Bundle, evidence: Evidence, key: SigningKey) -> Signing:
    records = len(evidence.records)
    last = evidence.lines[-1] if evidence.lines else None
    if last is not None and _is_signature(last):
        held = _held(bundle, evidence, last, [key.public])
        if not held.problem and held.key is not None and held.key.raw == key.public.raw:
            return Signing(bundle, key.public, records - 1, already=True)
    before, at, tools = evidence.whole, now(), {"edgebuild": __version__}
    said = SignedBundle(at=at, tools=tools, evidence_bytes=len(before), public_key=_text(key.public.raw))
    statement = Statement(subject=subjects(bundle.digest, digest_bytes(before)), predicate=said)
    payload = _canonical(statement.model_dump(mode="json", by_alias=True))
    signature = key.sign(signed_bytes(PAYLOAD_TYPE, payload))
    made = EnvelopeSignature(keyid=key.public.id, sig=_text(signature))
    envelope = Envelope(payload=_text(payload), payload_type=PAYLOAD_TYPE, signatures=(made,))
    append(bundle, record_of(bundle.digest, envelope, at, tools), after=digest_bytes(before))
    return Signing(bundle, key.public, records, already=False)


def signature_check(bundle: Bundle, evidence: Evidence, trusted: Sequence[PublicKey] = ()) -> Check:
    """Whether a bundle and its evidence are what one of the trusted keys signed.

    *ok* only by a trusted key. *broken* if any signature of the bundle's does not hold, or none is a trusted key's;
    *not checked* if it is not signed, or there is no key to hold a signature against.
    """
    signatures = [line for line in evidence.lines if _is_signature(line)]
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


def _judged(bundle: Bundle, evidence: Evidence, signatures: Sequence[Line], trusted: Sequence[PublicKey]) -> Check:
    held = [_held(bundle, evidence, line, trusted) for line in signatures]
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


def _held(bundle: Bundle, evidence: Evidence, line: Line, trusted: Sequence[PublicKey]) -> _Held:
    """One signature held against the bundle and the bytes before it, by the key that it names itself.

    Raises:
        _Unreadable: it is one of another version, as far as can be told.
    """
    assert line.record is not None
    assert isinstance(line.record.payload, Envelope)
    envelope, payload = line.record.payload, _bytes(line.record.payload.payload)
    made = _bytes(envelope.signatures[0].sig) if len(envelope.signatures) == 1 else None
    if payload is None or made is None:
        return _Held(_EDITED)
    message = signed_bytes(envelope.payload_type, payload)
    if _is_of_another_version(envelope.payload_type, payload):
        if trusted and not any(key.accepts(made, message) for key in trusted):
            return _Held(f"{_EDITED}, or none of the keys given made it")
        raise _Unreadable
    statement = _statement(payload)
    raw = _bytes(statement.predicate.public_key) if statement is not None else None
    if statement is None or raw is None or not (key := PublicKey(raw)).accepts(made, message):
        return _Held(_EDITED)
    said, before = statement.predicate, evidence.data[: line.start]
    if statement.subject != subjects(bundle.digest, digest_bytes(before)) or said.evidence_bytes != len(before):
        return _Held(_changed(bundle, statement, len(before)), key)
    if evidence.data[line.start : line.end] != _line(bundle.digest, envelope, said, key):
        return _Held(_EDITED, key)
    return _Held("", key, sum(each.record is not None and each.start < line.start for each in evidence.lines))


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
    return _canonical(value) + b"\n"


def _canonical(value: Json) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _is_signature(line: Line) -> bool:
    return line.record is not None and isinstance(line.record.payload, Envelope)


def _is_ours(bundle: Bundle, line: bytes) -> bool:
    """Whether a line that names another bundle is a signature of this one: then that name was edited."""
    if _KIND not in line:
        return False
    try:
        payload = _bytes(json.loads(line)["payload"]["payload"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return payload is not None and bundle.digest.encode() in payload


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes | None:
    """The bytes of base64 as ``_text`` writes it; None for anything else, such as other bits behind the last byte."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _text(data) == text else None


def _broken(why: str) -> Check:
    return Check("signature", "broken", why)
