"""What prices a project's model while it is pruned: of one graph, or of parts; by time, or by counting."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.core.compression import CostName
from edgebuild.core.lock import Lock
from edgebuild.core.target import Target
from edgebuild.pipeline.joined import Joined
from edgebuild.pipeline.sources import Sets, Source
from edgebuild.pipeline.stage import Road
from edgebuild.search.gauges import Counting, Meter, Timing
from edgebuild.search.latency import LatencyPriced
from edgebuild.search.latency_of_parts import PartsPriced


def meter_of(cost: CostName, device: str | None) -> Meter:
    """What measures a cost that is measured.

    Args:
        device: the virtual board that counts instructions.
    """
    return Counting(device) if cost == "instructions" else Timing()


def measured_pricing(
    road: Road, source: Source, sets: Sets, targets: Sequence[Target], lock: Lock, meter: Meter
) -> LatencyPriced | PartsPriced:
    """Prices for a project's model on its targets.

    Raises:
        ConfigError: as ``Meter.refuse``.
    """
    meter.refuse(targets)
    if isinstance(source, Joined):
        return PartsPriced(road, source, sets, tuple(targets), lock, meter)
    return LatencyPriced(road, source, sets, tuple(targets), lock, meter)
