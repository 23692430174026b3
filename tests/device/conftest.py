"""Virtual boards for tests: the image is the user's own cached one, all else is in a folder of the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def home_at(place: Path) -> Iterator[Path]:
    """Devices and boards of a test's own, over the one image; nothing of them is left behind."""
    images, boards = boards_folder() / "images", place / "cache" / "boards"
    boards.mkdir(parents=True)
    (boards / "images").symlink_to(images)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("cache", "devices", "locks"):
            patch.setenv(f"EDGEBUILD_{name.upper()}", str(place / name))
        yield place
        for name in device_names():
            forget_board(name)


def added(name: str, *, cpu: str = "cortex-a76", memory_mib: int = 256, transport: str = "ssh") -> DeviceEntry:
    """Adds a virtual device."""
    values = {"name": name, "transport": transport, "virtual": {"cpu": cpu, "memory_mib": memory_mib}}
    entry = DeviceEntry.model_validate(values)
    save_device(entry)
    return entry


@pytest.fixture
def home(board_ready: None, tmp_path: Path) -> Iterator[Path]:
    """The place of one test."""
    with home_at(tmp_path) as place:
        yield place


@pytest.fixture(scope="module")
def shared_home(board_ready: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The place of a file's tests that look at one boot."""
    with home_at(tmp_path_factory.mktemp("shared")) as place:
        yield place


@pytest.fixture
def add(home: Path) -> Add:
    """Adds a virtual device of the test's own."""
    return added


@pytest.fixture(scope="module")
def add_shared(shared_home: Path) -> Add:
    """Adds a virtual device that a file's tests share."""
    return added
