"""Budgets on executed instructions: counted, not sampled, so two runs that agree decide."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low

from edgebuild.core.measurement import Basis, Run
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.verdict import Line, Outcome

REPEATS = 0.001
"""Runs repeat if the largest count is above the smallest by at most this share of it."""
LEAST_RUNS = 2
"""Runs without which nothing is known of whether they repeat."""


def instructions_of(run: Run) -> int | None:
    """Instructions of one inference of the model; None if the run does not tell.

    The difference of medians: now and then the kernel's own work falls into an inference, and only ever adds.
    """
    if run.mode is not Mode.EXACT or not run.samples_ns or not run.empty_ns:
        return None
    return max(0, median_low(run.samples_ns) - median_low(run.empty_ns))


def judge_instructions(budget: Budget, runs: Sequence[Run], baseline: Sequence[Run], basis: Basis) -> Line:
    """PASS if every run is inside the limit, FAIL if none is, INCONCLUSIVE otherwise or if the runs do not repeat.

    Args:
        baseline: what ``instructions_change`` is held against; every pair of a run and a baseline's run counts.
    """
    if basis is not Basis.VIRTUAL:
        reason = f"not judged here: on basis {basis.value} instructions are not counted; a virtual board counts them"
        return Line(budget=budget, outcome=Outcome.INCONCLUSIVE, basis=basis.value, reason=reason)
    found = _counts(runs)
    doubt = _doubt(found, "")
    values = [float(count) for count in found]
    if budget.metric == "instructions_change":
        others = _counts(baseline)
        doubt = doubt or (_doubt(others, " of the baseline") if baseline else "there is no baseline to hold it against")
        values = [100.0 * (count / other - 1.0) for count in found for other in others if other]
    outcome, reason = (Outcome.INCONCLUSIVE, doubt) if doubt or not values else _decide(values, budget.limit)
    return Line(
        budget=budget, outcome=outcome, estimate=median_low(values) if values else None,
        low=min(values, default=None), high=max(values, default=None), count=len(found), basis="exact", reason=reason,
    )  # fmt: skip


def _counts(runs: Sequence[Run]) -> list[int]:
    return [count for run in runs if (count := instructions_of(run)) is not None]


def _doubt(counts: Sequence[int], whose: str) -> str:
    """Why these counts can decide nothing, or nothing."""
    if len(counts) < LEAST_RUNS:
        return f"{len(counts)} exact runs{whose}; at least {LEAST_RUNS} have to agree"
    if min(counts) == 0:
        return f"a run{whose} took no more than an empty model"
    spread = max(counts) / min(counts) - 1.0
    return f"does not repeat: the runs{whose} differ by {100 * spread:.2g} %" if spread > REPEATS else ""


def _decide(values: Sequence[float], limit: float) -> tuple[Outcome, str]:
    if max(values) <= limit:
        return Outcome.PASS, ""
    if min(values) > limit:
        return Outcome.FAIL, "every run is above the limit"
    return Outcome.INCONCLUSIVE, "the limit lies between the runs"
