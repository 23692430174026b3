"""What a recovery says while it works."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgebuild.core.recovery import EpochScore, ScoreName

Say = Callable[[str], None]
_EVERY_S = 5.0
_SHARE = 0.1
_UNITS = {
    "top1": "top-1 {:.2f} %",
    "agreement": "agreement with the teacher {:.2f} %",
    "fidelity": "fidelity {:.1f} dB",
}


class Progress:
    """Says at most every few seconds how far it is, and how long the rest takes at the pace so far."""

    def __init__(self, say: Say, steps: int, per_epoch: int, done: int = 0) -> None:
        self._say, self._steps, self._per_epoch, self._first = say, steps, per_epoch, done
        self._began = time.monotonic()
        self._said = self._began - _EVERY_S
        self._loss: float | None = None

    def step(self, done: int, loss: float) -> None:
        """After a step.

        Args:
            done: steps done, in all epochs.
            loss: of the batch; a running mean is said.
        """
        self._loss = loss if self._loss is None else self._loss + _SHARE * (loss - self._loss)
        now = time.monotonic()
        if now - self._said < _EVERY_S:
            return
        self._said = now
        epoch, batch = divmod(done - 1, self._per_epoch)
        left = (now - self._began) / (done - self._first) * (self._steps - done)
        self._say(
            f"epoch {epoch + 1} of {self._steps // self._per_epoch}, batch {batch + 1} of {self._per_epoch}, "
            f"loss {self._loss:.3g}, about {duration(left)} left"
        )


def score_line(epoch: int, epochs: int, score: EpochScore, name: ScoreName, best: bool) -> str:
    """What an epoch came to; 0 is before the first."""
    when = f"epoch {epoch} of {epochs}" if epoch else "before training"
    found = _UNITS[name].format(score.value)
    return f"{when}: {found} on the selection set{', the best so far' if best and epoch else ''}"


def duration(seconds: float) -> str:
    """Such as "40 s", "3 min" or "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
