"""Errands in processes of this machine, which share its cores and end with the one that sent them.

Run as a module it makes the one errand that is the first line of its stdin, and ends when its stdin does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from edgebuild.search.errands import Errand, Say, make

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_GRACE_S = 10.0
"""That a process has to end by itself, with what it started."""
ENDED = 130
"""Its exit code then."""


def make_in_processes(errands: Mapping[str, Errand], say: Say) -> None:
    """Make errands at once. A process that dies is told of, and what it was to make is left to the search."""
    environment = shared_alike(len(errands))
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(_running(name, errand, environment, say)) for name, errand in errands.items()]
        try:
            for worker in running:
                worker.wait(say)
        finally:
            for worker in running:  # all of them, before the first one is waited for
                worker.ask_to_end()


def shared_alike(count: int) -> dict[str, str]:
    """This process's environment, where each of so many uses its share of the cores, or fewer where that was said."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = max(1, cores // count)
    told = {name: int(value) for name in _THREADS if (value := os.environ.get(name, "")).isdecimal()}
    return {**os.environ, **{name: str(min(share, told.get(name, share))) for name in _THREADS}}


@dataclass
class _Worker:
    name: str
    process: subprocess.Popen[str]
    stderr: IO[str]
    telling: threading.Thread

    def wait(self, say: Say) -> None:
        code = self.process.wait()
        self.telling.join()
        if code:
            self.stderr.seek(0)
            last = self.stderr.read().strip().rpartition("\n")[2]
            say(f"{self.name}: its process ended with {code}{f' ({last})' if last else ''}; it is built here")

    def ask_to_end(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()


@contextlib.contextmanager
def _running(name: str, errand: Errand, environment: Mapping[str, str], say: Say) -> Iterator[_Worker]:
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stderr,
        subprocess.Popen(
            [sys.executable, "-P", "-m", __name__], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=stderr, text=True, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        telling = threading.Thread(target=_tell, args=(process, name, say), daemon=True)
        telling.start()
        worker = _Worker(name, process, stderr, telling)
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(f"{errand.model_dump_json()}\n")
                process.stdin.flush()
            yield worker
        finally:
            worker.ask_to_end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
            process.kill()


def _tell(process: subprocess.Popen[str], name: str, say: Say) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        say(f"{name}: {line.rstrip()}")


def main() -> None:
    """The errand that comes on stdin; its progress goes to stdout, and what libraries print to stderr."""
    told = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    errand = Errand.model_validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with_sender, daemon=True).start()

    def say(text: str) -> None:
        print(text, file=told, flush=True)

    try:
        if lacking := make(errand, say):
            say(f"not built: {lacking}")
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(ENDED)


def _end_with_sender() -> None:
    """Interrupt what is done, so that it ends what it started; it may be where no interrupt reaches it."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_GRACE_S)
    os._exit(ENDED)


if __name__ == "__main__":
    main()
