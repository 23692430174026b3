"""A compiler in a process of its own: in an empty folder, for a limited time; what it printed is kept if it fails."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgebuild.core.errors import BuildError
from edgebuild.core.interrupts import raise_if_interrupted

PATIENCE_S = 900.0
_TAIL = 800


def run_contained(stage: str, command: Sequence[str], folder: Path, patience_s: float = PATIENCE_S) -> str:
    """Run a compiler in a folder; what it printed.

    Raises:
        BuildError: it crashed, or took too long. The message has the end of what it printed, and where all of it is.
    """
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            printed, found = process.communicate(timeout=patience_s)[0], ""
        except subprocess.TimeoutExpired:
            _kill(process)
            printed, found = process.communicate()[0], f"took longer than {patience_s:g} s and was ended"
        except BaseException:
            _kill(process)
            raise
    text = printed.decode(errors="replace")
    found = found or _ending(process.returncode)
    if found:
        raise_if_interrupted()
        raise BuildError(stage, f"{found}\n{text[-_TAIL:].strip()}".strip(), fix=f"all it printed: {_keep(text)}")
    return text


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _ending(code: int) -> str:
    """How a process ended, if not well."""
    if code < 0:
        return f"crashed: killed by {signal.Signals(-code).name}"
    return f"failed with exit code {code}" if code else ""


def _keep(text: str) -> str:
    """Write a log where it stays; its place."""
    with tempfile.NamedTemporaryFile("w", prefix="edgebuild-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write(text)
    return file.name
