"""The check itself: certain faults first, then what labelled samples prove, then what the model's memory suspects."""

from __future__ import annotations

from collections.abc import Iterator

from edgebuild.core.input_check import InputReport, Suspicion
from edgebuild.inputcheck.case import Case
from edgebuild.inputcheck.evidence import constant_channels, out_of_scale, saturated
from edgebuild.inputcheck.labelled import Finding, named
from edgebuild.inputcheck.labels import of_other_samples, relabelled
from edgebuild.inputcheck.unlabelled import FITS, remembered
from edgebuild.inputcheck.vocabulary import out_of_vocabulary


def check(case: Case) -> InputReport:
    """Look for a reason to think that samples don't fit the model."""
    prepared = case.prepared(case.samples)
    certain = list(out_of_vocabulary(prepared, case.vocabulary))
    if certain:  # such samples can't be run
        return InputReport(samples=len(case.samples), suspicions=tuple(certain))
    for name, spec in case.specs.items():
        certain += constant_channels(name, spec, prepared[name])
    if not case.labelled:
        return InputReport(samples=len(case.samples), suspicions=(*certain, *_suspected(case)))
    finding = named(case)
    proven = relabelled(finding.own, case.rules, best=finding.best) or finding.suspicion
    others = [proven] if proven else _beside(case, finding)
    return InputReport(
        samples=len(case.samples), labelled=case.labelled, tried=finding.tried, score=finding.value,
        suspicions=(*certain, *others),
    )  # fmt: skip


def _suspected(case: Case) -> list[Suspicion]:
    """Without labels: what the model remembers; where it remembers nothing, what the samples show."""
    found, distance = remembered(case)
    if found is not None:
        return [found]
    return [] if distance is not None and distance < FITS else list(_shown(case))


def _beside(case: Case, finding: Finding) -> Iterator[Suspicion]:
    """Where labels prove no other declaration: all that is suspected of a model that guesses, else saturation only."""
    if finding.guessing:
        suspected = _suspected(case)
        others = of_other_samples(finding.own) if not suspected else None
        yield from (suspected if others is None else [others])
    else:
        yield from (one for one in _shown(case) if one.kinds == ("saturated",))


def _shown(case: Case) -> Iterator[Suspicion]:
    prepared = case.prepared(case.few)
    for name, spec in case.specs.items():
        yield from saturated(name, case.few.inputs[name])
        yield from out_of_scale(name, spec, prepared[name])
