"""What pruning makes less where a limit binds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from edgebuild.core.compression import CostName
from edgebuild.core.metric import TIMED, Budget, Mode
from edgebuild.core.project import Project
from edgebuild.core.target import Target


def costs_of(project: Project, targets: Sequence[Target]) -> dict[str, CostName]:
    """Of each metric that there is a budget on, what made less brings it down; of accuracy nothing does."""
    budgets = [budget for target in targets for budget in project.budgets_for(target.name)]
    budgets += [budget for part in project.parts.values() for budget in part.parsed_budgets]
    return {budget.metric: _cost_by(budget, targets) for budget in budgets if budget.metric != "accuracy_drop"}


_OF_COMPUTING = ("latency_estimate", "cycles", "arena", "sram")
"""What a compiler tells of an accelerator that hangs on what it computes, and not on how many weights there are."""


def _cost_by(budget: Budget, targets: Sequence[Target]) -> CostName:
    """What is made less for a budget, as far as it can be told while building."""
    mode, hosts = budget.definition.mode, [target.is_host for target in targets]
    if mode is Mode.EXACT and not any(hosts):
        return "instructions"
    if budget.metric in _OF_COMPUTING:
        return "macs"
    if mode not in (*TIMED, Mode.EXACT):
        return "parameters"
    return "latency" if all(hosts) else "macs"


def hardest(costs: Collection[CostName]) -> CostName | None:
    """Of some costs the one that is hardest to bring down; None where there are none."""
    return next((cost for cost in ("instructions", "latency", "macs", "parameters") if cost in costs), None)
