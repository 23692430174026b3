"""When a warm-up is over, found from its own samples."""

from __future__ import annotations

from collections.abc import Sequence

BLOCK = 10
"""Inferences of one block: successive blocks are compared by their medians."""
SAME = 0.02
"""Two blocks are alike if their medians differ by less than this share."""
DRIFTED = 0.25
"""A timed run whose first and last thirds' medians differ by more than this share was not steady."""


def median(values: Sequence[int]) -> int:
    """The lower median."""
    return sorted(values)[(len(values) - 1) // 2]


def warmed_up(samples: Sequence[int], block: int = BLOCK) -> bool:
    """Whether the last block is no faster than the one before it, by more than 2 %."""
    if len(samples) < 2 * block:
        return False
    last, before = median(samples[-block:]), median(samples[-2 * block : -block])
    return last >= before * (1 - SAME) and last <= before * (1 + SAME)


def is_steady(samples: Sequence[int]) -> bool:
    """Whether the run's first third and its last have about the same median."""
    third = len(samples) // 3
    if third < BLOCK:
        return True
    first, last = median(samples[:third]), median(samples[-third:])
    return abs(last - first) <= DRIFTED * min(first, last)
