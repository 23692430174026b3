"""What measures the latency of a project's model while it is pruned: of one graph, or of parts."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.core.lock import Lock
from edgebuild.core.target import Target
from edgebuild.pipeline.joined import Joined
from edgebuild.pipeline.pricing import Priced
from edgebuild.pipeline.sources import Sets, Source
from edgebuild.pipeline.stage import Road
from edgebuild.search.latency import LatencyPriced, refuse_absent
from edgebuild.search.latency_of_parts import PartsPriced


def latency_pricing(road: Road, source: Source, sets: Sets, targets: Sequence[Target], lock: Lock) -> Priced:
    """Latency for a project's model on its targets.

    Raises:
        ConfigError: a target's device is not this machine.
    """
    refuse_absent(targets)
    if isinstance(source, Joined):
        return PartsPriced(road, source, sets, tuple(targets), lock)
    return LatencyPriced(road, source, sets, tuple(targets), lock)
