"""What a run that takes turns says to whoever lets it: one byte each way, on the standard streams."""

from __future__ import annotations

import os
import sys

GO, OVER = b"g", b"o"
"""What it is told: to go on for a turn, and that all turns are over."""
MORE, ENOUGH = b"m", b"e"
"""What it says after a turn: whether it has enough samples."""


class Baton:
    """Held by the one that may go on. What the model's runtime prints goes to stderr, and is no word of it."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        sys.stdout.flush()
        os.dup2(2, 1)

    def wait(self) -> bool:
        """Wait for a turn; False if there are no more."""
        return os.read(0, 1) == GO

    def pass_on(self, *, enough: bool) -> bool:
        """End a turn and wait for the next; False if there are no more."""
        os.write(self._out, ENOUGH if enough else MORE)
        return self.wait()
