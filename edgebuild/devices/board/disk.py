"""A board's own disk: what ``devices setup`` wrote, lying on the shared image."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edgebuild.core.errors import DeviceError
from edgebuild.devices.board.image import Image, boards_folder
from edgebuild.devices.board.qemu import Disk
from edgebuild.devices.board.tools import call
from edgebuild.store.devices import devices_home
from edgebuild.store.files import absolute, write_atomic, writing
from edgebuild.store.scratch import claim, remove, sweep

_DISK = "disk.qcow2"
_BUILD = "build"


def own_folder(name: str) -> Path:
    """Where a device's own disk and state lie. Two users' devices of one name, or two homes', are not one."""
    home = hashlib.sha256(str(absolute(devices_home())).encode()).hexdigest()[:8]
    return boards_folder() / "devices" / f"{name}-{home}"


def disk_for(name: str, image: Image, *, keep: bool) -> Disk:
    """The disk that a board boots from: its own if it has one, else the shared image's.

    Args:
        keep: it will be written to, so it must be the board's own, made now if there is none that fits the image.

    Raises:
        DeviceError: its own disk lies on another build of the image, which is gone.
    """
    folder = own_folder(name)
    disk = folder / _DISK
    fits = disk.is_file() and _build_of(folder) == image.about.build
    if keep and not fits:
        _create(folder, image)
    elif not keep and disk.is_file() and not fits:
        raise DeviceError(
            name,
            "was set up on another build of the board's image",
            expected=f"image {image.about.digest[:12]}",
            fix=f"edgebuild devices setup {name} sets it up again",
        )
    return Disk(path=disk, format="qcow2") if fits or keep else Disk(path=image.disk, format="raw")


def forget_disk(name: str) -> None:
    """Remove everything of a device's own; the board must be off."""
    remove(own_folder(name))


def _build_of(folder: Path) -> str:
    try:
        return (folder / _BUILD).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def _create(folder: Path, image: Image) -> None:
    """An empty disk over the image. The build is written last: without it, the disk counts as none."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _BUILD).unlink(missing_ok=True)
        sweep(folder, "new-")
        held = claim(folder, "new-", folder=False)
    try:
        backing = ["-F", "raw", "-b", str(image.disk)]
        call(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(held.path)])
        held.path.replace(folder / _DISK)
        write_atomic(folder / _BUILD, image.about.build.encode())
    finally:
        held.release()
