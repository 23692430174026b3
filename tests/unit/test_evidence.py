"""Evidence: appended whole, read warily."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError
from store_samples import FILES, manifest_for

from edgebuild.core.artifact import Quality
from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import BuildError, BundleError
from edgebuild.core.evidence import EvidenceRecord, VariantQuality, record_of
from edgebuild.core.measurement import Basis, Measurement, MeasurementKey, Run
from edgebuild.core.metric import Mode
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.store.bundle import Bundle, write_bundle
from edgebuild.store.evidence import append, evidence_path, read_evidence

AT = "2026-01-02T03:04:05+00:00"
OTHER = digest_bytes(b"another bundle")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_bundle(tmp_path / "b", FILES, manifest_for(FILES))


def measurement(digest: str, count: int = 3) -> Measurement:
    key = MeasurementKey(
        bundle=digest,
        part="model",
        precision="int8",
        model=digest_bytes(b"model"),
        signature="serving_default",
        workload="back_to_back",
        device="here",
        threads=1,
        basis=Basis.DEVICE,
    )
    return Measurement(key=key, runs=(Run(mode=Mode.LATENCY, samples_ns=tuple(range(count)), started_at=AT),))


def quality(number: int = 1) -> VariantQuality:
    return VariantQuality(
        precision="int8", quality=Quality(metric="top1", dataset=OTHER, samples=number, value=0.1 + 0.2)
    )


def test_all_three_kinds_come_back_as_they_were(bundle: Bundle) -> None:
    verdict = Verdict(outcome=Outcome.INCONCLUSIVE, lines=(), bundle=bundle.digest, rule=1)
    payloads = (measurement(bundle.digest), quality(), verdict)
    records = tuple(record_of(bundle.digest, payload, AT, {"onnxruntime": "1"}) for payload in payloads)
    for record in records:
        append(bundle, record)
    assert read_evidence(bundle) == records
    assert [record.kind for record in records] == ["measurement", "quality", "verdict"]
    assert evidence_path(bundle).name == "b.evidence.jsonl"


def test_no_evidence_yet(bundle: Bundle) -> None:
    assert read_evidence(bundle) == ()


def test_a_record_must_be_about_one_bundle(bundle: Bundle) -> None:
    with pytest.raises(ValidationError, match="holds evidence about"):
        record_of(bundle.digest, measurement(OTHER), AT)
    with pytest.raises(ValidationError, match="payload of a quality"):
        EvidenceRecord(kind="verdict", bundle=OTHER, at=AT, payload=quality())
    with pytest.raises(BundleError, match="offered to"):
        append(bundle, record_of(OTHER, quality(), AT))
    assert not evidence_path(bundle).exists()


def test_records_of_a_bundle_that_was_here_before_are_passed_over(bundle: Bundle) -> None:
    append(bundle, record_of(bundle.digest, quality(1), AT))
    new = write_bundle(bundle.path, FILES, manifest_for(FILES, name="new"))
    append(new, record_of(new.digest, quality(2), AT))
    assert [record.bundle for record in read_evidence(new)] == [new.digest]
    assert [record.bundle for record in read_evidence(bundle)] == [bundle.digest]


def test_torn_last_line_is_passed_over_and_repaired_at_every_length(bundle: Bundle) -> None:
    append(bundle, record_of(bundle.digest, quality(1), AT))
    first = evidence_path(bundle).read_bytes()
    append(bundle, record_of(bundle.digest, quality(2), AT))
    both = evidence_path(bundle).read_bytes()
    third = record_of(bundle.digest, quality(3), AT)
    for length in (*range(len(first), len(both), 29), len(both) - 1):
        evidence_path(bundle).write_bytes(both[:length])
        assert len(read_evidence(bundle)) == 1
        append(bundle, third)
        assert read_evidence(bundle) == (record_of(bundle.digest, quality(1), AT), third)


def test_torn_line_longer_than_a_block_is_cut_off(bundle: Bundle) -> None:
    record = record_of(bundle.digest, quality(), AT)
    append(bundle, record)
    with evidence_path(bundle).open("ab") as file:
        file.write(b"\0" * 200_000)
    append(bundle, record)
    assert read_evidence(bundle) == (record, record)


def test_broken_line_in_the_middle_is_named(bundle: Bundle) -> None:
    append(bundle, record_of(bundle.digest, quality(), AT))
    good = evidence_path(bundle).read_bytes()
    for bad in (
        b"nonsense",
        b"[]",
        b'{"bundle"',
        b"\xff\xfe",
        b"[" * 100_000,
        good.replace(b'"samples":1', b'"samples":0'),
    ):
        evidence_path(bundle).write_bytes(good + bad.rstrip() + b"\n" + good)
        with pytest.raises(BundleError, match=r"line 2 is no evidence: .*\n  to fix: remove line 2, and measure again"):
            read_evidence(bundle)
    evidence_path(bundle).write_bytes(good.replace(b'"schema":1', b'"schema":7'))
    with pytest.raises(BundleError, match=r"schema version 7; edgebuild 0.* reads 1"):
        read_evidence(bundle)


def test_many_writers_lose_nothing(bundle: Bundle) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: append(bundle, record_of(bundle.digest, quality(n), AT)), range(1, 41)))
    found = [
        record.payload.quality.samples for record in read_evidence(bundle) if isinstance(record.payload, VariantQuality)
    ]
    assert sorted(found) == list(range(1, 41))


def test_full_disk_adds_nothing(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    append(bundle, record_of(bundle.digest, quality(1), AT))
    before = evidence_path(bundle).read_bytes()
    real = os.write

    def half(descriptor: int, data: bytes) -> int:
        if len(data) < 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[: len(data) // 2])

    monkeypatch.setattr("edgebuild.store.files.os.write", half)
    with pytest.raises(BuildError, match="no space left"):
        append(bundle, record_of(bundle.digest, quality(2), AT))
    assert evidence_path(bundle).read_bytes() == before
