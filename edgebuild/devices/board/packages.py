"""Debian packages of another architecture or release, fetched and verified by apt, in a tree of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from edgebuild.core.errors import DeviceError
from edgebuild.devices.board.sources import debian_sources
from edgebuild.devices.board.tools import BOARD, call


class Archive:
    """One release's packages for an architecture. The machine's own packages and apt lists are not touched."""

    def __init__(self, folder: Path, release: str, architecture: str = "arm64") -> None:
        for part in ("lists/partial", "archives/partial", "sources"):
            (folder / part).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources" / "debian.sources").write_text(debian_sources(release), encoding="utf-8")
        (folder / "apt.conf").write_text(_settings(folder, architecture), encoding="utf-8")
        self._folder, self._env = folder, {"APT_CONFIG": str(folder / "apt.conf")}
        self._apt("update")

    def with_dependencies(self, packages: Iterable[str]) -> tuple[Path, ...]:
        """The package files of ``packages`` and all that they depend on, sorted by name."""
        self._apt("install", "--yes", "--download-only", "--no-install-recommends", *packages)
        return tuple(sorted((self._folder / "archives").glob("*.deb")))

    def alone(self, *packages: str) -> tuple[Path, ...]:
        """The package files of ``packages`` and of nothing else, in the order asked for."""
        into = self._folder / "alone"
        into.mkdir(exist_ok=True)
        self._apt("download", *packages, cwd=into)
        return tuple(next(into.glob(f"{package}_*.deb")) for package in packages)

    def behind(self, package: str, prefix: str) -> str:
        """The package with that prefix that a meta-package depends on.

        Raises:
            DeviceError: if there is none.
        """
        for line in call(["apt-cache", "depends", package], env=self._env).splitlines():
            name = line.partition("Depends:")[2].strip()
            if name.startswith(prefix):
                return name
        raise DeviceError(BOARD, f"the package {package} depends on no {prefix}*", fix="check the apt sources")

    def _apt(self, *arguments: str, cwd: Path | None = None) -> None:
        call(["apt-get", "-qq", *arguments], cwd=cwd, env={**self._env, "DEBIAN_FRONTEND": "noninteractive"})


def unpack(package: Path, root: Path) -> None:
    """Unpack a package into a folder without running anything of it. Links to folders there are followed.

    Raises:
        DeviceError: if it is damaged, or the disk is full.
    """
    extract = ["tar", "-C", str(root), "--keep-directory-symlink", "--warning=no-timestamp", "-xpf", "-"]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as members:
        done = subprocess.run(extract, stdin=members.stdout, capture_output=True, text=True, check=False)
    if done.returncode != 0 or members.returncode != 0:
        raise DeviceError(BOARD, f"{package.name} can't be unpacked: {done.stderr.strip()[-300:]}")


def _settings(folder: Path, architecture: str) -> str:
    """A tree of apt's own in ``folder``; of the machine's settings only how it reaches the network stays."""
    dumped = call(["apt-config", "dump"]).splitlines()
    network = [line for line in dumped if line.startswith("Acquire::")]
    own = {
        "APT::Architecture": architecture,
        "APT::Architectures::": architecture,
        "APT::Sandbox::User": "root",
        "Dir::State": str(folder),
        "Dir::State::lists": str(folder / "lists"),
        "Dir::State::status": str(folder / "status"),
        "Dir::Cache": str(folder),
        "Dir::Cache::archives": str(folder / "archives"),
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": str(folder / "sources"),
        "Dir::Log": str(folder),
    }
    return "\n".join([*network, *(f'{key} "{value}";' for key, value in own.items())]) + "\n"
