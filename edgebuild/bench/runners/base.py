"""The seam to what makes a run: the files it needs there, a command, and a parser of what comes back."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from edgebuild.core.wire import Request, Response
from edgebuild.devices.base import Completed

_SAID = 1500
_SENT = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
"""Signals that are sent by the kernel or by somebody; a program that goes wrong by itself gets others."""


@dataclass(frozen=True)
class Crash:
    """The run's process ended without an answer.

    Attributes:
        how: in words. killed: it was ended from outside. full: the device's disk had no room for the answer.
    """

    how: str
    killed: bool
    full: bool = False


class Runner(Protocol):
    """Makes one run of a request. ``stem`` is the run's own, for the names of its files in the work folder.

    Every call raises DeviceError for what this kind of runner can't do, or if an answer is no answer.
    """

    def files(self, request: Request, stem: str) -> Mapping[str, bytes]:
        """What has to be in the work folder before the command, by name."""

    def command(self, request: Request, stem: str) -> list[str]:
        """The program and its arguments; it runs in the work folder."""

    def by_turns(self, stems: tuple[str, str], seed: str) -> list[str] | None:
        """The command for two runs at once, which take turns in an order drawn from ``seed``; None: it can't."""

    def parse(self, done: Completed, answer: bytes | None) -> Response | Crash:
        """What the run says.

        Args:
            answer: what it wrote to ``answer_name(stem)``; None: nothing.
        """


def answer_name(stem: str) -> str:
    """The file that a run's answer is looked for in."""
    return f"{stem}.response.json"


def crash(done: Completed) -> Crash:
    """How a process ended, with the end of what it said."""
    said = (done.stderr or done.stdout).strip()[-_SAID:]
    how = f"exit code {done.code} and no answer"
    if done.code < 0:
        try:
            how = f"killed by {signal.Signals(-done.code).name}"
        except ValueError:
            how = f"killed by signal {-done.code}"
    return Crash(f"{how}{': ' + said if said else ''}", -done.code in _SENT)
