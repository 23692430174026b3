"""The rule: from everything known of a bundle to a verdict, or to what should be sampled next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from edgebuild.core.artifact import Quality
from edgebuild.core.digest import Digest
from edgebuild.core.errors import ConfigError, worst_exit
from edgebuild.core.measurement import Basis, Run
from edgebuild.core.metric import Budget, Kind, Mode
from edgebuild.core.profile import Judging, Measuring
from edgebuild.core.verdict import Line, Outcome, Verdict
from edgebuild.judge.accuracy import judge_accuracy
from edgebuild.judge.betting import least_runs, runs_to_go
from edgebuild.judge.exact import LEAST_RUNS, judge_instructions
from edgebuild.judge.medians import ANYTIME, TWO_LOOKS, MedianTest
from edgebuild.judge.runs import judge_runs, values_of

RULE = 3
"""The version of the rule that new verdicts are made by."""


@dataclass(frozen=True)
class Facts:
    """What is known of one variant of a bundle.

    Attributes:
        runs: all made under equal keys.
        size: bytes of the model's files.
        is_float: a float variant is its own twin and loses nothing.
        baseline: exact runs of another bundle, under a key that differs only in what is run.
    """

    bundle: Digest
    runs: Sequence[Run]
    basis: Basis
    size: int
    quality: Quality | None
    is_float: bool = False
    baseline: Sequence[Run] = ()


@dataclass(frozen=True)
class Continue:
    """Not decided yet: so many more runs of a mode."""

    mode: Mode
    runs: int


def judge(budgets: Sequence[Budget], facts: Facts, judging: Judging, rule: int = RULE) -> Verdict:
    """The verdict by one version of the rule.

    Raises:
        ConfigError: for a version that is not known.
    """
    if rule not in RULES:
        raise ConfigError(
            "rule", f"version {rule} is not known", expected=", ".join(map(str, RULES)), fix="update edgebuild"
        )
    return RULES[rule](budgets, facts, judging)


def next_step(budgets: Sequence[Budget], facts: Facts, judging: Judging, measuring: Measuring) -> Continue | Verdict:
    """What to sample next; a verdict if all is decided or ``max_runs`` are spent.

    At first ``runs``, or what the confidence needs; then as many as could decide a budget that is open, and so on: the
    bounds hold at all times at once.
    """
    verdict = judge(budgets, facts, judging)
    made = sum(run.mode is Mode.EXACT for run in facts.runs)
    if facts.basis is Basis.VIRTUAL and made < LEAST_RUNS and _of_mode(verdict.lines, Mode.EXACT):
        return Continue(Mode.EXACT, LEAST_RUNS - made)
    for mode in (Mode.LATENCY, Mode.MEMORY) if facts.basis is Basis.DEVICE else (Mode.MEMORY,):
        wanted = _wanted(_of_mode(verdict.lines, mode), [r for r in facts.runs if r.mode is mode], judging, measuring)
        if wanted:
            return Continue(mode, wanted)
    return verdict


def _wanted(lines: Sequence[Line], runs: Sequence[Run], judging: Judging, measuring: Measuring) -> int:
    """How many more runs of a mode some of its budgets want."""
    made = [run for run in runs if not run.outside]
    left = measuring.max_runs - len(made)
    planned = max(measuring.runs, least_runs(judging.confidence)) - len(made)
    if not lines or len(runs) - len(made) >= measuring.max_runs:
        return 0  # where the device does not come inside, more runs are no more evidence
    if planned > 0:
        return planned
    further = [
        runs_to_go(values_of(line.budget.definition, made), line.budget.limit, judging.confidence)
        for line in lines
        if _open(line)
    ]
    return max(0, min(*further, left)) if further else 0


def _open(line: Line) -> bool:
    """Whether more runs could decide it: those that contradict each other could not."""
    apart = line.low is not None and line.high is not None and line.low > line.high
    return line.outcome is Outcome.INCONCLUSIVE and not apart


def _of_mode(lines: Sequence[Line], mode: Mode) -> list[Line]:
    return [line for line in lines if line.budget.definition.mode is mode]


def _rule_1(budgets: Sequence[Budget], facts: Facts, judging: Judging) -> Verdict:
    """Every line decides; nothing that runs say is judged on another basis than the device."""
    return _verdict(1, [_line(budget, facts, judging, (Basis.DEVICE,), TWO_LOOKS) for budget in budgets], facts)


def _rule_2(budgets: Sequence[Budget], facts: Facts, judging: Judging) -> Verdict:
    """As rule 1, and a virtual board counts."""
    return _by_basis(2, budgets, facts, judging, TWO_LOOKS)


def _rule_3(budgets: Sequence[Budget], facts: Facts, judging: Judging) -> Verdict:
    """As rule 2, and one may look after every run."""
    return _by_basis(3, budgets, facts, judging, ANYTIME)


def _by_basis(rule: int, budgets: Sequence[Budget], facts: Facts, judging: Judging, test: MedianTest) -> Verdict:
    """Each budget by what its basis can say.

    On a virtual board instructions are judged, and memory: a real kernel counts the pages of the same programs. Times
    are not. Where budgets are given of both kinds, of times and of instructions, each basis is decided by the kind that
    it can judge, and the others are shown beside. Where only those are given that it can't judge, the verdict is
    INCONCLUSIVE.
    """
    lines = []
    for budget in budgets:
        if budget.definition.mode is Mode.EXACT:
            lines.append(judge_instructions(budget, facts.runs, facts.baseline, facts.basis))
        else:
            memory = budget.definition.mode is Mode.MEMORY
            speaking = (Basis.DEVICE, Basis.VIRTUAL) if memory else (Basis.DEVICE,)
            lines.append(_line(budget, facts, judging, speaking, test))
    timed, counted = _of_mode(lines, Mode.LATENCY), _of_mode(lines, Mode.EXACT)
    aside = timed if facts.basis is Basis.VIRTUAL else counted
    if timed and counted:
        lines = [line.model_copy(update={"decides": False}) if line in aside else line for line in lines]
    return _verdict(rule, lines, facts)


def _verdict(rule: int, lines: Sequence[Line], facts: Facts) -> Verdict:
    """The worst of the lines that decide."""
    if not lines:
        reason = "no budget was given, so nothing is claimed"
        return Verdict(outcome=Outcome.INCONCLUSIVE, lines=(), reason=reason, bundle=facts.bundle, rule=rule)
    counting = [line for line in lines if line.decides]
    worst = worst_exit(line.outcome.exit_code for line in counting)
    deciding = next(line for line in counting if line.outcome.exit_code == worst)
    named = "" if deciding.outcome is Outcome.PASS else deciding.budget.metric
    return Verdict(
        outcome=deciding.outcome, lines=tuple(lines), deciding=named, reason=deciding.reason, bundle=facts.bundle,
        rule=rule,
    )  # fmt: skip


RULES: dict[int, Callable[[Sequence[Budget], Facts, Judging], Verdict]] = {1: _rule_1, 2: _rule_2, 3: _rule_3}
"""Every version that verdicts were made by stays callable."""


def _line(budget: Budget, facts: Facts, judging: Judging, speaking: Collection[Basis], test: MedianTest) -> Line:
    metric = budget.definition
    if metric.kind is Kind.EXACT:
        return _exact(budget, facts.size)
    if metric.name == "accuracy_drop":
        if facts.is_float:
            return Line(
                budget=budget, outcome=Outcome.PASS, estimate=0.0, low=0.0, high=0.0, basis="float is its own reference"
            )
        return judge_accuracy(budget, facts.quality, judging.accuracy_confidence)
    return judge_runs(budget, facts.runs, judging.confidence, facts.basis, speaking, test)


def _exact(budget: Budget, size: int) -> Line:
    passed = size <= budget.limit
    return Line(
        budget=budget, outcome=Outcome.PASS if passed else Outcome.FAIL, estimate=size, low=size, high=size,
        count=1, basis="exact", reason="" if passed else "it is larger",
    )  # fmt: skip
