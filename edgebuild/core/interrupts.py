"""Ctrl-C ends the command wherever it comes: libraries must not pass it off as a failure of their own."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN_S = 0.02
_heard = threading.Event()


@contextmanager
def interrupts_heard() -> Iterator[None]:
    """While inside, Ctrl-C is remembered, and what then ends the block, be it well, ends it as KeyboardInterrupt.

    An interrupt raised inside a native library's callback may come out as that library's own error, as from pydantic's
    serializer, or not at all. One that Python cannot raise, because a finalizer or a weak reference's callback runs,
    goes to ``sys.unraisablehook``; it is sent once more.
    """
    with ExitStack() as before:
        before.callback(_heard.clear)
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored, as by nohup
            before.callback(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, _hear))
        before.callback(setattr, sys, "unraisablehook", sys.unraisablehook)
        sys.unraisablehook = _send_again_or(sys.unraisablehook)
        try:
            yield
        finally:
            raise_if_interrupted()


def raise_if_interrupted() -> None:
    """Called where a library's failure would be believed, or a result kept.

    Raises:
        KeyboardInterrupt: if Ctrl-C came since ``interrupts_heard`` began.
    """
    if _heard.is_set():
        raise KeyboardInterrupt


def _hear(_signal: int, _frame: FrameType | None) -> NoReturn:
    _heard.set()
    raise KeyboardInterrupt


def _send_again_or(before: Callable[[UnraisableHookArgs], object]) -> Callable[[UnraisableHookArgs], None]:
    def hook(unraisable: UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            again = threading.Timer(_AGAIN_S, _interrupt_main)
            again.daemon = True
            again.start()
        else:
            before(unraisable)

    return hook


def _interrupt_main() -> None:
    """As a signal of the system's, which wakes the main thread up from what it waits for."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
