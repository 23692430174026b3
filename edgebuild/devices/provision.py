"""Python environments on a device: each made whole or not at all, and named by the lock it was made from."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgebuild.core.errors import DeviceError
from edgebuild.devices.base import FULL, ISOLATED, Device
from edgebuild.devices.facts import PythonFacts
from edgebuild.devices.onboarding import run_onboard
from edgebuild.devices.wheels import Lock

_SECONDS = 900.0
_NAME = 16


@dataclass(frozen=True)
class Place:
    """Where one environment is, or is to be, on an open device whose interpreter is the base."""

    device: Device
    facts: PythonFacts
    lock: Lock

    @property
    def name(self) -> str:
        """The lock's digest, shortened."""
        return self.lock.digest[:_NAME]

    @property
    def root(self) -> str:
        """The folder of all environments there."""
        return environments_of(self.facts.folder)

    @property
    def python(self) -> str:
        """The environment's interpreter, once it is whole."""
        return f"{self.root}/{self.name}/bin/python"

    def state(self) -> str:
        """``same``, ``absent`` or what differs; files are compared by name and size.

        Raises:
            DeviceError: as ``Transport.run``.
        """
        return self._ask("check", self.name).strip()[:300]

    def make(self, wheels: dict[str, Path], test: Callable[[Device], None], say: Callable[[str], None]) -> None:
        """Make it from its wheels; it gets its name only once ``test`` has passed with its interpreter.

        Raises:
            DeviceError: the disk is full, a wheel arrived damaged, or whatever ``test`` raises.
        """
        self._refuse_full(wheels)
        self._ask("begin", self.name, self.facts.base)
        try:
            for number, wheel in enumerate(self.lock.wheels, 1):
                say(f"{self.device.name}: {wheel.name} {wheel.version} ({number} of {len(self.lock.wheels)})")
                self.device.transport.push(wheels[wheel.file], wheel.file)
                self._ask("unpack", self.name, wheel.file, wheel.sha256)
            say(f"{self.device.name}: self-test")
            test(dataclasses.replace(self.device, python=(f"{self.root}/{self.name}.partial/bin/python", *ISOLATED)))
            self._ask("finish", self.name)
        except BaseException:
            self._abandon()
            raise

    def _refuse_full(self, wheels: dict[str, Path]) -> None:
        sizes = [unpacked_size(path) for path in wheels.values()]
        needed = sum(sizes) + max((path.stat().st_size for path in wheels.values()), default=0)
        if needed > self.facts.free:
            raise DeviceError(
                self.device.name, f"disk full: {self.facts.free // 2**20} MiB are free at {self.facts.folder}",
                expected=f"{needed // 2**20 + 1} MiB for {', '.join(self.lock.requirements)}",
                fix="free some space there, or add the device with another --folder",
            )  # fmt: skip

    def _abandon(self) -> None:
        """Leave no half environment, if the device still answers."""
        try:
            run_onboard(self.device, "environments", ["discard", self.root, self.name], timeout_s=60)
        except DeviceError:
            return

    def _ask(self, command: str, *arguments: str) -> str:
        return _ask(self.device, [command, self.root, *arguments])


def environments_of(folder: str) -> str:
    """Where environments are inside edgebuild's folder on a device."""
    return str(PurePosixPath(folder) / "environments")


def remove_environments(device: Device, folder: str, keep: Sequence[str] = ()) -> None:
    """Remove what was made on a device, but for the environments named; empty folders go too.

    Raises:
        DeviceError: it can't be reached, or something can't be removed.
    """
    _ask(device, ["remove", environments_of(folder), *keep])


def unpacked_size(wheel: Path) -> int:
    """Bytes of a wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return sum(member.file_size for member in archive.infolist())


def _ask(device: Device, arguments: Sequence[str]) -> str:
    done = run_onboard(device, "environments", arguments, timeout_s=_SECONDS)
    if done.code == FULL:
        raise DeviceError(device.name, "disk full", fix="free some space there, or add it with another --folder")
    if done.code:
        raise DeviceError(device.name, f"{arguments[0]} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout
