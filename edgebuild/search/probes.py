"""Which pruned models a latency table is made from."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_UNIFORM = (0.85, 0.7, 0.55, 0.4, 0.3, 0.2, 0.1)
_PARTS = 3
"""Into so many runs of groups, from the input to the output, a model is cut, of which one at a time is narrowed."""

_NARROWED = 0.3
_MIXED = (0.1, 1.0)


@dataclass(frozen=True)
class Probe:
    """One of them: a name that says how it was narrowed, and its widths, of the groups that are narrower."""

    name: str
    widths: Mapping[str, int]


def probes_for(choices: Mapping[str, Sequence[int]], count: int, seed: int) -> tuple[Probe, ...]:
    """Probes over the widths that can be chosen: all groups alike, some alone, and seeded mixtures; none twice.

    Args:
        choices: by group, in the order of the model, its widths, the full one first.
        count: at most so many.
    """
    names = list(choices)
    drawn = random.Random(seed)
    found = [_probe(f"all at {share:.2f}", choices, dict.fromkeys(names, share)) for share in _UNIFORM]
    for part in range(_PARTS):
        inside = set(names[part * len(names) // _PARTS : (part + 1) * len(names) // _PARTS])
        name = f"part {part + 1} of {_PARTS} at {_NARROWED:.2f}"
        found.append(_probe(name, choices, {group: _NARROWED if group in inside else 1.0 for group in names}))
    found.append(_probe("all at their narrowest", choices, dict.fromkeys(names, 0.0)))
    found += [mixture(choices, drawn, f"mixture {number + 1}") for number in range(2 * count)]
    distinct = {tuple(sorted(probe.widths.items())): probe for probe in reversed(found) if probe.widths}
    return tuple(probe for probe in found if distinct.get(tuple(sorted(probe.widths.items()))) is probe)[:count]


def mixture(choices: Mapping[str, Sequence[int]], drawn: random.Random, name: str) -> Probe:
    """Every group at a share of its own, around one that is drawn for all."""
    low, high = _MIXED
    level = drawn.uniform(low, high)
    shares = {group: min(high, max(low, level + drawn.uniform(-0.35, 0.35))) for group in choices}
    return _probe(name, choices, shares)


def _probe(name: str, choices: Mapping[str, Sequence[int]], shares: Mapping[str, float]) -> Probe:
    """The nearest widths that can be chosen."""
    widths = {group: _nearest(known, shares[group] * known[0]) for group, known in choices.items()}
    return Probe(name, {group: width for group, width in widths.items() if width < choices[group][0]})


def _nearest(known: Sequence[int], wanted: float) -> int:
    return min(known, key=lambda width: abs(width - wanted))
