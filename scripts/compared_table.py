"""What scripts/pruning_compared says of its records: a table a runtime, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, median

import numpy as np
from compared_records import OURS, Cell, Record

ENOUGH, BETTER, POINTS_A_RUNTIME = 6, 0.5, 8
_NORMAL_95 = 1.96
_CLOSE = 0.05

Records = Mapping[Cell, Mapping[str, Record]]
"""By cell, and by who made it."""


@dataclass(frozen=True)
class Against:
    """Ours against one of theirs at one point, over all seeds, in percentage points of accuracy.

    Attributes:
        gained: how much more accurate ours is in the mean.
        noise: half of the 95 % interval of that: of each test image the mean over seeds, over images.
        slower: their latency over ours by pairs: the median over seeds, and the widest of the intervals' ends.
    """

    by: str
    gained: float
    noise: float
    slower: tuple[float, float, float]

    @property
    def worse(self) -> bool:
        """Whether ours is, beyond doubt."""
        return self.gained < -self.noise


def against(own: Sequence[Record], other: Sequence[Record]) -> Against:
    """Ours against theirs, seed by seed on the same images."""
    each = np.mean([a.told.astype(float) - b.told for a, b in zip(own, other, strict=True)], axis=0)
    known = [record.slower for record in other if record.slower is not None]
    slower = median(k[0] for k in known), min(k[1] for k in known), max(k[2] for k in known)
    return Against(
        other[0].by, 100 * float(each.mean()), 100 * _NORMAL_95 * float(each.std(ddof=1)) / sqrt(len(each)), slower
    )


def strongest(found: Sequence[Against]) -> Against:
    """Of theirs the one that ours is least ahead of."""
    return min(found, key=lambda one: one.gained)


def groups(records: Records) -> dict[tuple[str, str, float], list[Mapping[str, Record]]]:
    """By network, runtime and point, what came of each seed."""
    found: dict[tuple[str, str, float], list[Mapping[str, Record]]] = {}
    for cell, own in records.items():
        found.setdefault((cell.subject, cell.runtime, cell.point), []).append(own)
    return found


def render(records: Records) -> str:
    """The table, and what it comes to."""
    known = groups(records)
    methods = list(dict.fromkeys(by for own in records.values() for by in own if by != OURS))
    head = ["network, runtime", "point", "seeds", f"{OURS} (latency)", *methods, "ours against the best", "which is"]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    rows += [_row(*key, seeds, methods) for key, seeds in known.items()]
    return "\n".join([*rows, "", *verdicts(records)[0]])


def verdicts(records: Records) -> tuple[list[str], bool]:
    """A sentence a runtime, and whether all of them hold."""
    lines, held = [], True
    for runtime in dict.fromkeys(cell.runtime for cell in records):
        found = [_best(seeds) for (_, own, _), seeds in groups(records).items() if own == runtime]
        level, worse = sum(one.gained >= 0 for one in found), sum(one.worse for one in found)
        better = sum(one.gained >= BETTER for one in found)
        holds = len(found) == POINTS_A_RUNTIME and level >= ENOUGH and not worse and better > 0
        held = held and holds
        lines.append(
            f"- {runtime}: of {len(found)} points ours is at least as accurate as the best of theirs at {level} "
            f"(wanted: {ENOUGH} of {POINTS_A_RUNTIME}), worse beyond its interval at {worse} (0), and better by "
            f"{BETTER:g} points or more at {better} (1): {'holds' if holds else 'does not hold'}."
        )
    return lines, held


def _best(seeds: Sequence[Mapping[str, Record]]) -> Against:
    own = [one[OURS] for one in seeds]
    return strongest([against(own, [one[by] for one in seeds]) for by in seeds[0] if by != OURS])


def _row(
    subject: str, runtime: str, point: float, seeds: Sequence[Mapping[str, Record]], methods: Sequence[str]
) -> str:
    own = [one[OURS] for one in seeds]
    latency = fmean(record.relative for record in own)
    cells = [f"{subject}, {runtime}", f"{point:g}", str(len(seeds)), f"{_accuracy(own)} ({latency:.3f})"]
    for by in methods:
        other = [one[by] for one in seeds]
        found = against(own, other)
        far = " ≠" if abs(found.slower[0] - 1) > _CLOSE else ""
        cells.append(
            f"{_accuracy(other)} (×{found.slower[0]:.3f}, {found.slower[1]:.3f} to {found.slower[2]:.3f}{far})"
        )
    best = _best(seeds)
    cells += [f"{best.gained:+.2f} ± {best.noise:.2f}", best.by]
    return f"| {' | '.join(cells)} |"


def _accuracy(records: Sequence[Record]) -> str:
    return f"{100 * fmean(record.told.mean() for record in records):.2f}"
