"""A device whose faults are scripted, for tests of everything above the seam."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from edgebuild.core.errors import DeviceError
from edgebuild.devices.base import COPY_SECONDS, ISOLATED, Completed, Device, Hear, deaf

Step = Callable[[dict[str, bytes], Sequence[str]], Completed]
"""What one run does: it may write files, and says how it ended, or raises DeviceError."""


class FakeTransport:
    """Files in memory, and one scripted step a run."""

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        self.files: dict[str, bytes] = {}
        self.calls: list[tuple[str, ...]] = []
        self.closed = False
        self._steps = iter(steps)

    def run(self, argv: Sequence[str], *, timeout_s: float, hear: Hear = deaf) -> Completed:  # noqa: ARG002
        self.calls.append(tuple(argv))
        step = next(self._steps, None)
        if step is None:
            raise DeviceError("fake", "the script is over")
        return step(self.files, argv)

    def push(self, local: Path, remote: str, *, timeout_s: float = COPY_SECONDS) -> None:  # noqa: ARG002
        self.files[remote] = local.read_bytes()

    def pull(self, remote: str, local: Path, *, limit: int, timeout_s: float = COPY_SECONDS) -> bool:  # noqa: ARG002
        if remote not in self.files:
            return False
        if len(self.files[remote]) > limit:
            raise DeviceError("fake", f"{remote} has {len(self.files[remote])} bytes", expected=f"at most {limit}")
        local.write_bytes(self.files[remote])
        return True

    def close(self) -> None:
        self.files.clear()
        self.closed = True


def open_fake(steps: Iterable[Step] = ()) -> Device:
    """A device that follows a script."""
    return Device("fake", "fake", FakeTransport(steps), ("python", *ISOLATED))
