"""How the release of a bundle's variant ended: what ``--baseline last-release`` goes by."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgebuild.core.artifact import Precision
from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest
from edgebuild.core.verdict import Outcome


class Release(Frozen):
    """One target's end of one ``edgebuild release``.

    Attributes:
        at: when it ended, ISO 8601 with an offset.
        device: what the variant was measured on; "" if nothing was.
        outcome: PASS only if every check that a release needs was made and held, too.
        machine: the name of the machine that released it, and ``path`` where the bundle was there.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    kind: Literal["release"] = "release"
    bundle: Digest
    part: str
    precision: Precision
    device: str
    outcome: Outcome
    at: str
    machine: str
    path: str

    model_config = Frozen.model_config | {"populate_by_name": True}
