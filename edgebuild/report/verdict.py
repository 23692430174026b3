"""A verdict in words, and as the cases that a CI server shows."""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.core.metric import Kind
from edgebuild.core.units import format_quantity
from edgebuild.core.verdict import Line, Outcome, Verdict


@dataclass(frozen=True)
class Case:
    """One thing that was decided.

    Attributes:
        subject: the bundle or target that it is about.
        name: the budget, the check or the stage.
        outcome: None: it came to none, since something failed on the way.
        text: what was found, and why it is no PASS.
        decides: whether the exit code stands on it.
    """

    subject: str
    name: str
    outcome: Outcome | None
    text: str
    decides: bool = True

    @property
    def word(self) -> str:
        """The outcome, or that there is none."""
        return self.outcome.value if self.outcome else "ERROR"


def line_texts(verdict: Verdict) -> list[str]:
    """One line of text a budget."""
    return [f"{_word(line):<13} {line.budget}: {line_text(line)}" for line in verdict.lines]


def line_text(line: Line) -> str:
    """What was found of a budget, its bounds, and the reason if it is no PASS."""
    unit = line.budget.definition.unit
    shown = [format_quantity(v, unit) if v is not None else "?" for v in (line.estimate, line.low, line.high)]
    kind = line.budget.definition.kind
    if kind is Kind.ESTIMATED:
        return " ".join(filter(None, (shown[0], f"({line.basis})", line.reason)))
    sole = kind is Kind.EXACT and line.low == line.high
    value = shown[0] if sole else f"{shown[0]} [{shown[1]}, {shown[2]}] from {line.count}"
    return f"{value} {line.reason}".rstrip()


def gate_cases(subject: str, verdict: Verdict) -> list[Case]:
    """A case a budget."""
    return [Case(subject, str(line.budget), line.outcome, line_text(line), line.decides) for line in verdict.lines]


def _word(line: Line) -> str:
    return line.outcome.value if line.decides else "BESIDE"
