"""Which channels go in one step: allocated by what widths are predicted to cost, and held against what they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

from edgebuild.compress.allocate import Choice, allocate, least_important
from edgebuild.compress.costing import Costing
from edgebuild.compress.groups import Grouped, Place
from edgebuild.compress.importance import Importance
from edgebuild.compress.prune import Removal, kept_places
from edgebuild.core.compression import LatencyCheck, Pruning

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from edgebuild.compress.telling import Say

_NEAR = 0.03
"""How far, as a share of the limit, what was measured may be from it before channels are chosen again."""

_TRIES = 2

Left = Mapping[Place, list[int]]
"""Of every weight's axes, the positions that are left of the dense model's."""


@dataclass(frozen=True)
class Narrowed:
    """Channels to take out.

    Attributes:
        left: what is left then.
        checks: what the widths were measured to take, where the cost is measured.
        costing: corrected by those.
    """

    removal: Removal
    left: Left
    checks: tuple[LatencyCheck, ...]
    costing: Costing

    def missed(self, share: float) -> float:
        """How far the slowest target is from a share of the dense model's latency: 0 at it."""
        return log(max(check.measured for check in self.checks) / share) if self.checks else 0.0


@dataclass(frozen=True, eq=False)
class Step:
    """A model before a step of pruning.

    Attributes:
        first: the groups of the dense model.
        left: what earlier steps left of it; empty before the first one.
        share: of the dense model's cost, what is to be left after this step.
    """

    program: ExportedProgram
    grouped: Grouped
    first: Grouped
    left: Left
    share: float


def narrow(step: Step, importance: Importance, settings: Pruning, costing: Costing, say: Say) -> Narrowed:
    """Choose channels; once more where what was measured is not what was predicted.

    Raises:
        BuildError: even the narrowest widths cost more.
    """
    tried: list[Narrowed] = []
    for _ in range(_TRIES):
        cost = costing.cost(step.program, step.grouped)
        choice = Choice(importance, cost, settings.round_to, settings.least, costing.unit)
        removal = least_important(importance, allocate(choice, step.share))
        left = _left(step, removal)
        checks = costing.check(widths_left(step.first, left))
        costing = costing.corrected(checks)
        tried.append(Narrowed(removal, left, checks, costing))
        missed = tried[-1].missed(step.share)
        if abs(missed) <= _NEAR:
            break
        say(f"measured {100 * missed:+.0f} % from the limit")
    return min(tried, key=lambda each: abs(each.missed(step.share)))


def widths_left(first: Grouped, left: Left) -> dict[str, int]:
    """By group of the dense model, how many channels are left."""
    return {group.name: len(group.left(left)) for group in first.groups}


def _left(step: Step, removal: Removal) -> Left:
    kept = kept_places(step.grouped, removal)
    return {place: [step.left[place][at] for at in kept[place]] if step.left else kept[place] for place in kept}
