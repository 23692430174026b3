"""Builds that are killed at random moments, and what they may leave: nothing that anybody trips over."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import warm
from tiny_project import edit, make_project, write_weights
from warm import Command

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


def start(root: Path, cache: Path, *command: str) -> Command:
    """An edgebuild command in a process group of its own, in which torch is imported already."""
    return warm.start([*command], {**os.environ, "EDGEBUILD_CACHE": str(cache)}, root)


def build(root: Path, cache: Path, out: Path) -> Command:
    """A build of the project for one host target."""
    return start(root, cache, "build", str(root), "-o", str(out))


def must(command: Command) -> None:
    """Wait for a command that has to succeed."""
    code, said = command.code()
    assert code == 0, said[-3000:]


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
        command, started = build(root, cache, out), time.monotonic()
        if command.ends((number + draw.random()) / count * found.seconds):
            found.ended, found.seconds = found.ended + 1, time.monotonic() - started
        else:
            command.kill()
            found.killed += 1
        command.code()
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
