"""The search for the most accurate build inside the budgets: how long it may take, and what it turns."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgebuild.core.base import Frozen
from edgebuild.core.compression import CostName

Builders = Literal["processes", "ray"]


class Fit(Frozen):
    """``[fit]`` of a profile, or ``build --fit``: how long to search.

    Attributes:
        trials: so many builds are tried, at most.
        minutes: none is begun later than this.
        weights: one set for all targets, each of whose limits are met by it; or a search for each target alone, which
            gives it weights of its own, and as many trials and minutes as are said here.
        at_once: so many builds are made at a time, where making them measures nothing.
        builders: where: in processes of this machine, or on the Ray cluster that is at hand.
    """

    trials: Annotated[int, Field(ge=1, le=100)] = 12
    minutes: Annotated[float, Field(gt=0)] | None = None
    weights: Literal["shared", "own"] = "shared"
    at_once: Annotated[int, Field(ge=1, le=64)] = 1
    builders: Builders = "processes"


class Setting(Frozen):
    """What a search may turn.

    Attributes:
        keep: ``[pruning] keep``; None: the model is not pruned.
        int8: whether int8 may be chosen where the profile allows it; else the build is in float.
        cost: what pruning makes less; None: as the profile's [pruning] says, or without one parameters.
        recover: whether what was pruned is trained again where the profile has no [pruning]; some models can't be.
    """

    keep: Annotated[float, Field(gt=0, lt=1)] | None = None
    int8: bool = True
    cost: CostName | None = None
    recover: bool = True

    @property
    def label(self) -> str:
        """A name for tables and folders."""
        kept = "dense" if self.keep is None else f"keep-{self.keep:.3g}"
        kept += f"-of-{self.cost}" if self.cost else ""
        kept += "" if self.recover else "-untrained"
        return kept if self.int8 else f"{kept}-float"
