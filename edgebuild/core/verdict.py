"""Verdicts: PASS, FAIL, INCONCLUSIVE, each with what decided it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from edgebuild.core.artifact import Precision
from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest
from edgebuild.core.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS
from edgebuild.core.measurement import Measurement, MeasurementKey
from edgebuild.core.metric import Budget
from edgebuild.core.profile import Judging


class Outcome(StrEnum):
    """The three answers of a gate."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"

    @property
    def exit_code(self) -> int:
        """0, 1 or 4."""
        return {"PASS": EXIT_PASS, "FAIL": EXIT_FAIL, "INCONCLUSIVE": EXIT_INCONCLUSIVE}[self.value]


class Line(Frozen):
    """The judgement of one budget.

    Attributes:
        estimate, low, high: the value and its bounds in the metric's base unit; None where unbounded or unknown.
        count: how many units of evidence (runs, or samples for accuracy) it stands on.
        reason: why it is not a PASS, in words; empty for PASS.
        decides: whether the verdict stands on it; what a basis can't judge does not, beside budgets that it can.
    """

    budget: Budget
    outcome: Outcome
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    count: int = 0
    basis: str = ""
    reason: str = ""
    decides: bool = True

    @property
    def bound(self) -> float | None:
        """What a limit that is not to be passed is held against: the upper bound, or the value where there is none."""
        return self.estimate if self.high is None else self.high


class Verdict(Frozen):
    """The judgement of a bundle's variant: its lines, the one that decides, and all it takes to judge again.

    Attributes:
        rule: the version of the rule.
        part, precision: the variant that was judged.
        key: what its runs were filed under, as that of latency runs; None if no budget was measured on a device.
        judging: the confidence it was judged at.
        profile: the digest of the profile that states it.
        records: how many of the bundle's records of evidence it stands on: those that were there first.
        since: how many of them are older than it was asked for, in a trial that begins anew: their runs don't count.
        baseline: the exact runs of another bundle that it was held against.
    """

    outcome: Outcome
    lines: tuple[Line, ...]
    deciding: str = ""
    reason: str = ""
    bundle: Digest
    rule: int
    part: str = ""
    precision: Precision | None = None
    key: MeasurementKey | None = None
    judging: Judging | None = None
    profile: Digest | None = None
    records: int | None = None
    since: int = Field(ge=0, default=0)
    baseline: Measurement | None = None
