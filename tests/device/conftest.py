"""Virtual boards for tests: the image is the user's own cached one, all else is in a folder of the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import DeviceError
from edgebuild.devices.board.image import board_image, boards_folder, load_image
from edgebuild.devices.board.recipe import recipe_digest
from edgebuild.devices.board.tools import TO_BOOT, TO_BUILD
from edgebuild.devices.board.up import forget_board
from edgebuild.store.devices import device_names, save_device

_SBIN = "/usr/sbin:/sbin"
_OUT_OF_REACH = ("Failed to fetch", "Could not resolve", "Temporary failure", "Could not connect")

Add = Callable[..., DeviceEntry]


def _missing(programs: tuple[str, ...]) -> list[str]:
    path = f"{os.environ.get('PATH', os.defpath)}:{_SBIN}"
    return [program for program in programs if shutil.which(program, path=path) is None]


@pytest.fixture(scope="session")
def board_ready() -> None:
    """There is an image to boot and QEMU to boot it; skips where there can't be."""
    if missing := _missing((*TO_BOOT, "adb")):
        pytest.skip(f"not installed: {', '.join(missing)} (scripts/board_packages)")
    if load_image(boards_folder() / "images" / recipe_digest()) is None:
        if os.geteuid() != 0:
            pytest.skip("the board's image is not built yet, and only root can build it")
        if missing := _missing(TO_BUILD):
            pytest.skip(f"not installed: {', '.join(missing)} (scripts/board_packages)")
        _build_image()


def _build_image() -> None:
    """Skips where Debian's archive is out of reach; any other failure is one."""
    try:
        board_image(print)
    except DeviceError as error:
        if any(words in error.found for words in _OUT_OF_REACH):
            pytest.skip(f"Debian's packages can't be fetched: {error.found}")
        raise


@pytest.fixture
def home(board_ready: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Devices and boards of the test's own, over the one image; nothing of them is left behind."""
    images, boards = boards_folder() / "images", tmp_path / "cache" / "boards"
    boards.mkdir(parents=True)
    (boards / "images").symlink_to(images)
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EDGEBUILD_DEVICES", str(tmp_path / "devices"))
    monkeypatch.setenv("EDGEBUILD_LOCKS", str(tmp_path / "locks"))
    yield tmp_path
    for name in device_names():
        forget_board(name)


@pytest.fixture
def add(home: Path) -> Add:
    """Adds a virtual device."""

    def added(name: str, *, cpu: str = "cortex-a76", memory_mib: int = 256, transport: str = "ssh") -> DeviceEntry:
        values = {"name": name, "transport": transport, "virtual": {"cpu": cpu, "memory_mib": memory_mib}}
        entry = DeviceEntry.model_validate(values)
        save_device(entry)
        return entry

    return added
