"""The memory of this process, as far as the kernel tells; None for what it does not."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from runner.environment import PROC, kib_line

CGROUP = Path("/sys/fs/cgroup")
EVERY = 0.02
"""Seconds between two samples of the proportional set size."""


class Memory:
    """A context around loading and running a model; ``found`` afterwards is what the wire format calls memory.

    Args:
        folder: where the model's own files are; None: no model.
    """

    def __init__(self, folder: Path | None, proc: Path = PROC, cgroup: Path = CGROUP) -> None:
        self.found: dict[str, Any] = {}
        self._folder, self._proc, self._cgroup = folder, proc, cgroup
        self._anonymous = kib_line(proc / "self/status", "RssAnon:")
        self._peak, self._over = Peak(proc), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:  # noqa: PYI034 (Python 3.9 has no Self)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self._peak.look()
        self.found = self._read()

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self._peak.look()

    def _read(self) -> dict[str, Any]:
        status = self._proc / "self/status"
        now = kib_line(status, "RssAnon:")
        grown = None if now is None or self._anonymous is None else max(0, now - self._anonymous)
        return {
            "vm_hwm": kib_line(status, "VmHWM:") or 0,
            "vm_rss": kib_line(status, "VmRSS:"),
            "pss": self._peak.last,
            "pss_peak": self._peak.bytes,
            "weights_mapped": None if self._folder is None else mapped(self._folder, self._proc),
            "arena": None if self._folder is None else grown,
            "cgroup_peak": cgroup_peak(self._proc, self._cgroup),
        }


class Peak:
    """The largest proportional set size seen so far, and the last; None before, or if the kernel does not tell."""

    def __init__(self, proc: Path = PROC) -> None:
        self.bytes: int | None = None
        self.last: int | None = None
        self._rollup = proc / "self/smaps_rollup"

    def look(self) -> None:
        """Take one sample."""
        self.last = kib_line(self._rollup, "Pss:")
        if self.last is not None:
            self.bytes = max(self.last, self.bytes or 0)


def mapped(folder: Path, proc: Path = PROC) -> int | None:
    """Resident bytes of the files of a folder that are mapped into this process; 0 if none is."""
    total, inside = 0, False
    start = str(folder.resolve()) + os.sep
    try:
        with (proc / "self/smaps").open(encoding="utf-8", errors="replace") as file:
            for line in file:
                words = line.split(None, 5)
                if not words[0].endswith(":"):
                    inside = len(words) == 6 and words[5].startswith(start)
                elif inside and words[0] == "Rss:":
                    total += int(words[1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
    return total


def cgroup_peak(proc: Path = PROC, cgroup: Path = CGROUP) -> int | None:
    """``memory.peak`` of this process's control group (version 2), if it has it to itself: else it is not the run's."""
    try:
        lines = (proc / "self/cgroup").read_text(encoding="utf-8").splitlines()
        name = next(line[3:] for line in lines if line.startswith("0::"))
        place = cgroup / name.lstrip("/")
        if (place / "cgroup.procs").read_text(encoding="utf-8").split() != [str(os.getpid())]:
            return None
        return int((place / "memory.peak").read_text(encoding="utf-8"))
    except (OSError, ValueError, StopIteration):
        return None
