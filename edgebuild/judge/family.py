"""Several budgets at once: a release passes when all do, and one of many should not fail it by chance.

A false PASS of the release needs one of a budget that is broken, so each is tested at α. A false FAIL may come from any
of them, so failing lines are held against each other by Holm's procedure (S. Holm, Scand. J. Statist. 6 (1979) 65-70), on
the gamblers' wealth, which is an e-value (V. Vovk & R. Wang, Ann. Statist. 49 (2021) 1736-1754): the k-th strongest of m
has to reach (m − k + 1)/α.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from edgebuild.core.profile import Judging
from edgebuild.core.verdict import Line, Outcome
from edgebuild.judge.betting import wealth

Judged = tuple[Line, Sequence[float]]
"""A line on a median, and the values that it stands on, in the order they were found."""


def hold_together(judged: Sequence[Judged], judging: Judging) -> list[Line]:
    """The lines, in their order; a FAIL that does not hold beside the others is INCONCLUSIVE."""
    family = len(judged) + judging.beside
    if family <= 1:
        return [line for line, _ in judged]
    goal = 1 / (1 - Fraction(str(judging.confidence)))
    failing = [(strength(values, line.budget.limit), place) for place, (line, values) in enumerate(judged)
               if line.outcome is Outcome.FAIL]  # fmt: skip
    lines = [line for line, _ in judged]
    weak = False
    for rank, (found, place) in enumerate(sorted(failing, key=lambda each: (-each[0], each[1]))):
        weak = weak or found < (family - rank) * goal
        if weak:
            lines[place] = _not_beside(lines[place], family - 1)
    return lines


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
