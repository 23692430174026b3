"""What happened while a set was read: samples left out and why, and what was changed to fit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from edgebuild.core.errors import ConfigError

_SHOWN = 3


@dataclass
class Notes:
    """Of one set.

    Attributes:
        counts: how often each thing happened, by what it is called.
    """

    read: int = 0
    left_out: list[ConfigError] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def lines(self) -> tuple[str, ...]:
        """One sentence a matter; none if all went as it should."""
        counted = tuple(f"{count} {what}" for what, count in sorted(self.counts.items()) if count)
        if not self.left_out:
            return counted
        shown = "; ".join(f"{error.subject}: {error.found}" for error in self.left_out[:_SHOWN])
        more = f"; and {len(self.left_out) - _SHOWN} more" if len(self.left_out) > _SHOWN else ""
        return (f"{len(self.left_out)} of {self.read} samples left out: {shown}{more}", *counted)
