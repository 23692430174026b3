"""Waiting in tests: for a condition, with a limit so generous that only a condition that never comes meets it."""

from __future__ import annotations

import time
from collections.abc import Callable

_POLL = 0.1


def eventually(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until a condition holds; an assertion fails with ``what`` if it does not within ``seconds``."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, what
        time.sleep(_POLL)
