"""Rules in the form they are written down in, and what they say of an operator.

A rule is for some kinds of operators, and says what has to hold of their facts: ways to keep it, each a list of
conditions on single facts. A condition on a fact that is not known holds: the compiler will know better.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field, model_validator

from edgebuild.core.artifact import Placed, Placement
from edgebuild.core.base import Frozen
from edgebuild.core.operator import Fact, Operator

EVERY = "*"
_REPLACEMENTS = Path(__file__).parent / "replacements.toml"


class Condition(Frozen):
    """What has to hold of one fact.

    Attributes:
        fact: its name.
        least, most: of a number.
        one_of: of a text; of several, each is one of these.
        equals: the fact itself.
    """

    fact: str
    least: float | None = None
    most: float | None = None
    one_of: tuple[str, ...] | None = None
    equals: bool | int | str | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Condition:
        if all(each is None for each in (self.least, self.most, self.one_of, self.equals)):
            raise ValueError(f"nothing is asked of {self.fact}")
        return self

    def holds(self, facts: dict[str, Fact]) -> bool:
        """Whether it does; of a fact that is not known, yes."""
        value = facts.get(self.fact)
        if value is None:
            return True
        if self.equals is not None and value != self.equals:
            return False
        if self.one_of is not None:
            return set(value if isinstance(value, tuple) else (value,)) <= set(self.one_of)
        number = float(value) if isinstance(value, bool | int | float) else 0.0
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)


class Rule(Frozen):
    """One rule.

    Attributes:
        name: what messages and tests call it.
        operators: the kinds it is for; "*" all that the accelerator has.
        but: kinds that it is not for.
        when: it only counts where all of these hold, each being known.
        ways: it is kept if all conditions of one of these lists hold.
        says: what it asks for, in a sentence.
        fix: what to change in the model.
    """

    name: str
    operators: tuple[str, ...]
    but: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    ways: tuple[tuple[Condition, ...], ...] = Field(min_length=1)
    says: str
    fix: str = ""

    def breaks(self, operator: Operator) -> bool:
        """Whether an operator does not keep it."""
        if operator.kind in self.but or not {operator.kind, EVERY} & set(self.operators):
            return False
        if not all(each.fact in operator.facts and each.holds(operator.facts) for each in self.when):
            return False
        return not any(all(each.holds(operator.facts) for each in way) for way in self.ways)


class RuleBook(Frozen):
    """All rules of an accelerator.

    Attributes:
        title: what it is called.
        runtime: whose operators it is about.
        source: where the rules were read, and what they were checked against.
        operators: the kinds that it has; others are left to the CPU. "*": all but those that it ``lacks``.
    """

    title: str
    runtime: str
    source: str
    operators: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _rules_are_about_its_operators(self) -> RuleBook:
        named = {kind for rule in self.rules for kind in (*rule.operators, *rule.but)} - {EVERY}
        if unknown := sorted(kind for kind in named if not self.has(kind)):
            raise ValueError(f"rules for operators that it does not have: {', '.join(unknown)}")
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules are called {', '.join(twice)}")
        return self

    def has(self, kind: str) -> bool:
        """Whether the accelerator has operators of a kind."""
        return kind not in self.lacks and bool({kind, EVERY} & set(self.operators))

    def broken(self, operator: Operator) -> Iterator[Rule]:
        """The rules that an operator does not keep, in their order; none for a kind that it does not have."""
        return (rule for rule in self.rules if rule.breaks(operator))

    def refusal(self, operator: Operator) -> str:
        """Why an operator is left to the CPU, and what would mend it; "" if it is not."""
        if not self.has(operator.kind):
            instead = [torch for kind, torch in _replacements().get(operator.kind, {}).items() if self.has(kind)]
            return f"{self.title} has no {operator.kind}" + (f"; use {' or '.join(instead)}" if instead else "")
        rule = next(self.broken(operator), None)
        return "" if rule is None else f"{rule.says}{f'; {rule.fix}' if rule.fix else ''}"

    def place(self, operators: Iterable[Operator]) -> Placement:
        """Where each operator will run."""
        said = [(operator.name, self.refusal(operator)) for operator in operators]
        ops = tuple(Placed(op=name, unit="cpu" if why else "npu", rule=why) for name, why in said)
        return Placement(by=f"the rules of {self.title}", ops=ops, partitions=_runs(ops))


def _runs(ops: tuple[Placed, ...]) -> int:
    """Runs of operators on the accelerator, in the order of execution."""
    units = [op.unit for op in ops]
    return sum(unit == "npu" and (place == 0 or units[place - 1] != "npu") for place, unit in enumerate(units))


@functools.cache
def _replacements() -> dict[str, dict[str, str]]:
    """By the kind of an operator, kinds that may stand in for it and what they are in PyTorch."""
    found: dict[str, dict[str, str]] = tomllib.loads(_REPLACEMENTS.read_text(encoding="utf-8"))
    return found


def load_rules(path: Path) -> RuleBook:
    """The rules in a file that edgebuild ships."""
    return RuleBook.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
