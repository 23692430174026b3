"""Unpack Debian 13's Python 3.13 with its libraries: ``unpack_python.py FOLDER``; FOLDER/python starts it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from edgebuild.devices.board.packages import Archive, unpack

PACKAGES = ("python3.13-minimal", "libpython3.13-stdlib", "libgcc-s1", "libstdc++6")
STARTER = """#!/bin/sh
# Debian 13's Python by its own loader and libraries, whatever this machine has.
root={root}
exec "$root/usr/lib64/ld-linux-x86-64.so.2" --argv0 "$root/usr/bin/python3.13" \\
    --library-path "$root/usr/lib/x86_64-linux-gnu" "$root/usr/bin/python3.13" "$@"
"""


def main(place: Path) -> None:
    """Fetch, unpack, and write the starter."""
    root = place.resolve() / "root"
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    with tempfile.TemporaryDirectory() as folder:
        for package in Archive(Path(folder) / "apt", "trixie", "amd64").with_dependencies(PACKAGES):
            unpack(package, root)
    (root / "usr/local/lib/python3.13/dist-packages").mkdir(parents=True)
    starter = place / "python"
    starter.write_text(STARTER.format(root=root), encoding="utf-8")
    starter.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
