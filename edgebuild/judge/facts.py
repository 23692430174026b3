"""What a verdict is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgebuild.core.artifact import Compilation, Quality
from edgebuild.core.digest import Digest
from edgebuild.core.measurement import Basis, Run
from edgebuild.core.metric import Budget, Kind
from edgebuild.judge.pairs import Pair, changes, counting, pairs_of
from edgebuild.judge.runs import values_of


@dataclass(frozen=True)
class Facts:
    """What is known of one variant of a bundle.

    Attributes:
        runs: all made under equal keys.
        size: bytes of the model's files.
        is_float: a float variant of a model that was not compressed is its own twin and loses nothing.
        compilation: what the target's compiler made of the variant; None where it has none.
        baseline: another bundle's runs, under a key that differs only in what is run; None: there is none.
    """

    bundle: Digest
    runs: Sequence[Run]
    basis: Basis
    size: int
    quality: Quality | None
    is_float: bool = False
    baseline: Sequence[Run] | None = None
    compilation: Compilation | None = None

    @property
    def pairs(self) -> list[Pair]:
        """The pairs of runs that count."""
        return counting(pairs_of(self.runs, self.baseline or ()))


def is_median(budget: Budget) -> bool:
    """Whether a budget is on the median over runs or pairs."""
    return budget.definition.mode is not None and budget.definition.kind is Kind.SAMPLED


def counting_runs(budget: Budget, facts: Facts) -> list[Run]:
    """The runs that a budget that is no change stands on."""
    return [run for run in facts.runs if run.mode is budget.definition.mode and not run.outside]


def values_for(budget: Budget, facts: Facts) -> list[float]:
    """What a budget on a median stands on, in the order it was found: of runs, or of pairs in percent."""
    metric = budget.definition
    return changes(metric, facts.pairs) if metric.change else values_of(metric, counting_runs(budget, facts))
