"""Run as a program of its own: keeps a board's processes, and ends them when whoever booted the board is gone.

``keeper.py FOLDER while-read|until-told``. FOLDER has ``commands.json``, a list of commands. All end when the first
one ends, or this gets SIGTERM, or (``while-read``) its standard input closes, which the kernel does for a process
that is killed too. If this is killed itself, the kernel ends what it started. Whoever started this may have passed on
a lock on the folder: every process of the board holds it, so it is free only when the last of them is gone. The folder
goes with the board, unless the board ended by itself: then what it said is left to be read.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_GRACE = 10.0
_LIBC = ctypes.CDLL(None, use_errno=True)


def keep(folder: Path, *, read: bool) -> None:
    """Start the commands and wait for the end; everything started has ended when this returns."""
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children = [_start(argv, folder) for argv in json.loads((folder / "commands.json").read_text(encoding="utf-8"))]
    (folder / "keeper.pid").write_text(str(os.getpid()), encoding="ascii")
    told = _wait(children[0], woken, read)
    for child in children:
        _end(child)
    if told:
        shutil.rmtree(folder, ignore_errors=True)


def _start(argv: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{Path(argv[0]).name}.log").open("wb") as log:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
            env={**os.environ, "HOME": str(folder), "TMPDIR": str(folder)},
            close_fds=False,  # for the lock; all else here is closed on exec
            preexec_fn=functools.partial(die_with, os.getpid()),  # noqa: PLW1509 - it has no threads
        )  # fmt: skip


def die_with(parent: int) -> None:
    """In the child: SIGKILL when the keeper ends, however it ends; it has one thread, whose end is its own."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before it could be told so
        os.kill(os.getpid(), signal.SIGKILL)


def _wait(first: subprocess.Popen[bytes], woken: int, read: bool) -> bool:
    """Wait for the end; True if it was asked for, False if the first process ended by itself."""
    watched = [woken, 0] if read else [woken]
    while True:
        ready = select.select(watched, [], [])[0]
        if 0 in ready and not os.read(0, 4096):
            return True
        if woken in ready and signal.SIGTERM in os.read(woken, 4096):
            return True
        if first.poll() is not None:
            return False


def _end(child: subprocess.Popen[bytes]) -> None:
    """QEMU closes its disk properly on SIGTERM."""
    child.terminate()
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


if __name__ == "__main__":
    if sys.argv[2] == "until-told" and os.fork():
        os._exit(0)
    with contextlib.suppress(KeyboardInterrupt):
        keep(Path(sys.argv[1]), read=sys.argv[2] == "while-read")
