"""Waiting for what happens in its own time: in another process, thread or machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

LIMIT_S = 60.0
"""Far beyond what a slow and busy machine takes: what has not happened by then does not happen."""
_POLL_S = 0.05


def eventually(holds: Callable[[], object], what: str, seconds: float = LIMIT_S) -> None:
    """Wait until something holds; fail if it does not in that time."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, f"not so after {seconds:g} s: {what}"
        time.sleep(_POLL_S)


@contextmanager
def once(holds: Callable[[], object], what: str, then: Callable[[], object]) -> Iterator[None]:
    """A block during which another thread calls ``then`` once something holds; what fails there fails at the end."""
    with ThreadPoolExecutor(1) as other:
        beside = other.submit(lambda: (eventually(holds, what), then()))
        yield
        beside.result()
