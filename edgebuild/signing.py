"""Signing a bundle and its evidence.

A signature is one more record of evidence. It covers the bundle's digest, and so every file through the manifest, and
every byte of evidence before it; and it is written in one way only, so that no byte of its own line can be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgebuild import __version__
from edgebuild.bench.bench import now
from edgebuild.core.digest import digest_bytes
from edgebuild.core.envelope import (
    PAYLOAD_TYPE,
    Envelope,
    EnvelopeSignature,
    SignedBundle,
    Statement,
    as_base64,
    as_json,
    signed_bytes,
    subjects,
)
from edgebuild.core.errors import BundleError
from edgebuild.core.evidence import record_of
from edgebuild.rejudging import rejudge, verdict_check
from edgebuild.signatures import last_signer, signature_check
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import Evidence, append, evidence_path, open_evidence
from edgebuild.store.keys import PublicKey, SigningKey


@dataclass(frozen=True)
class Signing:
    """What was signed: by which key, with how many records of evidence, and whether it was signed so already."""

    bundle: Bundle
    key: PublicKey
    records: int
    already: bool


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
    for check in (verdict_check(rejudge(bundle, whole.records)), signature_check(bundle, whole)):
        if check.state == "broken":
            found = f"will not be signed: {check.name}: {check.why}"
            raise BundleError(str(evidence_path(bundle)), found, fix="see `edgebuild verify`; nothing was signed")
    return whole


def _signed(bundle: Bundle, evidence: Evidence, key: SigningKey) -> Signing:
    records = len(evidence.records)
    if last_signer(bundle, evidence) == key.public.raw:
        return Signing(bundle, key.public, records - 1, already=True)
    before, at, tools = evidence.whole, now(), {"edgebuild": __version__}
    said = SignedBundle(at=at, tools=tools, evidence_bytes=len(before), public_key=as_base64(key.public.raw))
    statement = Statement(subject=subjects(bundle.digest, digest_bytes(before)), predicate=said)
    payload = as_json(statement.model_dump(mode="json", by_alias=True))
    signature = key.sign(signed_bytes(PAYLOAD_TYPE, payload))
    made = EnvelopeSignature(keyid=key.public.id, sig=as_base64(signature))
    envelope = Envelope(payload=as_base64(payload), payload_type=PAYLOAD_TYPE, signatures=(made,))
    append(bundle, record_of(bundle.digest, envelope, at, tools), after=digest_bytes(before))
    return Signing(bundle, key.public, records, already=False)
