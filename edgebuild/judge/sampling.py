"""What should be sampled next: judging says when it has seen enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgebuild.core.measurement import Basis
from edgebuild.core.metric import TIMED, Budget, Mode
from edgebuild.core.profile import Judging, Measuring
from edgebuild.core.verdict import Line, Outcome, Verdict
from edgebuild.judge.betting import least_runs, runs_to_go
from edgebuild.judge.exact import LEAST_RUNS
from edgebuild.judge.facts import Facts, values_for
from edgebuild.judge.pairs import pairs_of
from edgebuild.judge.reasons import below_the_floor
from edgebuild.judge.verdict import judge, lines_now, of_mode


@dataclass(frozen=True)
class Continue:
    """Not decided yet: so many more runs of a mode, or pairs of runs, one of them the baseline's."""

    mode: Mode
    runs: int
    paired: bool = False


def next_step(budgets: Sequence[Budget], facts: Facts, judging: Judging, measuring: Measuring) -> Continue | Verdict:
    """What to sample next; a verdict if all is decided or ``max_runs`` are spent.

    At first ``runs``, or what the confidence needs; then as many as could decide a budget that is open, and so on: the
    bounds hold at all times at once. A change below the device's noise floor is given up as soon as that is seen.
    """
    now = lines_now(budgets, facts, judging)
    made = sum(run.mode is Mode.EXACT for run in facts.runs)
    if facts.basis is Basis.VIRTUAL and made < LEAST_RUNS and of_mode(now, Mode.EXACT):
        return Continue(Mode.EXACT, LEAST_RUNS - made)
    for mode in _MODES.get(facts.basis, ()):
        lines = of_mode(now, mode)
        if pairs := _pairs_wanted(lines, facts, judging, measuring):
            return Continue(mode, pairs, paired=True)
        if runs := _runs_wanted(lines, mode, facts, judging, measuring):
            return Continue(mode, runs)
    return judge(budgets, facts, judging)


_MODES = {Basis.DEVICE: (*TIMED, Mode.MEMORY), Basis.VIRTUAL: (Mode.MEMORY,)}
"""The modes that are sampled, by what the device's measurements speak for."""


def _pairs_wanted(lines: Sequence[Line], facts: Facts, judging: Judging, measuring: Measuring) -> int:
    if facts.baseline is None:
        return 0
    made, own = pairs_of(facts.runs, facts.baseline), facts.pairs
    told = [
        (line, values_for(line.budget, facts))
        for line in lines
        if line.budget.definition.change and not (_open(line) and _hopeless(line.budget, facts, judging, measuring))
    ]
    return _wanted(told, len(own), len(made) - len(own), judging, measuring)


def _hopeless(budget: Budget, facts: Facts, judging: Judging, measuring: Measuring) -> bool:
    return below_the_floor(budget, facts, measuring.max_runs, measuring.max_seconds, judging.confidence)


def _runs_wanted(lines: Sequence[Line], mode: Mode, facts: Facts, judging: Judging, measuring: Measuring) -> int:
    made = [run for run in facts.runs if run.mode is mode]
    own = [run for run in made if not run.outside]
    told = [(line, values_for(line.budget, facts)) for line in lines if not line.budget.definition.change]
    return _wanted(told, len(own), len(made) - len(own), judging, measuring)


def _wanted(
    told: Sequence[tuple[Line, Sequence[float]]], made: int, outside: int, judging: Judging, measuring: Measuring
) -> int:
    """How many more runs or pairs some budgets want.

    Args:
        told: each line, and the values that it stands on.
        made: how many count; ``outside``: how many do not.
    """
    if not told or outside >= measuring.max_runs:
        return 0  # where the device does not come inside, more runs are no more evidence
    planned = max(measuring.runs, least_runs(judging.confidence)) - made
    if planned > 0:
        return planned
    further = [runs_to_go(values, line.budget.limit, judging.confidence) for line, values in told if _open(line)]
    return max(0, min(*further, measuring.max_runs - made)) if further else 0


def _open(line: Line) -> bool:
    """Whether more runs could decide it: those that contradict each other could not."""
    apart = line.low is not None and line.high is not None and line.low > line.high
    return line.outcome is Outcome.INCONCLUSIVE and not apart
