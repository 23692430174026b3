"""Whether the evaluation set can decide the accuracy budgets at all: said before a build takes its time."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.core.project import Project
from edgebuild.core.target import Target
from edgebuild.judge.accuracy import samples_without_disagreement
from edgebuild.models.samples import Samples


def too_few(
    project: Project, targets: Sequence[Target], evaluation: Samples, confidence: float
) -> list[tuple[str, str]]:
    """Of each accuracy budget that so few samples can't pass: its subject, and what it takes.

    Args:
        confidence: the profile's for accuracy.
    """
    count = len(evaluation) if evaluation.groups is None else len(set(evaluation.groups.tolist()))
    limits = {
        budget.limit
        for target in targets
        for budget in project.budgets_for(target.name)
        if budget.metric == "accuracy_drop"
    }
    return [
        (
            f"accuracy_drop ≤ {limit:g} pt",
            f"{count} evaluation samples; at {confidence:.4g} confidence it takes {needed}, even if not one is lost",
        )
        for limit in sorted(limits)
        if (needed := samples_without_disagreement(limit, confidence)) > count
    ]
