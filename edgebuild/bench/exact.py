"""Runs on a board whose clock counts executed instructions: a model's, and an empty model's to take away.

What varies between processes is fixed: one thread, the hash seed here, the address layout where the board boots.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from edgebuild.bench.bench import Bench, now, request_for
from edgebuild.bench.empty_models import empty_chain, empty_model
from edgebuild.bench.given import Files, Given
from edgebuild.core.artifact import CHAIN
from edgebuild.core.errors import ConfigError
from edgebuild.core.measurement import Run
from edgebuild.core.metric import Mode
from edgebuild.core.target import RuntimeOptions
from edgebuild.core.wire import Response
from edgebuild.devices.base import ISOLATED, Device

WARM_UP = 5
SAMPLES = 20
"""Few: the board is hundreds of times slower than what it imitates, and every inference counts the same."""

_FIXED = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONHASHSEED=0")
_SECONDS = 900.0


def counts_instructions(device: Device) -> bool:
    """Whether the device is a board that was booted for it."""
    return device.versions.get("clock") == "instructions"


def with_fixed_seed(device: Device) -> Device:
    """The device, with an interpreter that hashes alike in every process; it reads no variables and no user packages.

    Raises:
        ConfigError: the device's clock does not count instructions, or its interpreter is started in another way.
    """
    if not counts_instructions(device):
        raise ConfigError(f"device {device.name}", "its clock does not count instructions", fix="boot it with --exact")
    program, options = device.python[: -len(ISOLATED)], device.python[-len(ISOLATED) :]
    if options != ISOLATED:
        raise ConfigError(
            f"device {device.name}", f"starts Python with {' '.join(device.python[1:])}", expected=" ".join(ISOLATED)
        )
    return dataclasses.replace(device, python=(*_FIXED, *program, "-s"))


def exact_run(
    bench: Bench, runtime: str, files: Files, inputs: Given | None, options: RuntimeOptions, seed: int = 0
) -> Run:
    """One run of a few inferences in a fresh process; a runtime's empty model is counted once, before its first.

    Of a chain it is as many empty models, each in the runtime of its part.

    Raises:
        As ``Bench.execute``. ConfigError: the runtime is asked for more than one thread.
    """
    if options.threads != 1:
        raise ConfigError("threads", f"{options.threads} are asked for", expected="1: only then it repeats")
    started = now()
    empty = _Empty.of(runtime, files)
    if empty.name not in bench.empties:
        bench.empties[empty.name] = _few(bench, runtime, empty.files, None, options).samples_ns[WARM_UP:]
    answer = _few(bench, runtime, files, inputs, options)
    return Run(
        mode=Mode.EXACT, seed=seed, samples_ns=answer.samples_ns[WARM_UP:], warmup_ns=answer.samples_ns[:WARM_UP],
        empty_ns=bench.empties[empty.name], load_ns=answer.load_ns, first_ns=answer.first_ns, before=answer.before,
        after=answer.after, shares=answer.shares, started_at=started,
    )  # fmt: skip


@dataclass(frozen=True)
class _Empty:
    """What does as little as it can in the runtime of a model, and how it is known."""

    name: str
    files: Files

    @staticmethod
    def of(runtime: str, files: Files) -> _Empty:
        if not runtime.startswith(CHAIN):
            return _Empty(runtime, empty_model(runtime))
        parts = json.loads(files[next(iter(files))])["parts"]
        runtimes = [str(part["runtime"]) for part in parts]
        return _Empty(f"{CHAIN}{' '.join(runtimes)}", empty_chain(runtimes))


def _few(bench: Bench, runtime: str, files: Files, inputs: Given | None, options: RuntimeOptions) -> Response:
    """A latency run of a fixed number of inferences, with no thread beside the model's."""
    few = {
        "min_samples": WARM_UP + SAMPLES, "max_samples": WARM_UP + SAMPLES, "min_seconds": 0.0,
        "max_seconds": _SECONDS, "warmup_seconds": 0.0, "watch_seconds": 0.0,
    }  # fmt: skip
    request = request_for(Mode.LATENCY, runtime, options).model_copy(update=few)
    return bench.execute(request, files, inputs, timeout_s=_SECONDS)
