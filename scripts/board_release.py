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
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgebuild.bench.bench import Bench
from edgebuild.devices.transports.local import open_local
from edgebuild.models.data import load_samples
from edgebuild.models.preprocess import apply_steps
from edgebuild.models.samples import input_specs, prepare_inputs
from edgebuild.store.bundle import open_bundle
from edgebuild.store.cache import default_cache
from edgebuild.store.catalog import find_target
from edgebuild.store.toml import load_project
from edgebuild.trial import model_files

ROOT = Path(__file__).resolve().parent.parent
EDGEBUILD = str(Path(sys.executable).with_name("edgebuild"))
TASKS = ("keyword_spotting", "image_classification", "visual_wake_words", "anomaly_detection")
SCORED = ("keyword_spotting", "image_classification")
"""The classifiers whose predictions on the board are held against this machine's."""

AGREE = 0.99
QUICK_S = 5.0
NAMES = {"cortex-a76": "Cortex-A76", "cortex-a72": "Cortex-A72"}


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


BOARDS = (
    Board("cortex-a76", "ssh", "onnxruntime", "raspberry-pi-5", scored=True),
    Board("cortex-a76", "adb", "onnxruntime", "raspberry-pi-5"),
    Board("cortex-a72", "ssh", "litert", "arm64-litert"),
    Board("cortex-a76", "adb", "litert", "arm64-litert", scored=True),
    Board("cortex-a76", "ssh", "tflite-runtime", "arm64-litert"),
    Board("cortex-a72", "adb", "tflite-runtime", "arm64-litert"),
)


@dataclass
class Report:
    """What was seen, a row each."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    wrong: int = 0

    def add(self, what: str, started: float, seen: str, *, right: bool) -> None:
        """Keep a row and print it."""
        row = ("ok" if right else "WRONG", what, seen, f"{time.monotonic() - started:.1f} s")
        self.wrong += not right
        self.rows.append(row)
        print("  ".join(row), flush=True)

    def table(self) -> str:
        """All rows, in columns."""
        widths = [max(len(row[column]) for row in self.rows) for column in (0, 1, 2)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + f"  {row[3]}"
            for row in self.rows
        )


def main() -> int:
    """Every board in turn; 1 if something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--boards", nargs="+", choices=[board.name for board in BOARDS])
    options = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="edgebuild-") as temporary:
        folder = Path(temporary)
        os.environ["EDGEBUILD_DEVICES"] = str(folder / "devices")
        for board in BOARDS:
            if options.boards is None or board.name in options.boards:
                try_board(board, options.tasks, folder, report)
    print(f"\n{report.table()}\n\n{len(report.rows)} checked, {report.wrong} wrong")
    return 1 if report.wrong or not report.rows else 0


def try_board(board: Board, tasks: list[str], folder: Path, report: Report) -> None:
    """Add it, set it up twice, probe it, release every task on it, and remove it."""
    call("devices", "add", board.name, "--virtual", board.cpu, "--transport", board.transport)
    try:
        set_up(board, report)
        probe(board, folder, report)
        for task in tasks:
            bundle = release(board, task, folder, report)
            if board.scored and task in SCORED and bundle is not None:
                score(board, task, bundle, folder, report)
    finally:
        call("devices", "remove", board.name)


def call(*words: str) -> tuple[int, dict[str, Any]]:
    """One of edgebuild's own commands: its exit code and its document. What it says meanwhile goes to stderr."""
    done = subprocess.run([EDGEBUILD, *words, "--json"], stdout=subprocess.PIPE, text=True, check=False)
    document = json.loads(done.stdout) if done.stdout else {}
    return done.returncode, document.get("result") or {}


