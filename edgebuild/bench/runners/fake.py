"""A runner whose answers are given, for tests of everything above the seam."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgebuild.bench.runners.base import Crash
from edgebuild.core.wire import Request, Response
from edgebuild.devices.base import Completed


class FakeRunner:
    """One answer a run, in order; what it was asked is kept."""

    def __init__(self, answers: Iterable[Response | Crash] = ()) -> None:
        self.asked: list[Request] = []
        self._answers = iter(answers)

    def files(self, request: Request, stem: str) -> Mapping[str, bytes]:  # noqa: ARG002
        return {}

    def command(self, request: Request, stem: str) -> list[str]:
        self.asked.append(request)
        return ["fake", stem]

    def by_turns(self, stems: tuple[str, str], seed: str) -> list[str] | None:
        return ["fake", *stems, seed]

    def parse(self, done: Completed, answer: bytes | None) -> Response | Crash:  # noqa: ARG002
        return next(self._answers, Crash("the script is over", killed=False))
