"""Bundles, runs and records that the tests and scripts of the history are made from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from store_samples import FILES, manifest_for

from edgebuild.core.artifact import Precision
from edgebuild.core.digest import digest_bytes
from edgebuild.core.evidence import Payload, record_of
from edgebuild.core.measurement import Basis, Measurement, MeasurementKey, Memory, Run
from edgebuild.core.metric import Mode
from edgebuild.core.release import Release
from edgebuild.core.verdict import Outcome
from edgebuild.store.history.lines import BundleLine, Stored, stored
from edgebuild.store.manifest import manifest_bytes

START = dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC)
DEVICE = "local/x86_64/Some Processor 9000"
TARGET = "host-onnxruntime"


def day(number: int) -> str:
    """The moment of a day's measurements."""
    return (START + dt.timedelta(days=number)).isoformat()


def bundle_line(number: int, name: str = "digits", target: str = TARGET) -> BundleLine:
    """One of a model's bundles; no two numbers give the same."""
    lineage = {"edgebuild": "0.1.0", "model": digest_bytes(b"%d" % number), "project": digest_bytes(b"p")}
    data = manifest_bytes(manifest_for(FILES, name=name, target=target, lineage=lineage))
    return BundleLine(digest=digest_bytes(data), manifest=data.decode())


def key_of(bundle: str, precision: Precision = "float32", **changes: object) -> MeasurementKey:
    """What a bundle's latency runs are filed under."""
    key = MeasurementKey(
        bundle=bundle, part="model", precision=precision, model=digest_bytes(b"model"), signature="s",
        workload="back_to_back", device=DEVICE, threads=1, toolchain={"runtime": "1.2"}, basis=Basis.DEVICE,
    )  # fmt: skip
    return key.model_copy(update=changes)


def latency_run(samples_ns: Sequence[int], at: str, **changes: object) -> Run:
    """A run of timed inferences."""
    run = Run(mode=Mode.LATENCY, samples_ns=tuple(samples_ns), load_ns=5_000_000, first_ns=3_000_000, started_at=at)
    return run.model_copy(update=changes)


def memory_run(vm_hwm: int, at: str) -> Run:
    """A run that tells its memory."""
    return Run(mode=Mode.MEMORY, memory=Memory(vm_hwm=vm_hwm, floor=50_000_000), started_at=at)


def evidence(bundle: str, payload: Payload, at: str) -> Stored:
    """A record of it."""
    return stored(record_of(bundle, payload, at, {"edgebuild": "0.1.0"}))


def measured(bundle: str, runs: Sequence[Run], at: str, key: MeasurementKey | None = None) -> Iterator[Stored]:
    """A record a run."""
    filed = key or key_of(bundle)
    for run in runs:
        yield evidence(bundle, Measurement(key=filed.of_mode(run.mode), runs=(run,)), at)


def release(bundle: str, at: str, outcome: Outcome = Outcome.PASS, **changes: object) -> Release:
    """How a release of a bundle ended."""
    made = Release(
        bundle=bundle,
        part="model",
        precision="float32",
        device=DEVICE,
        outcome=outcome,
        at=at,
        machine="here",
        path="/b",
    )
    return made.model_copy(update=changes)
