"""Without labels: samples against what the model's first batch normalization remembers. A suspicion, never a proof."""

from __future__ import annotations

from edgebuild.core.input_check import Suspicion
from edgebuild.inputcheck.case import Case, Trial, mending

FITS = 0.15
"""Nats a channel up to which samples look like what the model was trained on."""
STRANGE = 0.4
"""Nats from which on they don't; between the two nothing is said."""
NEARER = 0.35
"""Share of the declared distance that another declaration must get below to be suspected."""
_EQUAL = 1.3


def remembered(case: Case) -> tuple[Suspicion | None, float | None]:
    """What is suspected, and how far the declared inputs are from what the model remembers, if it does."""
    norm = case.norm
    if norm is None:
        return None, None
    distance = norm.distance(case.prepared(case.few))
    if distance < STRANGE:
        return None, distance
    tried = [(trial, norm.distance(case.prepared(case.few, trial))) for trial in case.trials()]
    least = min((other for _, other in tried), default=distance)
    told = f"first batch normalization: {distance:.2g} nats a channel from its stored statistics"
    if least > NEARER * distance:
        return _strange(case, told), distance
    trial, other = next(one for one in tried if one[1] <= _EQUAL * least + 0.02)
    return _suspicion(case, trial, f"{told}; {other:.2g} otherwise ({len(case.few)} samples)"), distance


def _strange(case: Case, told: str) -> Suspicion:
    return Suspicion(
        input=next(iter(case.specs)), kinds=("mean and deviation", "scale"), certainty="suspected",
        found="these samples are unlike what the model was trained on, and no known declaration brings them nearer",
        evidence=told, fix="compare the pre steps with what the model was trained with",
    )  # fmt: skip


def _suspicion(case: Case, trial: Trial, evidence: str) -> Suspicion:
    return Suspicion(
        input=trial.input, kinds=(trial.alternative.kind,), certainty="suspected",
        found=f"the samples look more like what the model was trained on with {trial.alternative.words}",
        evidence=evidence, declaration=mending(case, trial), fix=trial.alternative.fix,
    )  # fmt: skip
