"""Builds that are killed at random moments, and what they may leave: nothing that anybody trips over."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tiny_project import edit, make_project, write_weights

from edgebuild.store.bundle import open_bundle

TARGET = "host-onnxruntime"


@dataclass
class Kills:
    """What a series of kills found.

    Attributes:
        seconds: how long a whole build takes here.
        killed: how many builds were killed before they ended.
        ended: how many had ended by themselves.
        present: after how many a bundle was there, and was whole.
    """

    seconds: float = 0.0
    killed: int = 0
    ended: int = 0
    present: int = 0
    problems: list[str] = field(default_factory=list)


def start(root: Path, cache: Path, *command: str) -> subprocess.Popen[bytes]:
    """An edgebuild command in a process group of its own."""
    environment = {**os.environ, "EDGEBUILD_CACHE": str(cache)}
    argv = [sys.executable, "-m", "edgebuild.cli.main", *command]
    return subprocess.Popen(
        argv, env=environment, cwd=root, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def build(root: Path, cache: Path, out: Path) -> subprocess.Popen[bytes]:
    """A build of the project for one host target."""
    return start(root, cache, "build", str(root), "-o", str(out))


def must(process: subprocess.Popen[bytes]) -> None:
    """Wait for a command that has to succeed."""
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 0, text.decode()[-3000:]


def kill_builds(folder: Path, count: int, seed: int = 0) -> Kills:
    """Kill ``count`` builds, the moments spread over a whole build's length; each has new weights to work on.

    The first build is the slowest, and the machine may become quicker: a build that ends is the new measure.
    """
    root, cache, out = make_project(folder / "project"), folder / "cache", folder / "out"
    edit(root / "edgebuild.toml", '["board"]', f'["{TARGET}"]')
    started = time.monotonic()
    must(build(root, cache, out))
    found, draw = Kills(seconds=time.monotonic() - started), random.Random(seed)
    for number in range(count):
        write_weights(root, number + 1)
        process, started = build(root, cache, out), time.monotonic()
        try:
            process.communicate(timeout=(number + draw.random()) / count * found.seconds)
            found.ended, found.seconds = found.ended + 1, time.monotonic() - started
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            found.killed += 1
        _look(out / TARGET, found, number)
    must(build(root, cache, out))
    must(start(root, cache, "verify", str(out / TARGET), "--require", "digests,golden"))
    found.problems += [f"litter: {path.name}" for path in out.iterdir() if path.name != TARGET]
    found.problems += [f"litter: {path.name}" for path in (cache / "v1" / "work").iterdir()]
    return found


def _look(bundle: Path, found: Kills, number: int) -> None:
    """A bundle that is there must be whole: its first build was not killed, so there always is one."""
    if not bundle.exists():
        found.problems.append(f"kill {number}: no bundle")
        return
    found.present += 1
    found.problems += [f"kill {number}: {problem}" for problem in open_bundle(bundle).check()]
