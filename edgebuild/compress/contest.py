"""Which of two ways to compare channels of different groups suits a network: both are tried, by a short recovery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from edgebuild.compress.importance import Importance
from edgebuild.core.compression import SpreadName
from edgebuild.core.recovery import EpochScore, Recovery

SAMPLES = 8192
"""Of the training set, at most: what a try goes through once."""

Found = TypeVar("Found")


def spreads(importance: Importance) -> dict[SpreadName, Importance]:
    """The same channels go first in each group; how many go of which group differs.

    "absolute" takes a change of the loss for what it is. That is right where layers can be bypassed, as in a residual
    network, of which it gives up those that matter least. In a chain each channel of a wide layer alone changes little,
    and yet the layer is needed: "relative" counts in units of the mean of the group.
    """
    means = {group: sum(values) / len(values) for group, values in importance.items()}
    relative = {
        group: [value / means[group] if means[group] > 0 else 1.0 for value in values]
        for group, values in importance.items()
    }
    return {"absolute": importance, "relative": relative}


def short(recovery: Recovery) -> Recovery:
    """A recovery that tells which of several models has the better start."""
    return recovery.model_copy(update={"epochs": 1, "patience": None})


def best(found: Sequence[Found], score: Callable[[Found], EpochScore]) -> Found:
    """The one that scores highest on the selection set; the first one of equals."""
    return max(found, key=lambda each: score(each).rank)
