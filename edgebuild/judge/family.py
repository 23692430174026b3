"""Several budgets at once: a release passes when all do, and one of many should not fail it by chance.

A false PASS of the release needs one of a budget that is broken, so each is tested at α. A false FAIL may come from any
of them, so failing lines are held against each other by Holm's procedure (S. Holm, Scand. J. Statist. 6 (1979) 65-70), on
the gamblers' wealth, which is an e-value (V. Vovk & R. Wang, Ann. Statist. 49 (2021) 1736-1754): the k-th strongest of m
has to reach (m − k + 1)/α.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from edgebuild.core.metric import Budget
from edgebuild.core.profile import Judging
from edgebuild.core.verdict import Line, Outcome
from edgebuild.judge.betting import wealth


def hold_together(lines: Sequence[Line], values: Callable[[Budget], Sequence[float]], judging: Judging) -> list[Line]:
    """Lines on medians, in their order; a FAIL that does not hold beside the others is INCONCLUSIVE.

    Args:
        values: what a budget stands on, in the order it was found; asked for where a line fails.
    """
    held, family = list(lines), len(lines) + judging.beside
    if family <= 1:
        return held
    goal = 1 / (1 - Fraction(str(judging.confidence)))
    failing = [
        (strength(values(line.budget), line.budget.limit), place)
        for place, line in enumerate(lines)
        if line.outcome is Outcome.FAIL
    ]
    weak = False
    for rank, (found, place) in enumerate(sorted(failing, key=lambda each: (-each[0], each[1]))):
        weak = weak or found < (family - rank) * goal
        if weak:
            held[place] = _not_beside(held[place], family - 1)
    return held


def strength(values: Sequence[float], limit: float) -> Fraction:
    """The most that the gambler on "above the limit" ever had."""
    most, above = Fraction(1), 0
    for count, value in enumerate(values, 1):
        above += value > limit
        if 2 * above > count:
            most = max(most, wealth(count, above))
    return most


def _not_beside(line: Line, others: int) -> Line:
    reason = f"above the limit by itself, not beside {others} other budgets (Holm): more runs are needed"
    return line.model_copy(update={"outcome": Outcome.INCONCLUSIVE, "reason": reason})
