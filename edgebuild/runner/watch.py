"""The environment while inferences are timed, read by a thread at a low rate; what that costs is counted."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import threading
import time
from typing import Any

from runner.environment import read_environment

FIRST = 0.1
"""Seconds to the first reading, so that short runs have one too."""
_MOST = 1000


class Watch:
    """A context: readings every ``seconds`` inside it; with 0 there is no thread and nothing is read."""

    def __init__(self, seconds: float) -> None:
        self.readings: list[dict[str, Any]] = []
        self.cost_ns = 0
        self._seconds, self._over, self._start = seconds, threading.Event(), time.perf_counter_ns()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Watch:  # noqa: PYI034 (Python 3.9 has no Self)
        self._start = time.perf_counter_ns()
        if self._seconds > 0:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if self._seconds > 0:
            self._thread.join()

    def _read(self) -> None:
        wait = min(FIRST, self._seconds)
        while len(self.readings) < _MOST and not self._over.wait(wait):
            moment = time.perf_counter_ns() - self._start
            self.readings.append({**read_environment(), "moment_ns": moment})
            self.cost_ns = time.thread_time_ns()
            wait = self._seconds
