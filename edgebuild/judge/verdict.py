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
from edgebuild.judge.exact import LEAST_RUNS, judge_instructions
from edgebuild.judge.order_statistics import least_runs
from edgebuild.judge.runs import judge_runs

RULE = 2
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

    The number of runs is fixed in advance (``runs``, or what the confidence needs) and grows to ``max_runs`` once
    only, with α shared by the two looks: looking after every run would make false passes likelier than stated.
    """
    verdict = judge(budgets, facts, judging)
    made = sum(run.mode is Mode.EXACT for run in facts.runs)
    if facts.basis is Basis.VIRTUAL and made < LEAST_RUNS and _of_mode(verdict.lines, Mode.EXACT):
        return Continue(Mode.EXACT, LEAST_RUNS - made)
    for mode in (Mode.LATENCY, Mode.MEMORY) if facts.basis is Basis.DEVICE else (Mode.MEMORY,):
        lines = _of_mode(verdict.lines, mode)
        made = sum(run.mode is mode and not run.outside for run in facts.runs)
        outside = sum(run.mode is mode and bool(run.outside) for run in facts.runs)
        planned = max(measuring.runs, least_runs(judging.confidence))
        if lines and outside >= measuring.max_runs:
            continue  # the device does not come inside: more runs are no more evidence
        if lines and made < planned:
            return Continue(mode, planned - made)
        if any(line.outcome is Outcome.INCONCLUSIVE for line in lines) and made < measuring.max_runs:
            return Continue(mode, measuring.max_runs - made)
    return verdict


def _of_mode(lines: Sequence[Line], mode: Mode) -> list[Line]:
    return [line for line in lines if line.budget.definition.mode is mode]


def _rule_1(budgets: Sequence[Budget], facts: Facts, judging: Judging) -> Verdict:
    """Every line decides; nothing that runs say is judged on another basis than the device."""
    return _verdict(1, [_line(budget, facts, judging, (Basis.DEVICE,)) for budget in budgets], facts)


def _rule_2(budgets: Sequence[Budget], facts: Facts, judging: Judging) -> Verdict:
    """As rule 1, and a virtual board counts.

    Instructions are judged there, and memory: a real kernel counts the pages of the same programs. Times are not. Where
    budgets are given of both kinds, of times and of instructions, each basis is decided by the kind that it can judge,
    and the others are shown beside. Where only those are given that it can't judge, the verdict is INCONCLUSIVE.
    """
    lines = []
    for budget in budgets:
        if budget.definition.mode is Mode.EXACT:
            lines.append(judge_instructions(budget, facts.runs, facts.baseline, facts.basis))
        else:
            memory = budget.definition.mode is Mode.MEMORY
            speaking = (Basis.DEVICE, Basis.VIRTUAL) if memory else (Basis.DEVICE,)
            lines.append(_line(budget, facts, judging, speaking))
    timed, counted = _of_mode(lines, Mode.LATENCY), _of_mode(lines, Mode.EXACT)
    aside = timed if facts.basis is Basis.VIRTUAL else counted
    if timed and counted:
        lines = [line.model_copy(update={"decides": False}) if line in aside else line for line in lines]
    return _verdict(2, lines, facts)


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


RULES: dict[int, Callable[[Sequence[Budget], Facts, Judging], Verdict]] = {1: _rule_1, 2: _rule_2}
"""Every version that verdicts were made by stays callable."""


def _line(budget: Budget, facts: Facts, judging: Judging, speaking: Collection[Basis]) -> Line:
    metric = budget.definition
    if metric.kind is Kind.EXACT:
        return _exact(budget, facts.size)
    if metric.name == "accuracy_drop":
        if facts.is_float:
            return Line(
                budget=budget, outcome=Outcome.PASS, estimate=0.0, low=0.0, high=0.0, basis="float is its own reference"
            )
        return judge_accuracy(budget, facts.quality, judging.accuracy_confidence)
    return judge_runs(budget, facts.runs, judging.confidence, facts.basis, speaking)


def _exact(budget: Budget, size: int) -> Line:
    passed = size <= budget.limit
    return Line(
        budget=budget, outcome=Outcome.PASS if passed else Outcome.FAIL, estimate=size, low=size, high=size,
        count=1, basis="exact", reason="" if passed else "it is larger",
    )  # fmt: skip
