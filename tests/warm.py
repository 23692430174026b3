"""Commands and functions in processes of their own that need not import torch first: forked from one that has."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import IO

from waiting import eventually

IMPORTED = ("torch", "torch.export._trace")
"""What every build needs, and more than half of the processor time of a small one. What a runtime brings is not here:
its import is a moment of the command like any other, at which it can be killed or interrupted."""


@functools.cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    return context


@dataclass(frozen=True)
class Command:
    """A command in a session, and so a process group, of its own.

    Attributes:
        process: ``exitcode`` is negative where a signal ended it.
        said: what it says on stderr, and on stdout where that was asked for, to be read until it ends.
    """

    process: ForkServerProcess
    said: IO[str]

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the command and all that it started, if they are still there."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid or 0, number)

    def ends(self, seconds: float) -> bool:
        """Whether it ends by itself within so many seconds."""
        self.process.join(seconds)
        return self.process.exitcode is not None

    def code(self, seconds: float = 300) -> tuple[int, str]:
        """Wait for its end: the exit code, and what it said."""
        text = self.said.read()
        self.said.close()
        assert self.ends(seconds), f"it has not ended:\n{text[-3000:]}"
        return self.process.exitcode or 0, text


def start(argv: list[str], environment: Mapping[str, str], folder: Path, *, stdout: bool = True) -> Command:
    """Start ``edgebuild`` with these arguments; without ``stdout``, what it says there is thrown away."""
    return call(functools.partial(_edgebuild, argv), environment, folder, stdout=stdout)


def call(
    function: Callable[[], object], environment: Mapping[str, str], folder: Path, *, stdout: bool = True
) -> Command:
    """Start a function of a module that can be imported there, as ``start`` does a command."""
    reading, writing = multiprocessing.Pipe(duplex=False)
    arguments = (function, dict(environment), str(folder), writing, stdout)
    process = _server().Process(target=_run, args=arguments, daemon=False)
    process.start()
    writing.close()
    said = os.fdopen(os.dup(reading.fileno()), encoding="utf-8")
    reading.close()
    eventually(lambda: _leads(process), "the command runs")
    return Command(process, said)


def _leads(process: ForkServerProcess) -> bool:
    """Whether it leads its group already, so that a signal to the group reaches it; or has ended."""
    try:
        return os.getpgid(process.pid or 0) == process.pid
    except ProcessLookupError:
        return True


def _edgebuild(argv: list[str]) -> None:
    sys.argv = ["edgebuild", *argv]
    from edgebuild.cli.main import program

    program()


def _run(
    function: Callable[[], object], environment: dict[str, str], folder: str, writing: Connection, stdout: bool
) -> None:
    """In the process of the command: take its place."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.dup2(writing.fileno(), 2)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(writing.fileno() if stdout else nowhere, 1)
    writing.close()
    tempfile.tempdir = None  # to be asked for again
    function()
