"""This machine's processes, looked for by their command lines."""

from __future__ import annotations

import re
import secrets
from pathlib import Path


def running(pattern: str) -> list[int]:
    """The processes in whose command line, its words joined by spaces, a pattern is found.

    One that has ended but was not waited for has no command line any more.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        found += [int(process.name)] if re.search(pattern, words) else []
    return found


def sleep_of_its_own() -> str:
    """Seconds to sleep, years of them, that no other test's ``sleep`` on this machine is given."""
    return str(10**8 + secrets.randbelow(9 * 10**8))
