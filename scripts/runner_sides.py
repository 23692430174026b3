"""The sides that are held against each other: a model's p50 in a fresh process of the runner, a bare loop or another.

All make the same numbers of inferences on one thread, of the same input, with the same clock around the bare call.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from runner_app import TELLS

from edgebuild.bench.bench import Bench
from edgebuild.core.errors import DeviceError
from edgebuild.core.metric import Mode
from edgebuild.core.wire import Request

WARM_UP, SAMPLES = 20, 700
_SECONDS = 120.0
_HERE = Path(__file__).parent
_CONFIG = {"CPU": {"INFERENCE_NUM_THREADS": "1", "INFERENCE_PRECISION_HINT": "f32"}}


@dataclass(frozen=True)
class Model:
    """A model with one input, for one runtime, and a sample for it; on disk too, for those who read files.

    Attributes:
        folder: its files lie here, the one that the runtime opens first being ``name``.
    """

    runtime: str
    files: dict[str, bytes]
    sample: NDArray[np.generic]
    folder: Path

    @property
    def path(self) -> Path:
        """The file that the runtime opens first."""
        return self.folder / Path(next(iter(self.files))).name

    @property
    def sample_path(self) -> Path:
        """The sample as a file."""
        return self.folder / "sample.npy"

    def write(self) -> None:
        """Put it all into the folder."""
        self.folder.mkdir(parents=True)
        for name, data in self.files.items():
            (self.folder / Path(name).name).write_bytes(data)
        np.save(self.sample_path, self.sample)


def runner_p50(bench: Bench, model: Model) -> float:
    """Nanoseconds, by edgebuild's runner as it is always used, but that the numbers of inferences are fixed."""
    count = WARM_UP + SAMPLES
    request = Request(
        mode=Mode.LATENCY, runtime=model.runtime, warmup_seconds=0.0, min_seconds=0.0, max_seconds=_SECONDS,
        min_samples=count - 1, max_samples=count - 1,
    )  # fmt: skip
    answer = bench.execute(request, model.files, {"sample": model.sample})
    return median(answer.samples_ns[WARM_UP - 1 :])  # the first of the warm-up is told apart, as first_ns


def bare_p50(model: Model) -> float:
    """Nanoseconds, by ``runner_bare.py``."""
    words = [model.runtime, str(model.path), str(model.sample_path), str(WARM_UP), str(SAMPLES)]
    return float(median(json.loads(_said("runner_bare.py", words).stdout)))


def app_p50(model: Model) -> float:
    """Nanoseconds, by OpenVINO's ``benchmark_app`` with the latency hint. Its warm-up is one inference.

    The rest of our warm-up is among what it times: a few of many, which the median passes over.
    """
    config = model.folder / "config.json"
    config.write_text(json.dumps(_CONFIG), encoding="utf-8")
    words = {
        "-m": model.path, "-i": model.sample_path, "-d": "CPU", "-api": "sync", "-hint": "latency", "-ip": "f32",
        "-niter": WARM_UP + SAMPLES - 1, "-load_config": config,
    }  # fmt: skip
    said = _said("runner_app.py", [str(word) for pair in words.items() for word in pair]).stderr
    told = [line.removeprefix(TELLS) for line in said.splitlines() if line.startswith(TELLS)]
    if len(told) != 1:
        raise DeviceError(
            "benchmark_app", "did not tell its median", fix="use the version of OpenVINO in constraints.txt"
        )
    return 1e6 * float(told[0])


def _said(script: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    """What a script of ours says in a fresh process, with this interpreter.

    Raises:
        DeviceError: it fails, or takes too long.
    """
    command = [sys.executable, str(_HERE / script), *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SECONDS, start_new_session=True
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceError(script, f"took longer than {_SECONDS:g} s", transient=True) from error
    if done.returncode != 0:
        raise DeviceError(script, f"exit code {done.returncode}: {done.stderr[-1000:]}")
    return done
