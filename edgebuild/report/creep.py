"""A slow creep in words, beside a verdict."""

from __future__ import annotations

from edgebuild.core.metric import METRICS
from edgebuild.core.units import Unit, format_quantity
from edgebuild.judge.creep import Creep


def creep_text(creep: Creep) -> str:
    """A creep as one line."""
    since = (
        f"at the last release ({creep.since.at[:10]})"
        if creep.released
        else f"when its history began ({creep.since.at[:10]})"
    )
    told = ", ".join(
        f"on {c.at[:10]} from {quantity(creep.metric, c.before)} to {quantity(creep.metric, c.after)}"
        for c in creep.changes
    )
    return (
        f"{creep.metric} crept: it is {creep.percent:.1f} % above its level {since}: "
        f"{quantity(creep.metric, creep.before)} then, {quantity(creep.metric, creep.now)} now. It rose {told}; "
        f"a gate lets {creep.limit:g} % pass at once"
    )


def quantity(metric: str, value: float) -> str:
    """A metric's value for people; one that this version does not know is a plain number."""
    known = METRICS.get(metric)
    return format_quantity(value, known.unit if known else Unit.COUNT)
