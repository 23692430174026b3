"""Two runs by turns, so that both have the same good and bad moments of the machine.

Each is a fresh process of its own. While one times inferences for a few hundredths of a second, the other is stopped;
who comes first is drawn anew in every round, since a fixed order could beat against something periodic. Both are on the
same processors (``modes.turns``).
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

from runner.baton import ENOUGH, GO, OVER


def take_turns(seed: str, first: list[str], second: list[str]) -> int:
    """Run two requests, each ``[REQUEST, RESPONSE]``: 0 if both processes answered.

    Where one of them ends by a signal, this process does too, so that it reads as what it was.
    """
    program = [sys.executable, *(["-I"] if sys.flags.isolated else []), sys.argv[0]]
    sides = [_Side([*program, *files]) for files in (first, second)]
    order = random.Random(seed)
    try:
        enough = False
        while not enough:
            # Both go on until both have enough, or one has come to its end.
            said = [side.turn() for side in order.sample(sides, 2)]
            enough = all(word == ENOUGH for word in said) or any(word == b"" for word in said)
        codes = [side.end() for side in sides]
    finally:
        for side in sides:
            side.kill()
    for code in codes:
        if code < 0:
            os.kill(os.getpid(), -code)
    return max(codes)


class _Side:
    """One of the two processes: stopped but in its turns."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def turn(self) -> bytes:
        """Let it go on for a turn; what it says then, b"" if it has come to its end."""
        word = self._say(GO)
        self._signal(signal.SIGSTOP)
        return word

    def end(self) -> int:
        """Let it write its answer; its exit code."""
        self._say(OVER)
        return self._process.wait()

    def kill(self) -> None:
        """Nothing of it stays, stopped or not."""
        self._signal(signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def _say(self, word: bytes) -> bytes:
        """Say a word, and hear the answer."""
        self._signal(signal.SIGCONT)
        if self._process.stdin is None or self._process.stdout is None:
            return b""
        try:
            self._process.stdin.write(word)
            return self._process.stdout.read(1) or b""
        except OSError:
            return b""

    def _signal(self, number: int) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
