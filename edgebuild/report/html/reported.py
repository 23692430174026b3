"""What a page is told of a bundle: its evidence, and which of it the verdict stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgebuild.core.errors import EdgebuildError
from edgebuild.core.evidence import Ablation, EvidenceRecord, Payload, runs_under
from edgebuild.core.layers import LayerTimes
from edgebuild.core.measurement import Measurement, MeasurementKey, Run
from edgebuild.core.metric import Mode
from edgebuild.core.verdict import Verdict
from edgebuild.published import PublishedRow, published_beside
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import read_evidence
from edgebuild.verification import Check


@dataclass(frozen=True)
class Reported:
    """A bundle and what was found out about it; or a target that none was built for.

    Attributes:
        name: of the bundle's folder, or of the target.
        verdict: None: none was given.
        judged_at: when it was, by its record; "" if it has none.
        error: what kept it from a bundle or a verdict.
        published: what others published of the target and a model of that name.
    """

    name: str
    bundle: Bundle | None = None
    records: tuple[EvidenceRecord, ...] = ()
    verdict: Verdict | None = None
    judged_at: str = ""
    checks: tuple[Check, ...] = ()
    error: EdgebuildError | None = None
    published: tuple[PublishedRow, ...] = ()

    @property
    def payloads(self) -> list[Payload]:
        """All that was found, in order."""
        return [record.payload for record in self.records]

    @property
    def standing(self) -> list[Payload]:
        """What the verdict's runs stand on: the records that were there, without those before it began anew."""
        return self.payloads[self.verdict.since : self.verdict.records] if self.verdict else self.payloads

    @property
    def key(self) -> MeasurementKey | None:
        """What the verdict's runs were filed under, as latency runs; without one, the latest there are."""
        if self.verdict is not None and self.verdict.key is not None:
            return self.verdict.key
        found = [each.key for each in self.payloads if isinstance(each, Measurement)]
        return found[-1].of_mode(Mode.LATENCY) if found else None

    def runs(self, mode: Mode) -> list[Run]:
        """The runs of a mode that the verdict stands on."""
        return runs_under(self.standing, self.key.of_mode(mode)) if self.key else []

    def beside_published(self, root: Path) -> Reported:
        """The same with what others published, by the targets of a project's folder."""
        return replace(self, published=published_beside(self.bundle.manifest, root)) if self.bundle else self

    @property
    def layers(self) -> list[LayerTimes]:
        """The latest time per layer of each variant on each device."""
        latest = {
            (each.key.part, each.key.precision, each.key.device): each
            for each in self.payloads
            if isinstance(each, LayerTimes)
        }
        return list(latest.values())

    @property
    def ablations(self) -> list[Ablation]:
        """The latest score of each variant on each device without some inputs, the earliest found first."""
        latest = {
            (each.part, each.precision, each.device, each.missing): each
            for each in self.payloads
            if isinstance(each, Ablation)
        }
        return list(latest.values())


def reported_of(bundle: Bundle, verdict: Verdict | None = None, checks: Sequence[Check] = ()) -> Reported:
    """From the evidence beside a bundle.

    Args:
        verdict: default the latest that is recorded.

    Raises:
        BundleError: the evidence can't be read.
    """
    records = read_evidence(bundle)
    given = [record for record in records if isinstance(record.payload, Verdict)]
    latest = given[-1] if given else None
    own = latest if latest and verdict in (None, latest.payload) else None
    shown = verdict or (latest.payload if latest and isinstance(latest.payload, Verdict) else None)
    return Reported(bundle.path.name, bundle, records, shown, own.at if own else "", tuple(checks))
