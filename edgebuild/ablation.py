"""What inputs are worth that may be missing: the model without each, and with each alone."""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.core.artifact import Quality
from edgebuild.core.intervals import mcnemar
from edgebuild.core.signature import Role, Signature
from edgebuild.models.samples import Samples


@dataclass(frozen=True)
class Gain:
    """What a model with all its inputs has right that it has not with fewer, on the same samples.

    Attributes:
        won, lost: samples that only the one, or only the other, has right.
        p: of McNemar's exact test, one-sided: so many won, or more, where neither is better.
    """

    won: int
    lost: int
    p: float


@dataclass(frozen=True)
class Ablated:
    """A variant's score with some inputs missing, against float's with the same ones missing.

    Attributes:
        missing: the inputs' names.
        gain: of all inputs over these; None for a metric that does not count samples.
    """

    missing: tuple[str, ...]
    quality: Quality
    gain: Gain | None


def ablations(signature: Signature, samples: Samples) -> tuple[tuple[str, ...], ...]:
    """Which inputs to leave out: each that may be missing, and all but one, where the others may.

    State is no modality, and what the samples lack already can't be left out.
    """
    data = [spec.name for spec in signature.inputs if spec.role is Role.DATA and spec.name in samples.inputs]
    optional = {spec.name for spec in signature.inputs if spec.absent is not None}
    one = [(name,) for name in data if name in optional]
    alone = [tuple(other for other in data if other != name) for name in data]
    chosen = [*one, *(names for names in alone if set(names) <= optional)]
    return tuple(dict.fromkeys(names for names in chosen if 0 < len(names) < len(data)))


def gain(quality: Quality) -> Gain | None:
    """From a paired quality of all inputs, with fewer as the twin."""
    if quality.won is None or quality.lost is None:
        return None
    return Gain(quality.won, quality.lost, mcnemar(quality.won, quality.lost))