def set_up(board: Board, report: Report) -> None:
    """Once, and again on the board that stays up: that is quick, and changes nothing. The board has no network."""
    words = ("devices", "setup", board.name, "--runtime", board.runtime)
    started = time.monotonic()
    code, first = call(*words)
    right = code == 0 and first["changed"] is True
    report.add(f"{board.name}: setup", started, f"{board.cpu}, exit {code}, {_packages(first)}", right=right)
    call("devices", "up", board.name)
    times = []
    for _ in range(2):
        started = time.monotonic()
        code, again = call(*words)
        times.append(time.monotonic() - started)
        right = right and code == 0 and again["changed"] is False and again["environment"] == first["environment"]
    right = right and min(times) < QUICK_S
    seen = f"exit {code}, changed {again.get('changed')}, {min(times):.1f} s (under {QUICK_S:g} s)"
    report.add(f"{board.name}: setup again", started, seen, right=right)


def _packages(result: dict[str, Any]) -> str:
    wheels = result.get("wheels", [])
    return ", ".join(f"{wheel['name']} {wheel['version']}" for wheel in wheels[:6])


def probe(board: Board, folder: Path, report: Report) -> None:
    """What it is, by its own word, and a target file that passes the check. The board is up, and down afterwards."""
    started = time.monotonic()
    code, found = call("devices", "probe", board.name, "--write", "--project", str(folder / board.name))
    cores = found.get("hardware", {}).get("clusters")
    checked, _ = call("targets", "check", str(found.get("file"))) if code == 0 else (code, {})
    seen = f"exit {code}, {cores}, target {found.get('target')}, targets check exits {checked}"
    report.add(f"{board.name}: probe", started, seen, right=(checked, cores) == (0, [f"1x {NAMES[board.cpu]}"]))
    call("devices", "down", board.name)


def release(board: Board, task: str, folder: Path, report: Report) -> Path | None:
    """Build, verify and gate on the board by the project's own budgets; the bundle if there is one."""
    started, out = time.monotonic(), folder / f"{board.name}-{task}"
    project = f"{ROOT}/examples/mlperf_tiny/{task}.toml"
    code, found = call("release", project, "-t", board.target, "-o", str(out), "--device", board.name)
    each = (found.get("targets") or [{}])[0]
    golden = next((check for check in each.get("checks", []) if check["check"] == "golden"), {})
    lines = {line["budget"]["metric"]: line for line in (each.get("verdict") or {}).get("lines", [])}
    counted = lines.get("instructions", {})
    right = (code, golden.get("state"), counted.get("outcome"), counted.get("decides")) == (0, "ok", "PASS", True)
    seen = f"exit {code}, golden {golden.get('state')}: {golden.get('why')}; instructions {_counts(counted)}"
    seen += f" {each['error']}" if each.get("error") else ""
    report.add(f"{board.name}: release {task} for {board.target}", started, seen, right=right)
    return Path(each["bundle"]) if each.get("bundle") else None


def _counts(line: dict[str, Any]) -> str:
    if line.get("low") is None:
        return "not counted"
    return f"{line['low']:,.0f} to {line['high']:,.0f}, at most {line['budget']['limit']:,.0f}"


def score(board: Board, task: str, bundle: Path, folder: Path, report: Report) -> None:
    """Evaluate on the board; its predictions against this machine's, by the same files."""
    started, answers = time.monotonic(), folder / f"{board.name}-{task}.npz"
    project = ROOT / "examples/mlperf_tiny" / f"{task}.toml"
    words = ("eval", str(bundle), "--project", str(project), "--device", board.name, "--output", str(answers))
    code, _ = call(*words)
    shares = agreement(bundle, project, answers) if code == 0 else {}
    seen = ", ".join(f"{name} {same} of {count} as here" for name, (same, count) in shares.items())
    right = bool(shares) and all(same >= AGREE * count and count >= 100 for same, count in shares.values())
    report.add(f"{board.name}: eval {task}", started, f"exit {code}, {seen}", right=right)


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
            mine = apply_steps(here, signature.post.get(name, ())).reshape(len(samples), -1).argmax(1)
            theirs = there[f"{variant.precision}/{name}"].reshape(len(samples), -1).argmax(1)
            same[variant.precision] = (int((mine == theirs).sum()), len(samples))
    return same


if __name__ == "__main__":
    sys.exit(main())
