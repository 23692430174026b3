"""What checking a bundle again comes to: each check *ok*, *broken* or *not checked*, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgebuild.core.digest import Digest
from edgebuild.core.verdict import Verdict

State = Literal["ok", "broken", "not checked"]


@dataclass(frozen=True)
class Rejudged:
    """A recorded verdict, judged again.

    Attributes:
        number: which one it is of the bundle's verdicts, from 1.
        at: when it was recorded.
        position: how many of the bundle's records come before it.
        again: the verdict that its evidence gives now; None if it can't be judged.
    """

    number: int
    at: str
    position: int
    recorded: Verdict
    state: State
    why: str
    again: Verdict | None = None

    @property
    def digest(self) -> Digest | None:
        """The sha256 of the canonical JSON of the verdict that its evidence gives now."""
        from edgebuild.core.digest import digest_json

        return None if self.again is None else digest_json(self.again)


@dataclass(frozen=True)
class Check:
    """One check: its name, what came of it, and why.

    Attributes:
        verdicts: of the check of verdicts, each of them.
        signed: of a signature that is ok, how many of the bundle's records it covers.
    """

    name: str
    state: State
    why: str = ""
    verdicts: tuple[Rejudged, ...] = ()
    signed: int | None = None
