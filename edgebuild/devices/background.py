"""An event loop in a thread of its own, for a library that is asynchronous behind a seam that is not."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import TypeVar

_Result = TypeVar("_Result")
_ENDING_S = 5.0


class Background:
    """Runs coroutines. Keep-alives go on between calls, since the loop does."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="edgebuild-link")
        self._thread.start()

    def call(self, coroutine: Coroutine[None, None, _Result]) -> _Result:
        """The coroutine's result. If this is interrupted, the coroutine is cancelled and has a moment to clean up."""
        ended = threading.Event()

        async def tracked() -> _Result:
            try:
                return await coroutine
            finally:
                ended.set()

        future: Future[_Result] | None = None
        try:
            future = asyncio.run_coroutine_threadsafe(tracked(), self._loop)
            return future.result()
        except BaseException:
            if future is not None and future.cancel():
                ended.wait(_ENDING_S)
            raise

    def stop(self) -> None:
        """Cancel what is left, and end the thread."""
        with contextlib.suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result(_ENDING_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ENDING_S)
        if not self._thread.is_alive():
            self._loop.close()


async def _cancel_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
