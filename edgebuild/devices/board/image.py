"""The board's image: a kernel, what it starts from, and a disk. Built once from Debian's packages, then shared."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest, digest_bytes
from edgebuild.core.errors import DeviceError
from edgebuild.devices.board import recipe
from edgebuild.devices.board.packages import Archive, unpack
from edgebuild.devices.board.rootfs import add_adbd, fill_root, initrd
from edgebuild.devices.board.tools import BOARD, TO_BUILD, call, need, need_root
from edgebuild.store.cache import default_cache
from edgebuild.store.files import writing
from edgebuild.store.scratch import claimed_folder, sweep

Say = Callable[[str], None]

_ABOUT = "image.json"
_MIB = 1 << 20


class About(Frozen):
    """What is in an image.

    Attributes:
        digest: of the recipe and the version of every package: equal images behave alike.
        build: of this build alone; a board's own disk lies on the bytes of one build.
        kernel: its release, as the board's ``uname -r`` says it.
        sizes: of each file, in bytes.
    """

    digest: Digest
    build: str
    kernel: str
    packages: tuple[str, ...]
    sizes: dict[str, int]


class Image(Frozen):
    """An image that is ready to boot: ``folder`` has ``vmlinuz``, ``initrd.gz`` and the raw ``disk.img``."""

    folder: Path
    about: About

    @property
    def disk(self) -> Path:
        """The disk, which many boards read and none writes."""
        return self.folder / "disk.img"


def boards_folder() -> Path:
    """Where everything of the virtual boards lies: in the user's cache."""
    return default_cache().root / "boards"


def board_image(say: Say = lambda _: None) -> Image:
    """The image, built first if this user's cache has none yet; two commands that need it at once build it once.

    Raises:
        DeviceError: a tool, a right or a package is missing, each with what to do.
    """
    home = boards_folder() / "images"
    place = home / recipe.recipe_digest()
    image = load_image(place)
    if image is not None:
        return image
    need(*TO_BUILD)
    need_root()
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
    with _builder(home, say):
        return load_image(place) or _build(home, place, say)


def load_image(place: Path) -> Image | None:
    """The image in a folder; None if there is none, or a file of it is not of its size."""
    try:
        about = About.model_validate_json((place / _ABOUT).read_bytes())
        whole = all((place / name).stat().st_size == size for name, size in about.sizes.items())
    except (OSError, ValidationError):
        return None
    return Image(folder=place, about=about) if whole else None


@contextmanager
def _builder(home: Path, say: Say) -> Iterator[None]:
    """One builder at a time; the kernel lets go of the lock however a builder ends."""
    with (home / "builder.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command is building the board's image: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(home: Path, place: Path, say: Say) -> Image:
    sweep(home, "")
    with claimed_folder(home, "image-") as scratch:
        made = scratch / "made"
        made.mkdir()
        _make(scratch, made, say)
        with writing(place):
            shutil.rmtree(place, ignore_errors=True)  # a damaged one; a whole one would have been taken
            made.rename(place)
    image = load_image(place)
    if image is None:
        raise DeviceError(BOARD, f"its image in {place} is damaged", fix="check the disk and try again")
    return image


def _make(scratch: Path, made: Path, say: Say) -> None:
    """Everything of an image, in ``made``."""
    say("building the board's image, which is done once: fetching Debian's packages")
    root = scratch / "root"
    stable, newer = Archive(scratch / "apt", recipe.RELEASE), Archive(scratch / "apt-adbd", recipe.ADBD_RELEASE)
    system, adbd = stable.with_dependencies(recipe.PACKAGES), newer.with_dependencies((recipe.ADBD,))
    kernel, busybox = stable.alone(stable.behind(recipe.KERNEL, "linux-image-"), recipe.BUSYBOX)
    say("building the board's image: unpacking")
    fill_root(root, system)
    add_adbd(root, scratch / "adbd", adbd)
    for package, folder in ((kernel, scratch / "kernel"), (busybox, scratch / "busybox")):
        folder.mkdir()
        unpack(package, folder)
    vmlinuz = next((scratch / "kernel/boot").glob("vmlinuz-*"))
    shutil.copyfile(vmlinuz, made / "vmlinuz")
    (made / "initrd.gz").write_bytes(initrd(scratch / "busybox", scratch / "kernel"))
    say("building the board's image: writing its disk")
    _write_disk(root, made / "disk.img")
    _describe(made, vmlinuz.name.removeprefix("vmlinuz-"), (*system, *adbd, kernel, busybox))


def _write_disk(root: Path, disk: Path) -> None:
    """An ext4 file system. Its tables are written now: a board that fills them in later would be busy meanwhile."""
    with disk.open("wb") as file:
        file.truncate(recipe.DISK_MIB * _MIB)
    now = "lazy_itable_init=0,lazy_journal_init=0"
    call(["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-E", now, "-d", str(root), str(disk)])


def _describe(made: Path, kernel: str, packages: tuple[Path, ...]) -> None:
    sizes = {file.name: file.stat().st_size for file in made.iterdir()}
    names = tuple(sorted(package.stem for package in packages))
    digest = digest_bytes("\n".join((recipe.recipe_digest(), *names)).encode())
    about = About(digest=digest, build=secrets.token_hex(16), kernel=kernel, packages=names, sizes=sizes)
    for file in made.iterdir():
        file.chmod(0o444)
    (made / _ABOUT).write_text(json.dumps(about.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    os.sync()  # a power cut must not leave an image of the right sizes with nothing in it
