"""``python facts.py FOLDER [ENVIRONMENT]``: what wheels this interpreter takes, as lines KEY=VALUE.

With the folder of an environment, also how that is, by ``environments.py`` beside this file: starting an interpreter
once more would take a board longer than all the rest.

It needs no json module, and imports little: a board is slow to import.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec

NEEDED = ("_ctypes", "ctypes", "hashlib", "json", "pathlib", "zipfile", "zlib")
"""Modules that the runner, numpy and the runtimes import; a minimal Python lacks some."""


def main(folder: str, environment: str = "") -> int:
    """Print every fact; the folder is where environments are to be made, and may not be there yet."""
    place = os.path.abspath(os.path.expanduser(folder))
    base = getattr(sys, "_base_executable", None) or sys.executable
    libc, _, version = _libc().partition(" ")
    facts = {
        "machine": os.uname().machine,
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "libc": libc or "unknown",
        "libc_version": version or "0",
        "implementation": sys.implementation.name,
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "base": os.path.realpath(base) if base else "",
        "folder": place,
        "free": _free(place),
        "missing": ",".join(name for name in NEEDED if find_spec(name) is None),
    }
    if environment:
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        facts["state"] = import_module("environments").state(*os.path.split(environment))
    for key, value in facts.items():
        print(f"{key}={value}")
    return 0


def _libc() -> str:
    """Such as "glibc 2.36"; empty where the C library does not tell, as others than glibc do not."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return ""


def _free(place: str) -> int:
    """Bytes free where the folder is or would be."""
    while not os.path.isdir(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
