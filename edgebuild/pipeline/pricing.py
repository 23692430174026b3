"""The seam to what costs are measured by: the road asks for them, and whoever drives it hands them in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgebuild.core.digest import Digest, Json
from edgebuild.core.lock import Lock, LockedLatency
from edgebuild.core.target import Target
from edgebuild.pipeline.sources import Sets, Source
from edgebuild.pipeline.stage import Road
from edgebuild.store.entry import Entry

if TYPE_CHECKING:
    from edgebuild.compress.costing import Costing


class Priced(Protocol):
    """What pruning one model costs on some targets. Nothing is measured before it is opened."""

    @property
    def inputs(self) -> dict[str, Json]:
        """Everything beside the code that what is measured depends on, but for the machine."""
        ...

    @property
    def measured(self) -> Mapping[str, Mapping[Digest, LockedLatency]]:
        """What was asked for since it was opened, for the lock."""
        ...

    @property
    def code(self) -> tuple[str, ...]:
        """The files and folders below the package that it depends on."""
        ...

    @property
    def tools(self) -> tuple[str, ...]:
        """The distributions whose versions it depends on."""
        ...

    def open(self) -> AbstractContextManager[Costing]:
        """Measure what is neither in the lock nor in the cache."""
        ...


Pricing = Callable[[Road, Source, Sets, Sequence[Target], Lock], Priced]
"""Prices for a project's model on its targets.

Raises:
    ConfigError: a target's device is not at hand.
"""

_FILE = "latencies.json"


def save_latencies(folder: Path, measured: Mapping[str, Mapping[Digest, LockedLatency]]) -> None:
    """Write what was measured into an entry's folder."""
    value = {
        target: {subject: one.model_dump(mode="json") for subject, one in own.items()}
        for target, own in measured.items()
    }
    (folder / _FILE).write_text(json.dumps(value, sort_keys=True, indent=1), encoding="utf-8")


def load_latencies(entry: Entry) -> dict[str, dict[Digest, LockedLatency]]:
    """Read it back; nothing where nothing was."""
    if _FILE not in entry.files:
        return {}
    return {
        target: {subject: LockedLatency.model_validate(one) for subject, one in own.items()}
        for target, own in json.loads(entry.read(_FILE)).items()
    }
