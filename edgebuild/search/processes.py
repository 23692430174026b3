"""Errands in processes of this machine, which share its cores and end with the one that sent them.

Run as a module it makes the one errand that is the first line of its stdin, and ends when its stdin does.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping

from edgebuild.search.errands import Errand, Say, make

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def make_in_processes(errands: Mapping[str, Errand], say: Say) -> None:
    """Make errands at once. A process that dies is told of, and what it was to make is left to the search."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = str(max(1, cores // len(errands)))
    environment = {**dict.fromkeys(_THREADS, share), **os.environ}
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(_running(name, errand, environment, say)) for name, errand in errands.items()]
        for name, process, told in running:
            if process.wait():
                say(f"{name}: its process ended with {process.returncode}; it is built here again")
            told.join()


@contextlib.contextmanager
def _running(
    name: str, errand: Errand, environment: Mapping[str, str], say: Say
) -> Iterator[tuple[str, subprocess.Popen[str], threading.Thread]]:
    with subprocess.Popen(
        [sys.executable, "-m", __name__], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        told = threading.Thread(target=_tell, args=(process, name, say), daemon=True)
        told.start()
        assert process.stdin is not None
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(f"{errand.text}\n")
                process.stdin.flush()
            yield name, process, told
        finally:
            process.kill()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            told.join()


def _tell(process: subprocess.Popen[str], name: str, say: Say) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        say(f"{name}: {line.rstrip()}")


def main() -> None:
    """The errand that comes on stdin; its progress goes to stdout, and what libraries print nowhere."""
    told = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    errand = Errand.model_validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with_sender, daemon=True).start()
    make(errand, lambda text: print(text, file=told, flush=True))


def _end_with_sender() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
