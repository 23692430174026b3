"""Set virtual boards up, probe them, and release the MLPerf Tiny examples on them over ssh and adb: ``board_test``.

Prints a table of what was seen and how long it took; exits with 1 if something does not hold. Devices, bundles and
locks are in a folder of its own that goes in the end; the board's image and what builds made stay in the cache.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from board_rows import (
    Answer,
    Report,
    answer_of,
    first_setup,
    probed,
    released,
    repeated_setup,
    same_class,
    scored,
)

from edgebuild.bench.bench import Bench
from edgebuild.core.errors import EXIT_INTERRUPTED
from edgebuild.devices.transports.local import open_local
from edgebuild.models.data import load_samples
from edgebuild.models.samples import input_specs, prepare_inputs
from edgebuild.sampling import model_files
from edgebuild.steps.preprocess import apply_steps
from edgebuild.store.bundle import open_bundle
from edgebuild.store.cache import default_cache
from edgebuild.store.catalog import find_target
from edgebuild.store.toml import load_project

ROOT = Path(__file__).resolve().parent.parent
EDGEBUILD = str(Path(sys.executable).with_name("edgebuild"))
TASKS = ("keyword_spotting", "image_classification", "visual_wake_words", "anomaly_detection")
SCORED = ("keyword_spotting", "image_classification")
"""The classifiers whose predictions on the board are held against this machine's."""

Did = TypeVar("Did")

_SAMPLES = threading.Lock()
"""A project's own code is run by one thread at a time: what it opens and prints is watched for the whole process."""


@dataclass(frozen=True)
class Board:
    """A virtual device: its processor, how it is reached, what is put on it, and the target that is released."""

    cpu: str
    transport: str
    runtime: str
    target: str
    scored: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.runtime}-{self.transport}"


# Neighbours have other targets: tried side by side, they seldom wait for the same build.
BOARDS = (
    Board("cortex-a76", "ssh", "onnxruntime", "raspberry-pi-5", scored=True),
    Board("cortex-a72", "ssh", "litert", "arm64-litert"),
    Board("cortex-a76", "adb", "onnxruntime", "raspberry-pi-5"),
    Board("cortex-a76", "adb", "litert", "arm64-litert", scored=True),
    Board("cortex-a76", "ssh", "tflite-runtime", "arm64-litert"),
    Board("cortex-a72", "adb", "tflite-runtime", "arm64-litert"),
)


def main() -> int:
    """Every board; 1 if something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--boards", nargs="+", choices=[board.name for board in BOARDS])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="boards tried side by side")
    options = parser.parse_args()
    boards = [board for board in BOARDS if options.boards is None or board.name in options.boards]
    report = Report()
    with tempfile.TemporaryDirectory(prefix="edgebuild-") as temporary:
        folder = Path(temporary)
        os.environ["EDGEBUILD_DEVICES"] = str(folder / "devices")
        try:
            firsts = side_by_side(options.jobs, lambda board: set_up(board, report), boards)
            for board, first in zip(boards, firsts, strict=True):  # one after another: it is timed
                look_again(board, first, folder, report)
            side_by_side(options.jobs, lambda board: try_tasks(board, options.tasks, folder, report), boards)
        finally:
            for board in boards:
                call("devices", "remove", board.name)
    print(f"\n{report.table()}\n\n{len(report.rows)} checked, {report.wrong} wrong")
    return 1 if report.wrong else 0


def side_by_side(jobs: int, do: Callable[[Board], Did], boards: Sequence[Board]) -> list[Did]:
    """What it gives for each board; counted instructions don't depend on what else the machine does."""
    pool = ThreadPoolExecutor(jobs)
    try:
        return list(pool.map(do, boards))
    finally:
        pool.shutdown(cancel_futures=True)


def try_tasks(board: Board, tasks: Sequence[str], folder: Path, report: Report) -> None:
    """Release every task on a board that is set up, and score it there."""
    for task in tasks:
        bundle = release(board, task, folder, report)
        if board.scored and task in SCORED and bundle is not None:
            score(board, task, bundle, folder, report)


