"""What a search tried, and what became of it."""

from __future__ import annotations

from edgebuild.core.artifact import Precision
from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest
from edgebuild.core.fit import Setting
from edgebuild.core.metric import Budget
from edgebuild.core.units import format_quantity
from edgebuild.core.verdict import Line


class Fitted(Frozen):
    """A trial on one target, the whole or a part that has budgets of its own.

    Attributes:
        part: which part; empty: the whole.
        precision: of the variant that the build prefers.
        lines: one a budget; accuracy is of the selection set.
        accuracy: on the selection set: the score in points, or without labels the SQNR in dB; None: not known.
        selected: how many samples that is of.
    """

    target: str
    precision: Precision
    size: int
    lines: tuple[Line, ...]
    accuracy: float | None = None
    selected: int = 0
    part: str = ""

    @property
    def place(self) -> str:
        """The target, and the part if it is one."""
        return place_of(self.target, self.part)


def place_of(target: str, part: str) -> str:
    """How a target is called where only a part of it is meant; the whole is an empty part."""
    return f"{target} ({part})" if part else target


class FitTrial(Frozen):
    """One build that was tried.

    Attributes:
        refused: why there is none: the model can't be made so small.
        parameters, macs: what is left of the model.
    """

    setting: Setting
    fitted: tuple[Fitted, ...] = ()
    parameters: int | None = None
    macs: float | None = None
    refused: str = ""


class Relaxation(Frozen):
    """A limit that, were it so much, one of the builds that were tried would meet, and all other limits as they are.

    Attributes:
        target: and in brackets the part, where the limit is a part's own.
        asked: the limit that there is.
        limit: the one that would do; None: none of the builds fails by this budget alone.
        setting: of the build that meets it.
    """

    target: str
    asked: Budget
    limit: float | None = None
    setting: Setting | None = None

    def __str__(self) -> str:
        if self.limit is None:
            return f"{self.asked} on {self.target}: no limit on this alone would do, of what was tried"
        limit = format_quantity(self.limit, self.asked.definition.unit)
        return f"{self.asked} on {self.target}: {limit} would be met"


class FitResult(Frozen):
    """How a search ended.

    Attributes:
        chosen: the setting that was built; the most accurate of those that meet the limits, else the nearest to them.
        met: whether it meets all of them, by the selection set.
        binding: the lines of the chosen build that are not met, each with its target, and its part if it is a part's.
        relaxations: where nothing meets all limits, one for each of those that are not met.
        ended: why no more was tried.
    """

    subject: Digest
    trials: tuple[FitTrial, ...]
    chosen: Setting
    met: bool
    binding: tuple[tuple[str, Line], ...] = ()
    relaxations: tuple[Relaxation, ...] = ()
    ended: str = ""
