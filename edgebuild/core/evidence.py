"""Evidence: what was found out about a bundle after it was made. Append-only; every record names its bundle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, model_validator

from edgebuild.core.artifact import Precision, Quality
from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest
from edgebuild.core.envelope import Envelope
from edgebuild.core.layers import LayerTimes
from edgebuild.core.measurement import Measurement, MeasurementKey, Run
from edgebuild.core.verdict import Verdict

EvidenceKind = Literal["measurement", "quality", "ablation", "verdict", "layers", "signature"]


class VariantQuality(Frozen):
    """The quality of one variant of a bundle's part, as scored on ``device`` (empty: where it was built)."""

    part: str = "model"
    precision: Precision
    device: str = ""
    quality: Quality


class Ablation(Frozen):
    """The quality of one variant with some of its inputs missing, as scored on ``device``.

    Attributes:
        missing: the inputs' names.
        quality: against float's with the same ones missing; of a compressed model, whose float is not there, alone.
        won, lost: samples that only all inputs, or only these fewer, have right; None for a metric that counts none.
    """

    part: str = "model"
    precision: Precision
    device: str
    missing: tuple[str, ...] = Field(min_length=1)
    quality: Quality
    won: int | None = None
    lost: int | None = None


Payload = Measurement | VariantQuality | Ablation | Verdict | LayerTimes | Envelope
_KINDS: dict[type[Frozen], EvidenceKind] = {
    Measurement: "measurement",
    VariantQuality: "quality",
    Ablation: "ablation",
    Verdict: "verdict",
    LayerTimes: "layers",
    Envelope: "signature",
}


class EvidenceRecord(Frozen):
    """One line of a bundle's evidence.

    Attributes:
        bundle: the digest of the bundle it speaks of.
        at: when it was found, ISO 8601 with an offset.
        payload: what was found; its type is named by ``kind``.
        tools: the versions that found it.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    kind: EvidenceKind
    bundle: Digest
    at: str = Field(min_length=1)
    payload: Payload
    tools: dict[str, str] = Field(default={})

    model_config = Frozen.model_config | {"populate_by_name": True}

    @model_validator(mode="after")
    def _speaks_of_one_bundle(self) -> EvidenceRecord:
        if self.kind != _KINDS[type(self.payload)]:
            raise ValueError(f"kind {self.kind!r} with the payload of a {_KINDS[type(self.payload)]}")
        named = _bundle_of(self.payload)
        if named not in (None, self.bundle):
            raise ValueError(f"a record of bundle {self.bundle[:12]} holds evidence about {named[:12]}")
        return self


def record_of(bundle: Digest, payload: Payload, at: str, tools: dict[str, str] | None = None) -> EvidenceRecord:
    """The record of one finding, its kind taken from the payload's type."""
    return EvidenceRecord(kind=_KINDS[type(payload)], bundle=bundle, at=at, payload=payload, tools=tools or {})


def runs_under(payloads: Iterable[Payload], *keys: MeasurementKey) -> list[Run]:
    """The runs among some findings that are filed under one of these keys, in the order they were made."""
    return [run for each in payloads if isinstance(each, Measurement) and each.key in keys for run in each.runs]


def _bundle_of(payload: Payload) -> str | None:
    if isinstance(payload, Measurement | LayerTimes):
        return payload.key.bundle
    return payload.bundle if isinstance(payload, Verdict) else None
