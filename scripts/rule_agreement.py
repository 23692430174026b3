"""What an accelerator's rules say of made operators, beside what its compiler does with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import made_further
import made_nodes
import made_operators
import node_families

from edgebuild.backends import find_backend
from edgebuild.compilers import find_compiler
from edgebuild.core.errors import BuildError
from edgebuild.core.operator import Operator
from edgebuild.core.target import Target
from edgebuild.placement import find_rules
from edgebuild.placement.rules import EVERY, Rule, RuleBook

TOGETHER = 25
"""Operators in one file: a compiler takes its time for a file."""


class Made(Protocol):
    """A made operator of some runtime; it describes itself as text."""

    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class Maker:
    """How a runtime's operators are made.

    Attributes:
        all: those on either side of every limit, and between.
        drawn: so many at random, by a seed.
        model_of: a model with some of them side by side.
    """

    all: Callable[[], Sequence[Any]]
    drawn: Callable[[int, int], Sequence[Any]]
    model_of: Callable[[Sequence[Any]], bytes]


MAKERS = {
    "litert": Maker(made_further.every_operator, made_operators.drawn_operators, made_operators.model_of),
    "onnxruntime": Maker(node_families.all_nodes, node_families.drawn_nodes, made_nodes.model_of),
}


@dataclass(frozen=True)
class Seen:
    """One operator: the rules that it breaks by their names, and why the compiler left it to the CPU, or nothing.

    ``known``: whether the rules have its kind. ``taken``: whether the accelerator got it; a compiler that fails on it
    takes it as little as one that leaves it.
    """

    made: Made
    facts: Operator
    known: bool
    broken: tuple[str, ...]
    taken: bool
    reason: str

    @property
    def predicted(self) -> bool:
        """Whether the rules say that the accelerator takes it."""
        return self.known and not self.broken

    @property
    def agrees(self) -> bool:
        """Whether rules and compiler say the same."""
        return self.predicted == self.taken


def agreement(target: Target, operators: Sequence[Made]) -> list[Seen]:
    """Hold a target's rules against its compiler."""
    assert target.operators.rules is not None
    book, placed = find_rules(target.operators.rules), dict[str, str]()
    backend, model_of = find_backend(target.runtime), MAKERS[target.runtime].model_of
    for first in range(0, len(operators), TOGETHER):
        placed |= _placed(target, operators[first : first + TOGETHER])
    found = []
    for made in operators:
        (facts,) = backend.facts({"model": model_of([made])})
        broken = tuple(rule.name for rule in book.broken(facts))
        reason = placed[made.name]
        found.append(Seen(made, facts, book.has(facts.kind), broken, not reason, reason))
    return found


def _placed(target: Target, operators: Sequence[Made]) -> Mapping[str, str]:
    """Why each is not on the accelerator, "" if it is; where a compiler fails on several, they are taken apart."""
    assert target.compiler is not None
    files = {"model": MAKERS[target.runtime].model_of(operators)}
    try:
        made = find_compiler(target.compiler.name).compile(files, target.compiler.options)
    except BuildError as error:
        _forget(error)
        if len(operators) == 1:
            return {operators[0].name: f"the compiler failed: {error.found.splitlines()[0]}"}
        half = len(operators) // 2
        return {**_placed(target, operators[:half]), **_placed(target, operators[half:])}
    return {op.op: op.rule if op.unit == "cpu" else "" for op in made.placement.ops}


def _forget(error: BuildError) -> None:
    """Remove what a compiler printed: hundreds fail here, and each log would stay."""
    log = Path((error.fix or "").partition(": ")[2])
    if log.is_file():
        log.unlink()


@dataclass(frozen=True)
class Edge:
    """How often a rule was tried: operators that it alone refuses, and that it is for and lets pass, both rightly."""

    rule: str
    refused: int
    taken: int


def edges(book: RuleBook, seen: Sequence[Seen]) -> Iterator[Edge]:
    """Every rule's, in their order."""
    for rule in book.rules:
        refused = sum(each.broken == (rule.name,) and not each.taken for each in seen)
        yield Edge(rule.name, refused, sum(each.taken and _is_for(rule, each.facts) for each in seen))


def _is_for(rule: Rule, operator: Operator) -> bool:
    """Whether a rule has something to say of an operator."""
    named = operator.kind not in rule.but and bool({operator.kind, EVERY} & set(rule.operators))
    asked = {condition.fact for way in rule.ways for condition in way}
    told = bool(asked & set(operator.facts))
    return named and told and all(c.fact in operator.facts and c.holds(operator.facts) for c in rule.when)
