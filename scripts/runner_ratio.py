"""Whether a ratio of times lies inside bounds: its median over blocks, with an exact interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from edgebuild.core.intervals import median_bounds

LOWEST, HIGHEST = 0.98, 1.02
LOOKS = (12, 24, 48)
"""After so many blocks it is looked at whether the ratio is decided, the last time where the time ends before.

All looks together may err in 5 % of cases.
"""

ERROR = 0.05


@dataclass(frozen=True)
class Interval:
    """The median ratio over blocks and its bounds: 0 and infinity if the blocks are too few for any."""

    median: float
    low: float
    high: float
    blocks: int

    @property
    def inside(self) -> bool:
        """Whether all of it lies inside what is allowed."""
        return self.low >= LOWEST and self.high <= HIGHEST

    @property
    def verdict(self) -> str:
        """In words."""
        return "inside" if self.inside else "outside" if self.outside else "not decided"

    @property
    def bounds(self) -> str:
        """In figures, if there are any."""
        return "–" if self.high == inf else f"{self.low:.4f} to {self.high:.4f}"

    @property
    def outside(self) -> bool:
        """Whether none of it does."""
        return self.high < LOWEST or self.low > HIGHEST


def interval_of(ratios: Sequence[float], looks: int = len(LOOKS)) -> Interval:
    """The median and its interval, which holds at 95 % however many of the looks were taken.

    The bounds are order statistics, exact by the sign test (Dixon & Mood 1946) whatever the ratios' distribution is.
    Each look spends its share of the error, half of it on each side (Bonferroni).
    """
    low, high = median_bounds(ratios, 1 - ERROR / looks / 2)
    ordered, middle = sorted(ratios), len(ratios) // 2
    median = (ordered[middle] + ordered[-1 - middle]) / 2
    return Interval(median, 0.0 if low is None else low, inf if high is None else high, len(ratios))


def is_decided(ratios: Sequence[float]) -> bool:
    """Whether no more blocks are needed: at a look it lies inside or outside, or it was the last look."""
    if len(ratios) not in LOOKS:
        return False
    found = interval_of(ratios)
    return found.inside or found.outside or len(ratios) == LOOKS[-1]
