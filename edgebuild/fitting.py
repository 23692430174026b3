"""What a build is fitted by: measuring, imported where a profile asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgebuild.core.lock import Lock
    from edgebuild.core.target import Target
    from edgebuild.pipeline.pricing import Priced
    from edgebuild.pipeline.sources import Sets, Source
    from edgebuild.pipeline.stage import Road


def pricing(road: Road, source: Source, sets: Sets, targets: Sequence[Target], lock: Lock) -> Priced:
    """Latency on a project's targets; a ``Pricing``."""
    from edgebuild.search.latency import latency_pricing

    return latency_pricing(road, source, sets, targets, lock)
