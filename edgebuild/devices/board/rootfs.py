"""The board's file system, from unpacked packages: nothing of the board's architecture is run to make it."""

from __future__ import annotations

import compileall
import gzip
import py_compile
import shutil
import sys
from pathlib import Path

from edgebuild.devices.board.cpio import FOLDER, newc
from edgebuild.devices.board.packages import unpack
from edgebuild.devices.board.recipe import GUEST, MODULES

_MERGED = ("bin", "lib", "sbin")
_SSHD_USER = "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n"
_SHADOW = "root:*:19000:0:99999:7:::\n"
_LIBRARIES = "usr/lib/aarch64-linux-gnu"


def fill_root(root: Path, packages: tuple[Path, ...]) -> None:
    """Unpack the system's packages and settle what their own scripts would have settled."""
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in packages:
        unpack(package, root)
    _settle(root)
    _compile(root / "usr/lib/python3.11")


def add_adbd(root: Path, other: Path, packages: tuple[Path, ...]) -> None:
    """Put Android's daemon into ``root/opt/adbd`` with the loader and libraries of its own release."""
    for name in _MERGED:
        (other / "usr" / name).mkdir(parents=True)
        (other / name).symlink_to(f"usr/{name}")
    for package in packages:
        unpack(package, other)
    place = root / "opt/adbd"
    place.mkdir(parents=True)
    shutil.copy2(other / "usr/lib/android-sdk/platform-tools/adbd", place)
    shutil.copy2(other / "usr/lib/ld-linux-aarch64.so.1", place)
    for library in [*(other / _LIBRARIES).glob("*.so*"), *(other / _LIBRARIES / "android").rglob("*.so*")]:
        if library.is_file():
            shutil.copy2(library, place)


def initrd(busybox: Path, kernel: Path) -> bytes:
    """What the kernel starts from: busybox, the modules for QEMU's devices, and the script that finds the disk.

    Args:
        busybox: its package, unpacked.
        kernel: the kernel's package, unpacked.
    """
    modules = next((kernel / "lib/modules").iterdir()) / "kernel"
    folders = ("bin", "dev", "proc", "sys", "disk", "modules")
    members: dict[str, tuple[int, bytes]] = dict.fromkeys(folders, (0o755, FOLDER))
    members["init"] = (0o755, (GUEST / "init").read_bytes())
    members["bin/busybox"] = (0o755, (busybox / "bin/busybox").read_bytes())
    for name in MODULES:
        members[f"modules/{Path(name).name}.ko"] = (0o644, (modules / f"{name}.ko").read_bytes())
    return gzip.compress(newc(members), 1, mtime=0)


def _settle(root: Path) -> None:
    masters = root / "usr/share/base-passwd"
    passwd = (masters / "passwd.master").read_text(encoding="utf-8").replace("root:*:", "root:x:", 1)
    (root / "etc/passwd").write_text(passwd + _SSHD_USER, encoding="utf-8")
    shutil.copy(masters / "group.master", root / "etc/group")
    (root / "etc/shadow").write_text(_SHADOW, encoding="utf-8")
    (root / "etc/shadow").chmod(0o600)
    (root / "etc/hostname").write_text("board\n", encoding="utf-8")
    (root / "etc/hosts").write_text("127.0.0.1 localhost board\n", encoding="utf-8")
    _place(root / "etc/ssh/sshd_config", "sshd_config", 0o644)
    _place(root / "usr/sbin/board-init", "board-init", 0o755)
    _place(root / "usr/bin/getprop", "getprop", 0o755)
    for folder, mode in (("root", 0o700), ("tmp", 0o1777), ("data/local/tmp", 0o1777)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder).chmod(mode)
    if not (root / "usr/bin/awk").exists():
        (root / "usr/bin/awk").symlink_to("gawk")


def _place(path: Path, name: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(GUEST / name, path)
    path.chmod(mode)


def _compile(library: Path) -> None:
    """Compile the standard library, as its package's scripts would; by this interpreter if it is of the same version.

    Otherwise the board starts Python more slowly, and that is all.
    """
    if sys.version_info[:2] == (3, 11):
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(
            library, stripdir=str(library.parents[2]), prependdir="/", quiet=2, invalidation_mode=unchecked
        )
