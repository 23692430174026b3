"""Boards that stay up between commands: ``devices up`` starts one, ``devices down`` ends it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import ConfigError, DeviceError
from edgebuild.devices.board.boot import Running, boot, switch_off, versions_of
from edgebuild.devices.board.cpus import check_cpu
from edgebuild.devices.board.disk import disk_for, forget_disk, own_folder
from edgebuild.devices.board.image import Say, board_image, boards_folder, load_image
from edgebuild.devices.board.qemu import Spec
from edgebuild.devices.board.recipe import recipe_digest
from edgebuild.devices.lock import hold
from edgebuild.store.files import write_atomic, writing

_STATE = "up.json"
_TRANSPORTS = ("ssh", "adb")


def spec_of(entry: DeviceEntry, *, exact: bool = False, keep: bool = False) -> Spec:
    """The board that a device's entry asks for.

    Raises:
        ConfigError: it is not virtual, or a board can't be so.
    """
    subject = f"device {entry.name}"
    if entry.virtual is None:
        raise ConfigError(subject, "is not virtual: it is there or not", expected="a virtual board")
    if entry.transport not in _TRANSPORTS:
        raise ConfigError(f"{subject}: transport", f"is {entry.transport!r} for a virtual board", expected="ssh or adb")
    cpu = check_cpu(entry.virtual.cpu, f"{subject}: virtual.cpu")
    return Spec(cpu=cpu, memory_mib=entry.virtual.memory_mib, exact=exact, keep=keep, adb=entry.transport == "adb")


def stands_on(entry: DeviceEntry, *, exact: bool = False) -> dict[str, str]:
    """What a device's board would be booted as and with; it is not booted.

    Raises:
        As ``spec_of``. DeviceError: QEMU is not installed.
    """
    spec, image = spec_of(entry, exact=exact), load_image(boards_folder() / "images" / recipe_digest())
    return {"memory": f"{spec.memory_mib}", **(versions_of(spec, image) if image else {})}


def board_up(name: str) -> Running | None:
    """The board of that device which stays up, or None. A board whose processes are gone does not count."""
    try:
        running = Running.model_validate_json(_state(name).read_bytes())
    except (OSError, ValidationError):
        return None
    return running if running.is_up() else None


def bring_up(entry: DeviceEntry, say: Say = lambda _: None, *, exact: bool = False) -> tuple[Running, bool]:
    """Boot a device's board, to stay until ``take_down``; whether it was booted now, or was up already.

    Raises:
        DeviceError: it does not boot, or is up already in another way.
    """
    spec = spec_of(entry, exact=exact)
    held = hold(entry.name, say)
    try:
        running = board_up(entry.name)
        if running is None:
            return _boot_to_stay(entry.name, spec, say), True
        if running.spec != spec:
            raise DeviceError(
                entry.name, f"is up as another board: {described(running.spec)}",
                expected=described(spec), fix=f"edgebuild devices down {entry.name} first",
            )  # fmt: skip
        return running, False
    finally:
        held()


def take_down(name: str, say: Say = lambda _: None) -> bool:
    """End a board that stays up, once no job has it any more; whether there was one.

    Raises:
        DeviceError: a job has it for too long, or it does not end.
    """
    held = hold(name, say)
    try:
        running = board_up(name)
        if running is not None:
            switch_off(running)
        _state(name).unlink(missing_ok=True)
        return running is not None
    finally:
        held()


def forget_board(name: str, say: Say = lambda _: None) -> None:
    """Leave nothing of a device's board: it is taken down, and its own disk goes. Errors as for ``take_down``."""
    take_down(name, say)
    forget_disk(name)


def described(spec: Spec) -> str:
    """A board in a few words."""
    clock = ", its clock counting instructions" if spec.exact else ""
    return f"{spec.cpu}, {spec.memory_mib} MiB, over {'adb' if spec.adb else 'ssh'}{clock}"


def _boot_to_stay(name: str, spec: Spec, say: Say) -> Running:
    image = board_image(say)
    booted = boot(name, spec, image, disk_for(name, image, keep=False), stay=True)
    try:
        place = _state(name)
        with writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(place, booted.running.model_dump_json().encode())
    except BaseException:
        booted.off()
        raise
    return booted.running


def _state(name: str) -> Path:
    return own_folder(name) / _STATE
