"""The base of frozen values."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from edgebuild.core.base import Frozen

THREADS = 4


class Slow:
    """A type whose schema takes so long that all threads ask for it before one has it."""

    asked = 0

    @classmethod
    def __get_pydantic_core_schema__(cls, _: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        cls.asked += 1
        time.sleep(0.2)
        return core_schema.int_schema()


class Late(Frozen):
    """Completed when it is first used."""

    value: Slow


def test_a_class_that_many_threads_use_first_at_once_is_completed_once() -> None:
    """pydantic alone completes it once a thread, and takes away in one what another has just made."""
    together = Barrier(THREADS)

    def used(number: int) -> dict[str, object]:
        together.wait()
        return Late.model_validate({"value": number}).model_dump()

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(used, range(THREADS))) == [{"value": number} for number in range(THREADS)]
    assert Slow.asked == 1
