"""Which of two ways to compare channels of different groups suits a network: told by how recoveries begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from edgebuild.compress.importance import Importance
from edgebuild.core.compression import SpreadName
from edgebuild.core.recovery import EpochScore, Recovery

_SAMPLES = 8192
"""Of the training set, at least, where that is no more than half of the recovery: what a try goes through."""

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


def tried_epochs(recovery: Recovery, samples: int) -> int:
    """After how many epochs of a recovery it is judged how far it will come; at the learning rates that it has there.

    A recovery that is as short as a try would judge otherwise: its learning rate falls before a model that was cut
    deep has come back, which then looks worse than one that will not come as far.
    """
    return max(1, min(-(-_SAMPLES // samples), recovery.epochs // 2))


def best(found: Sequence[Found], score: Callable[[Found], EpochScore]) -> Found:
    """The one that scores highest on the selection set; the first one of equals."""
    return max(found, key=lambda each: score(each).rank)
