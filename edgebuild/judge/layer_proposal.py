"""Which layers of an int8 model to leave in float, from the times of both: the cheapest way through the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edgebuild.judge.layer_units import Unit


@dataclass(frozen=True)
class Proposal:
    """Which units to leave in float, and the whole model's estimated time then.

    Attributes:
        patterns: the setting, for ``[build.keep_float]``; empty: all of it, int8 gains nowhere.
    """

    units: tuple[Unit, ...]
    patterns: tuple[str, ...]
    estimate_ns: float


def propose(units: Sequence[Unit], unknown: Unit, change_ns: float, labels: Sequence[str]) -> Proposal | None:
    """The units to leave in float so that the sum is least, a change between two of them taken for a conversion.

    The shortest path through the units in the model's order, each in float or in int8 (Viterbi 1967). A branch of the
    model is taken for a chain, so what it gives is an estimate, and the build that follows is measured.
    """
    best: list[tuple[float, tuple[Unit, ...]]] = [(0.0, ()), (0.0, ())]
    for unit in units:
        int8 = min(best[0], (best[1][0] + change_ns, best[1][1]), key=lambda one: one[0])
        flt = min((best[0][0] + change_ns, best[0][1]), best[1], key=lambda one: one[0])
        best = [(int8[0] + unit.int8_ns, int8[1]), (flt[0] + unit.float_ns, (*flt[1], unit))]
    cost, kept = min(best, key=lambda one: one[0])
    now = sum(unit.int8_ns for unit in units)
    if not kept or cost >= now:
        return None
    whole = len(kept) == len(units)
    patterns = () if whole else patterns_of({name for unit in kept for name in unit.modules}, labels)
    rest = unknown.float_ns if whole else unknown.int8_ns
    return Proposal(tuple(sorted(kept, key=lambda unit: -unit.lost_ns)), patterns, cost + rest)


def patterns_of(chosen: set[str], labels: Iterable[str]) -> tuple[str, ...]:
    """The fewest patterns that name these labels and no other: a path with ``.*`` stands for all below it."""
    known = tuple(labels)
    found: dict[str, None] = {}
    for label in known:
        if label in chosen:
            path = next((path for path in _above(label) if _all_below(path, known, chosen)), "")
            found[f"{_literal(path)}.*" if path else _literal(label)] = None
    return tuple(found)


def _literal(name: str) -> str:
    """A name as a pattern that matches it alone."""
    return re.sub(r"([*?[])", r"[\1]", name)


def _above(label: str) -> Iterator[str]:
    """The paths above one, the shortest first."""
    parts = label.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))


def _all_below(path: str, known: Sequence[str], chosen: set[str]) -> bool:
    below = [label for label in known if label.startswith(f"{path}.")]
    return len(below) > 1 and all(label in chosen for label in below)
