"""Ctrl-C is heard wherever it comes: where Python cannot raise it, it is sent once more."""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN_S = 0.02


@contextmanager
def interrupts_heard() -> Iterator[None]:
    """While inside, a KeyboardInterrupt that Python would print and drop is raised in the main thread after all.

    That happens when the signal comes while a finalizer or a weak reference's callback runs (the import system has
    such a callback on each module's lock): the exception has nobody to go to, and ``sys.unraisablehook`` gets it.
    """
    before = sys.unraisablehook

    def hook(unraisable: UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            again = threading.Timer(_AGAIN_S, _thread.interrupt_main)
            again.daemon = True
            again.start()
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
