"""Ctrl-C is heard wherever it comes: where Python cannot raise it, it is sent once more."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN_S = 0.02


def _interrupt_main() -> None:
    """As a signal of the system's, which wakes the main thread up from what it waits for."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@contextmanager
def interrupts_heard() -> Iterator[None]:
    """While inside, a KeyboardInterrupt that Python would print and drop is raised in the main thread after all.

    That happens when the signal comes while a finalizer or a weak reference's callback runs (the import system has
    such a callback on each module's lock): the exception has nobody to go to, and ``sys.unraisablehook`` gets it.
    """
    before = sys.unraisablehook

    def hook(unraisable: UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            again = threading.Timer(_AGAIN_S, _interrupt_main)
            again.daemon = True
            again.start()
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
