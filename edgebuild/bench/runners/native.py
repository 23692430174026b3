"""TensorFlow Lite's ``benchmark_model``, on a device without Python: what it reports of its own run, and no more.

Its samples stay with it. Older versions tell an average only, so no percentile of such a run is known. It gives no
outputs, does not tell the process's peak memory, and says no version; a run of an empty model stands for its self-test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from edgebuild.bench.empty_models import empty_model
from edgebuild.bench.runners.base import Crash, crash
from edgebuild.core.errors import DeviceError
from edgebuild.core.metric import Mode
from edgebuild.core.wire import Request, Response
from edgebuild.devices.base import Completed, Device

NAME = "benchmark_model"
_RUNTIME = "litert"
_NUMBER = r"([0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)"
_SUMMARY = re.compile(
    rf"Inference timings in us: Init: {_NUMBER}, First inference: {_NUMBER}, Warmup \(avg\): {_NUMBER}, "
    rf"Inference \(avg\): {_NUMBER}"
)
_STATISTICS = re.compile(r"\bcount=[0-9]+ .*")
_PAIR = re.compile(rf"\b([a-z0-9]+)={_NUMBER}(?=\s|$)")
_TOLD = {"avg": "avg", "min": "min", "max": "max", "p5": "p5", "median": "p50", "p95": "p95"}
"""Its names, and ours."""


@dataclass(frozen=True)
class NativeRunner:
    """The program at ``device.native``."""

    device: Device

    def files(self, request: Request, stem: str) -> Mapping[str, bytes]:
        self._refuse(request)
        selftest = request.mode is Mode.SELFTEST
        return {f"{stem}.tflite": next(iter(empty_model(_RUNTIME).values()))} if selftest else {}

    def command(self, request: Request, stem: str) -> list[str]:
        self._refuse(request)
        graph = f"{stem}.tflite" if request.mode is Mode.SELFTEST else str(request.model)
        runs = 1 if request.mode is Mode.SELFTEST else request.min_samples
        return [
            str(self.device.native), f"--graph={graph}", f"--num_threads={request.threads}", f"--num_runs={runs}",
            f"--min_secs={request.min_seconds:g}", f"--max_secs={request.max_seconds:g}", "--warmup_runs=1",
            f"--warmup_min_secs={request.warmup_seconds:g}",
        ]  # fmt: skip

    def by_turns(self, stems: tuple[str, str], seed: str) -> list[str] | None:  # noqa: ARG002
        return None

    def parse(self, done: Completed, answer: bytes | None) -> Response | Crash:  # noqa: ARG002
        return crash(done) if done.code != 0 else parse_report(self.device.name, f"{done.stdout}\n{done.stderr}")

    def _refuse(self, request: Request) -> None:
        if request.mode not in {Mode.SELFTEST, Mode.LATENCY}:
            raise DeviceError(
                self.device.name, f"its program {NAME} can't do a run of mode {request.mode.value}",
                expected="times only", fix="check outputs on a device with Python, or on a virtual board",
            )  # fmt: skip
        if request.delegate != "cpu":
            raise DeviceError(
                self.device.name, f"its program {NAME} can't show that the {request.delegate} computes the model",
                expected="the CPU", fix="measure it on a device with Python, or take a target whose delegate is cpu",
            )  # fmt: skip
        if request.runtime != _RUNTIME:
            raise DeviceError(
                self.device.name, f"its program {NAME} runs {_RUNTIME} models, not {request.runtime}",
                fix=f"build for a target whose runtime is {_RUNTIME}",
            )  # fmt: skip


def parse_report(device: str, text: str) -> Response:
    """What the program says of a run that ended well: times in microseconds, turned into whole nanoseconds.

    Raises:
        DeviceError: its summary is not there, or is no summary.
    """
    summary = _SUMMARY.search(text)
    if summary is None:
        raise DeviceError(device, f"{NAME} gave no summary", expected="a line 'Inference timings in us: …'")
    load, first, _, average = (_nanoseconds(number) for number in summary.groups())
    told = {"avg": average}
    lines = _STATISTICS.findall(text[: summary.start()])
    for name, number in _PAIR.findall(lines[-1]) if lines else ():
        if name in _TOLD:
            told[_TOLD[name]] = _nanoseconds(number)
    try:
        return Response(schema=1, ok=True, runtime=NAME, load_ns=load, first_ns=first, told_ns=told)
    except ValidationError as error:
        raise DeviceError(device, f"{NAME} tells impossible times: {error.errors()[0]['msg']:.200}") from error


def _nanoseconds(microseconds: str) -> int:
    """Bounded, as an exponent may be anything."""
    return round(min(float(microseconds), 1e15) * 1000)
