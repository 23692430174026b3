"""The pauses between inferences, as an application makes them."""

from __future__ import annotations

import time
from typing import Any


class Pace:
    """Bursts of ``burst`` inferences, each after a gap or so long after the last one began; 0: without a pause."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._burst = int(request.get("burst", 0))
        self._gap, self._period = float(request.get("gap_seconds", 0)), float(request.get("period_seconds", 0))
        self._begun = time.monotonic()

    def wait(self, made: int) -> None:
        """Wait until the next inference is due; ``made`` is how many there were."""
        if self._burst == 0 or made == 0 or made % self._burst:
            return
        due = self._begun + self._period if self._period else time.monotonic() + self._gap
        time.sleep(max(0.0, due - time.monotonic()))
        self._begun = time.monotonic()