def call(*words: str) -> Answer:
    """One of edgebuild's own commands. What it says meanwhile goes to stderr.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    done = subprocess.run([EDGEBUILD, *words, "--json"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode == EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    return answer_of(done.returncode, json.loads(done.stdout) if done.stdout else {})


def set_up(board: Board, report: Report) -> Answer:
    """Add it and set it up. It has no network."""
    started = time.monotonic()
    call("devices", "add", board.name, "--virtual", board.cpu, "--transport", board.transport)
    first = call("devices", "setup", board.name, "--runtime", board.runtime)
    report.add(f"{board.name}: setup", started, first_setup(board.cpu, first))
    return first


def look_again(board: Board, first: Answer, folder: Path, report: Report) -> None:
    """While it stays up: set it up again, which is quick and changes nothing, and probe it."""
    call("devices", "up", board.name)
    again = []
    started = time.monotonic()
    for _ in range(2):
        began = time.monotonic()
        again.append((call("devices", "setup", board.name, "--runtime", board.runtime), time.monotonic() - began))
    report.add(f"{board.name}: setup again", started, repeated_setup(first, again))
    probe(board, folder, report)
    call("devices", "down", board.name)


def probe(board: Board, folder: Path, report: Report) -> None:
    """What it is, by its own word, and a target file that passes the check."""
    started = time.monotonic()
    found = call("devices", "probe", board.name, "--write", "--project", str(folder / board.name))
    checked = call("targets", "check", str(found.result.get("file")))
    report.add(f"{board.name}: probe", started, probed(board.cpu, found, checked))


def release(board: Board, task: str, folder: Path, report: Report) -> Path | None:
    """Build, verify and gate on the board by the project's own budgets; the bundle if there is one."""
    started, out = time.monotonic(), folder / f"{board.name}-{task}"
    project = f"{ROOT}/examples/mlperf_tiny/{task}.toml"
    found = call("release", project, "-t", board.target, "-o", str(out), "--device", board.name)
    report.add(f"{board.name}: release {task} for {board.target}", started, released(found))
    bundle = (found.result.get("targets") or [{}])[0].get("bundle")
    return Path(bundle) if bundle else None


def score(board: Board, task: str, bundle: Path, folder: Path, report: Report) -> None:
    """Evaluate on the board; its predictions against this machine's, by the same files."""
    started, answers = time.monotonic(), folder / f"{board.name}-{task}.npz"
    project = ROOT / "examples/mlperf_tiny" / f"{task}.toml"
    words = ("eval", str(bundle), "--project", str(project), "--device", board.name, "--output", str(answers))
    code = call(*words).code
    with _SAMPLES:
        shares = agreement(bundle, project, answers) if code == 0 else {}
    report.add(f"{board.name}: eval {task}", started, scored(code, shares))


def agreement(bundle_path: Path, project_path: Path, answers: Path) -> dict[str, tuple[int, int]]:
    """By precision, on how many of the evaluation samples the class there is the class here, and of how many."""
    bundle, (project, root) = open_bundle(bundle_path), load_project(project_path)
    part, target = bundle.manifest.parts[0], find_target(bundle.manifest.target, root)
    assert project.data.evaluation is not None
    specs = input_specs(part.signature)
    samples = load_samples(project.data.evaluation, specs, root, default_cache(), "evaluation")
    same = {}
    with np.load(answers, allow_pickle=False) as there, Bench(open_local()) as bench:
        for variant in part.variants:
            signature = variant.signature or part.signature
            inputs, name = prepare_inputs(samples, signature), signature.outputs[0].name
            here = bench.infer(part.runtime, model_files(bundle, variant), inputs, target.runtime_options, [name])[0]
            mine = apply_steps(here, signature.post.get(name, ()))
            same[variant.precision] = same_class(mine, there[f"{variant.precision}/{name}"])
    return same


if __name__ == "__main__":
    sys.exit(main())
