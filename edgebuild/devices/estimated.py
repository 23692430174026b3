"""The device of a target that nothing can be run on: what is known of it is what a compiler estimates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgebuild.core.errors import DeviceError
from edgebuild.core.measurement import Basis
from edgebuild.core.target import Target
from edgebuild.devices.base import COPY_SECONDS, Completed, Device, Hear, deaf


def estimated_device(target: Target) -> Device:
    """A device that tells nothing itself; whatever would run on it is refused."""
    return Device(
        name=target.name, identity=f"{target.name}/estimate", transport=_Nowhere(target), python=(),
        basis=Basis.ESTIMATE,
    )  # fmt: skip


class _Nowhere:
    """Every call raises DeviceError."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def run(self, argv: Sequence[str], *, timeout_s: float, hear: Hear = deaf) -> Completed:  # noqa: ARG002
        raise self._refusal()

    def push(self, local: Path, remote: str, *, timeout_s: float = COPY_SECONDS) -> None:  # noqa: ARG002
        raise self._refusal()

    def pull(self, remote: str, local: Path, *, limit: int, timeout_s: float = COPY_SECONDS) -> bool:  # noqa: ARG002
        raise self._refusal()

    def close(self) -> None:
        """Nothing was begun."""

    def _refusal(self) -> DeviceError:
        return DeviceError(
            self._target.name, "nothing can be run on this target; what is known of it is estimated",
            fix="edgebuild inspect shows the estimates, and gate holds budgets such as sram against them",
        )  # fmt: skip
