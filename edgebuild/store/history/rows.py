"""A record of evidence as the rows that queries go by."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edgebuild.core.artifact import Manifest
from edgebuild.core.digest import Digest
from edgebuild.core.evidence import VariantQuality
from edgebuild.core.measurement import Measurement, MeasurementKey, Run
from edgebuild.core.verdict import Verdict
from edgebuild.store.history.lines import Stored, moment_of

Values = Callable[[Run], Mapping[str, float]]
"""What a run says of each metric: judging it is not this floor's business, so it is handed in."""
Row = dict[str, object]
_EXACT = 2.0**53
_CONDITIONS = ("workload", "threads", "affinity", "delegate", "compute", "basis")


@dataclass
class _Told:
    """What some runs under one key say of one metric."""

    record_id: int
    moments: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


@dataclass
class Rows:
    """Rows to insert, by table; records are given in the order of their numbers."""

    runs: list[Row] = field(default_factory=list)
    facts: list[Row] = field(default_factory=list)
    verdicts: list[Row] = field(default_factory=list)
    _told: dict[tuple[int, str], _Told] = field(default_factory=dict)

    @property
    def told(self) -> list[Row]:
        """What runs say, a row for each key and metric."""
        return [
            {
                "key_id": key_id, "metric": metric, "record_id": each.record_id, "said": _text(each.values),
                "first_run": min(each.moments), "last_run": max(each.moments),
            }
            for (key_id, metric), each in self._told.items()
        ]  # fmt: skip

    def add(self, found: Stored, record_id: int, bundle_id: int, key_id: int | None, values: Values) -> None:
        """The rows of one record; ``key_id``: of a measurement's key."""
        payload, at = found.record.payload, found.record.at
        named: Row = {"record_id": record_id, "bundle_id": bundle_id}
        if isinstance(payload, Measurement):
            assert key_id is not None
            for number, run in enumerate(payload.runs):
                self._add_run(run, {"record_id": record_id, "key_id": key_id, "number": number}, at, values)
        elif isinstance(payload, VariantQuality):
            drop = _drop(payload.quality.float_value, payload.quality.value)
            of = named | {"part": payload.part, "precision": payload.precision, "device": payload.device}
            self.facts += [of | fact for fact in drop]
        elif isinstance(payload, Verdict) and payload.precision is not None:
            of = {"part": payload.part, "precision": payload.precision, "outcome": payload.outcome.value}
            device = payload.key.device if payload.key else ""
            self.verdicts.append(named | of | {"device": device, "moment": moment_of(at)})

    def _add_run(self, run: Run, named: dict[str, int], at: str, values: Values) -> None:
        moment = moment_of(run.started_at or at)
        said = {name: real for name, value in values(run).items() if (real := _real(value)) is not None}
        self.runs.append(
            named | {
                "mode": run.mode.value, "moment": moment, "steady": run.steady, "outside": bool(run.outside),
                "pair": run.pair, "side": run.side, "told": _text(said),
            }
        )  # fmt: skip
        for metric, value in said.items() if not run.outside else ():
            told = self._told.setdefault((named["key_id"], metric), _Told(named["record_id"]))
            told.moments.append(moment)
            told.values.append(value)


def key_row(key: MeasurementKey, digest: Digest, bundle_id: int) -> Row:
    """A key with its digest, by which it is found."""
    return {
        "digest": digest, "bundle_id": bundle_id, "part": key.part, "precision": key.precision,
        "device": key.device, "workload": key.workload, "toolchain": _text(key.toolchain),
        "conditions": _text(key.model_dump(mode="json", include=set(_CONDITIONS))),
    }  # fmt: skip


def bundle_row(manifest: Manifest, digest: Digest) -> Row:
    """A bundle."""
    return {"digest": digest, "name": manifest.name, "target": manifest.target, "profile": manifest.profile}


def manifest_facts(manifest: Manifest, bundle_id: int) -> list[Row]:
    """What a manifest says of each variant: its size, and what it lost against float. Of alike ones the first."""
    found: dict[tuple[str, str, str], Row] = {}
    for part in manifest.parts:
        for variant in part.variants:
            quality = variant.quality
            said: list[Row] = [{"metric": "model_size", "value": _real(variant.size) or 0.0}]
            said += _drop(quality.float_value, quality.value) if quality else []
            for fact in said:
                named = {"part": part.name, "precision": variant.precision, "device": "", "record_id": 0}
                key = (part.name, variant.precision, str(fact["metric"]))
                found.setdefault(key, {"bundle_id": bundle_id, **named, **fact})
    return list(found.values())


def _drop(float_value: float | None, value: float | None) -> list[Row]:
    if float_value is None or value is None:
        return []
    return [{"metric": "accuracy_drop", "value": float_value - value}]


def _real(value: float) -> float | None:
    """A number as it is stored: whole ones as such, which are quicker to read; None if it is out of all bounds."""
    try:
        real = float(value)
    except OverflowError:
        return None
    return int(real) if real.is_integer() and abs(real) < _EXACT else real


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
