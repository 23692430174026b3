"""The system programs that a virtual board needs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgebuild.core.errors import DeviceError

BOARD = "virtual board"
"""The subject of messages about the boards as such, not about one device."""

_PACKAGES = {
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-img": "qemu-utils",
    "apt-get": "apt",
    "apt-cache": "apt",
    "apt-config": "apt",
    "dpkg-deb": "dpkg",
    "tar": "tar",
    "mke2fs": "e2fsprogs",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "adb": "adb",
}
TO_BOOT = ("qemu-system-aarch64", "qemu-img", "ssh", "ssh-keygen")
TO_BUILD = ("apt-get", "apt-cache", "apt-config", "dpkg-deb", "tar", "mke2fs")

_SBIN = "/usr/sbin:/sbin"
_ENOUGH = 600.0
_TAIL = 600


def need(*programs: str) -> None:
    """Refuse to go on without programs.

    Raises:
        DeviceError: one is missing; all that are missing are named, with the Debian packages that have them.
    """
    missing = [program for program in programs if shutil.which(program, path=_path()) is None]
    if missing:
        packages = " ".join(sorted({_PACKAGES[program] for program in missing}))
        raise DeviceError(
            BOARD,
            f"{', '.join(missing)} not installed (Debian: {packages})",
            fix="run scripts/board_packages as root, or install these packages",
        )


def need_root() -> None:
    """Refuse to go on as another user: the files of the image belong to root.

    Raises:
        DeviceError: if this is not root.
    """
    if os.geteuid() != 0:
        raise DeviceError(
            BOARD,
            "its image must be built by root: the files in it belong to root",
            fix="run this command once as root with the same EDGEBUILD_CACHE (see scripts/board_packages)",
        )


def call(
    argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, timeout_s: float = _ENOUGH
) -> str:
    """Run a program to its end; returns what it printed.

    Raises:
        DeviceError: it failed, with the end of what it said, or took too long.
    """
    try:
        done = subprocess.run(
            list(argv), cwd=cwd, env={**os.environ, "PATH": _path(), "LC_ALL": "C.UTF-8", **(env or {})},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DeviceError(BOARD, f"{argv[0]} took longer than {timeout_s:g} s", transient=True) from error
    except OSError as error:
        raise DeviceError(BOARD, f"{argv[0]} does not start: {error.strerror}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-_TAIL:]
        raise DeviceError(BOARD, f"{argv[0]} {' '.join(argv[1:3])} failed ({done.returncode}): {said}")
    return done.stdout


def _path() -> str:
    """Where programs are looked for; mke2fs is not in every user's PATH."""
    return f"{os.environ.get('PATH', os.defpath)}:{_SBIN}"
