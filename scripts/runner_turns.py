"""Two processes on one processor by turns, so that both have the same good and bad moments of the machine.

Each goes on for a few hundredths of a second while the other is stopped (SIGSTOP); neither is changed for it. An
inference that a stop falls into takes long; the median passes over it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from pathlib import Path

TURN_S = 0.02
_LOOK_S = 0.001
_START_S = 60.0

Timing = Callable[[], float]
"""Starts one process that leads a group of its own, waits for it, and gives its p50 in nanoseconds."""


@contextlib.contextmanager
def on_one_processor() -> Iterator[None]:
    """All that is started meanwhile runs on the last processor that this process may run on."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def start_up_s(timing: Timing, inferences: int) -> float:
    """How long a process takes before and after its inferences, by one that runs alone."""
    began = time.monotonic()
    p50 = timing()
    return max(0.0, time.monotonic() - began - inferences * p50 * 1e-9)


def by_turns(first: Timing, second: Timing, later_s: float) -> tuple[float, float]:
    """What both give, taken by turns.

    Args:
        later_s: by how much the second's inferences begin later than the first's, both being started at once; the
            second is ahead by as much. Less than 0: the first is.
    """
    sides: list[_Side] = []
    with ThreadPoolExecutor(2) as threads:
        try:
            sides += [_Side(first, threads), _Side(second, threads)]
            sides[0 if later_s < 0 else 1].go_on(abs(later_s))
            while not all(side.is_over for side in sides):
                for side in sides:
                    side.go_on(TURN_S)
        finally:
            for side in sides:
                side.end()
        return sides[0].answer(), sides[1].answer()


class _Side:
    """One process, stopped but in its turns, and the thread that waits for it."""

    def __init__(self, timing: Timing, thread: Executor) -> None:
        before = _children()
        self._answer = thread.submit(timing)
        self._group = self._started(before)
        self._signal(signal.SIGSTOP)

    @property
    def is_over(self) -> bool:
        return self._answer.done()

    def go_on(self, seconds: float) -> None:
        """Its turn, which ends early where it has come to its end."""
        if not self.is_over:
            self._signal(signal.SIGCONT)
            wait([self._answer], seconds)
            self._signal(signal.SIGSTOP)

    def end(self) -> None:
        """Nothing of it stays, stopped or not."""
        if not self.is_over:
            self._signal(signal.SIGKILL)

    def answer(self) -> float:
        """What its timing gave, or its error."""
        return self._answer.result()

    def _started(self, before: set[int]) -> int:
        ends = time.monotonic() + _START_S
        while not self.is_over and time.monotonic() < ends:
            if found := _children() - before:
                return found.pop()
            time.sleep(_LOOK_S)
        return 0

    def _signal(self, number: int) -> None:
        if self._group:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._group, number)


def _children() -> set[int]:
    """This process's children that lead a group of their own."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if (int(fields[1]), int(fields[2])) == (os.getpid(), int(process.name)):
                found.add(int(process.name))
    return found
