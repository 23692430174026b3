"""The pace at which a run makes its inferences. Each is fixed, so that its metrics mean the same everywhere."""

from __future__ import annotations

from edgebuild.core.base import Frozen
from edgebuild.core.metric import Mode

MINUTE = 60.0


class Workload(Frozen):
    """A pace.

    Attributes:
        burst: inferences one right after the other, before a pause; 0: there is none.
        gap_seconds: how long the pause is. period_seconds: or how long after the last one's a burst begins.
        seconds: how long a run takes at least; 0: what the profile says.
    """

    burst: int = 0
    gap_seconds: float = 0.0
    period_seconds: float = 0.0
    seconds: float = 0.0


WORKLOADS: dict[Mode, Workload] = {
    Mode.LATENCY: Workload(),
    Mode.TURNS: Workload(),
    Mode.BURST: Workload(burst=10, gap_seconds=0.5),
    Mode.DUTY: Workload(burst=1, period_seconds=0.1),
    Mode.SUSTAINED: Workload(seconds=5 * MINUTE),
    Mode.END_TO_END: Workload(),
}
