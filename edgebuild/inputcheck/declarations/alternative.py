"""What another declaration of an input is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgebuild.core.array import Array
from edgebuild.core.input_check import Kind
from edgebuild.inputcheck.declarations.steps import Steps

Change = Callable[[Array], Array]
"""From raw samples, (N, …), to others of the same shape."""


@dataclass(frozen=True)
class Alternative:
    """Another declaration of one input.

    Attributes:
        kind: what is wrong with the declared one if this is right.
        words: what is different, as "… would" continues.
        steps: its ``pre`` steps.
        change: where the samples themselves are to be made otherwise, how.
        fix: what to do then.
    """

    kind: Kind
    words: str
    steps: Steps
    change: Change | None = None
    fix: str = ""


@dataclass(frozen=True)
class Remade:
    """One way of making samples otherwise, and what to do about it: what no declaration of steps can mend."""

    kind: Kind
    words: str
    fix: str
    change: Change
