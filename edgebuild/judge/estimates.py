"""Budgets on what a compiler says of what it made: nothing was run, and the verdict says so."""

from __future__ import annotations

from edgebuild.core.artifact import Compilation
from edgebuild.core.metric import Budget
from edgebuild.core.verdict import Line, Outcome

_OF_THE_ACCELERATOR = ("cycles", "latency_estimate")
"""What a compiler tells of the accelerator's part alone: with operators left to the CPU it is a lower bound."""


def judge_estimate(budget: Budget, compilation: Compilation | None) -> Line:
    """PASS or FAIL by the compiler's word; INCONCLUSIVE where it has none, or only a lower bound below the limit."""
    value = None if compilation is None else _value(budget.metric, compilation)
    if compilation is None or value is None:
        reason = "no compiler made this variant for the target, so nothing is estimated"
        if compilation is not None:
            reason = f"{compilation.placement.by} does not tell it"
        return Line(budget=budget, outcome=Outcome.INCONCLUSIVE, basis="estimate", reason=reason)
    by = compilation.placement.by
    left = len(compilation.placement.fallbacks) if budget.metric in _OF_THE_ACCELERATOR else 0
    outcome, reason = _decide(value, budget.limit, left)
    return Line(
        budget=budget, outcome=outcome, estimate=value, low=value, high=None if left else value,
        basis=f"estimated by {by}", reason=reason,
    )  # fmt: skip


def _value(metric: str, compilation: Compilation) -> float | None:
    placement = compilation.placement
    counted = {"cpu_fallback_ops": len(placement.fallbacks), "partitions": placement.partitions}
    return float(counted[metric]) if metric in counted else compilation.estimates.get(metric)


def _decide(value: float, limit: float, left: int) -> tuple[Outcome, str]:
    if value > limit:
        return Outcome.FAIL, "it is above the limit"
    if left:
        return Outcome.INCONCLUSIVE, f"{left} operators are left to the CPU, whose time is not in it"
    return Outcome.PASS, ""
