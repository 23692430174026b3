"""The rule: from everything known of a bundle to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from edgebuild.core.errors import ConfigError, worst_exit
from edgebuild.core.measurement import Basis
from edgebuild.core.metric import TIMED, Budget, Kind, Mode
from edgebuild.core.profile import Judging
from edgebuild.core.verdict import Line, Outcome, Verdict
from edgebuild.judge.accuracy import judge_accuracy
from edgebuild.judge.estimates import judge_estimate
from edgebuild.judge.exact import judge_instructions
from edgebuild.judge.facts import Facts, is_median, values_for
from edgebuild.judge.family import hold_together
from edgebuild.judge.medians import ANYTIME, TWO_LOOKS, WATCHFUL, MedianTest
from edgebuild.judge.pairs import judge_change
from edgebuild.judge.reasons import told_why
from edgebuild.judge.runs import judge_runs

RULE = 4
"""The version of the rule that new verdicts are made by."""


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


def of_mode(lines: Sequence[Line], mode: Mode) -> list[Line]:
    """The lines whose metric is measured in runs of a mode."""
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


def _rule_4(budgets: Sequence[Budget], facts: Facts, judging: Judging) -> Verdict:
    """As rule 3; runs that drift or step decide no absolute budget, failing lines are held together, and why a line is
    open is told.
    """
    lines = [told_why(line, facts, judging) for line in lines_now(budgets, facts, judging)]
    return _verdict(4, lines, facts)


def lines_now(budgets: Sequence[Budget], facts: Facts, judging: Judging) -> list[Line]:
    """The lines by the rule of today, without a word on why one is open, which takes long to find out."""
    lines = list(_by_basis(4, budgets, facts, judging, WATCHFUL).lines)
    on_medians = [place for place, line in enumerate(lines) if line.decides and is_median(line.budget)]
    held = hold_together([lines[place] for place in on_medians], lambda budget: values_for(budget, facts), judging)
    for place, line in zip(on_medians, held, strict=True):
        lines[place] = line
    return lines


def _by_basis(rule: int, budgets: Sequence[Budget], facts: Facts, judging: Judging, test: MedianTest) -> Verdict:
    """Each budget by what its basis can say.

    On a virtual board instructions are judged, and memory: a real kernel counts the pages of the same programs. Times
    are not. Where budgets are given of both kinds, of times and of instructions, each basis is decided by the kind that
    it can judge, and the others are shown beside. So it is with what a compiler estimates, where nothing can be run, or
    where there is no compiler. Where only those are given that it can't judge, the verdict is
    INCONCLUSIVE.
    """
    lines = []
    for budget in budgets:
        if budget.definition.mode is Mode.EXACT:
            lines.append(judge_instructions(budget, facts.runs, facts.baseline or (), facts.basis))
        else:
            memory = budget.definition.mode is Mode.MEMORY
            speaking = (Basis.DEVICE, Basis.VIRTUAL) if memory else (Basis.DEVICE,)
            lines.append(_line(budget, facts, judging, speaking, test))
    aside = _aside(lines, facts)
    lines = [line.model_copy(update={"decides": False}) if line in aside else line for line in lines]
    return _verdict(rule, lines, facts)


def _aside(lines: Sequence[Line], facts: Facts) -> list[Line]:
    """The lines that the basis can't judge, beside others of the same concern that it can."""
    timed, counted = [line for mode in TIMED for line in of_mode(lines, mode)], of_mode(lines, Mode.EXACT)
    estimated = [line for line in lines if line.budget.definition.kind is Kind.ESTIMATED]
    if facts.basis is Basis.ESTIMATE:
        return [line for line in lines if line.budget.definition.mode] if estimated else []
    found = (timed if facts.basis is Basis.VIRTUAL else counted) if timed and counted else []
    return found + estimated if facts.compilation is None and (timed or counted) else found


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


RULES: dict[int, Callable[[Sequence[Budget], Facts, Judging], Verdict]] = {
    1: _rule_1,
    2: _rule_2,
    3: _rule_3,
    4: _rule_4,
}
"""Every version that verdicts were made by stays callable."""


def _line(budget: Budget, facts: Facts, judging: Judging, speaking: Collection[Basis], test: MedianTest) -> Line:
    metric = budget.definition
    if metric.kind is Kind.EXACT:
        return _exact(budget, facts.size)
    if metric.kind is Kind.ESTIMATED:
        return judge_estimate(budget, facts.compilation)
    if metric.name == "accuracy_drop":
        if facts.is_float:
            return Line(
                budget=budget, outcome=Outcome.PASS, estimate=0.0, low=0.0, high=0.0, basis="float is its own reference"
            )
        return judge_accuracy(budget, facts.quality, judging.accuracy_confidence)
    if metric.change:
        return judge_change(budget, facts.runs, facts.baseline, judging.confidence, facts.basis)
    return judge_runs(budget, facts.runs, judging.confidence, facts.basis, speaking, test)


def _exact(budget: Budget, size: int) -> Line:
    passed = size <= budget.limit
    return Line(
        budget=budget, outcome=Outcome.PASS if passed else Outcome.FAIL, estimate=size, low=size, high=size,
        count=1, basis="exact", reason="" if passed else "it is larger",
    )  # fmt: skip
