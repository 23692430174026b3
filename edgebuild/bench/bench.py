"""The one way that models are run: a fresh process on a device for every call."""

from __future__ import annotations

import datetime as dt
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self, TypeGuard

from edgebuild.bench.blame import refuse, refuse_other_version
from edgebuild.bench.given import Files, Given, Placed, Raw, Side, Steps
from edgebuild.bench.runners.base import Crash
from edgebuild.bench.session import Session, runner_for
from edgebuild.core.array import Array, np
from edgebuild.core.errors import DeviceError, ModelRejected
from edgebuild.core.measurement import Environment, Memory, Run
from edgebuild.core.metric import Mode
from edgebuild.core.profile import Measuring
from edgebuild.core.target import RuntimeOptions
from edgebuild.core.wire import Request, Response
from edgebuild.core.workload import WORKLOADS
from edgebuild.devices.base import Device
from edgebuild.store.arrays import stored_npz

INFER_SECONDS = 3600.0
_RUN_SECONDS = 120.0


@dataclass
class Bench:
    """Runs models on one device. Close it, or use it as a context, to leave nothing there.

    Attributes:
        made_with: the versions of the tools that its models were made and checked with, by package; empty: not known.
        empties: what an empty model takes on a device that counts instructions, by runtime: counted once a boot.
    """

    device: Device
    made_with: Mapping[str, str] = field(default_factory=dict)
    empties: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False)
    _session: Session = field(init=False, repr=False)
    _toolchains: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._session = Session(self.device, runner_for(self.device))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the device."""
        self.device.close()

    def execute(
        self, request: Request, files: Files, inputs: Given | None = None, *, timeout_s: float = _RUN_SECONDS,
        outputs: Path | None = None,
    ) -> Response:  # fmt: skip
        """One run; a second one if the model seems to be why the first gave nothing.

        Args:
            request: its file names are filled in here.
            timeout_s: of one run, without the time to start.

        Raises:
            ModelRejected: twice refused or crashed, where the runtime's self-test passes.
            DeviceError: the device, the link or the runtime failed, or it is another version of the runtime that can't
            run the model. ConfigError: inputs do not fit the model. NotMeasured: the CPU would have done what an
            accelerator is demanded for.
        """
        ready = self._ready(request, files, inputs)
        first = self._session.run(ready, timeout_s, outputs)
        if _worked(first):
            return first
        refuse(self.device.name, request.runtime, first)
        second = self._session.run(ready, timeout_s, outputs)
        if _worked(second):
            return second
        refuse(self.device.name, request.runtime, second)
        if request.mode is not Mode.SELFTEST:
            there = self.selftest(request.runtime)["runtime"]
            refuse_other_version(self.device.name, request.runtime, there, self.made_with)
        raise ModelRejected(
            f"{request.runtime} on {self.device.name}", f"the model failed twice: {_reason(second)}",
            expected="a model that this runtime loads and runs; its self-test passes there",
        )  # fmt: skip

    def selftest(self, runtime: str) -> dict[str, str]:
        """Import the runtime on the device; its versions.

        Raises:
            DeviceError: it does not work there.
        """
        answer = self._session.run(Request(mode=Mode.SELFTEST, runtime=runtime), _RUN_SECONDS)
        if not _worked(answer):
            refuse(self.device.name, runtime, answer)
            raise DeviceError(
                self.device.name, f"the self-test of {runtime} failed: {_reason(answer)}",
                fix=f"see that the device is well, then edgebuild devices setup {self.device.name}",
            )  # fmt: skip
        return {"runtime": answer.runtime, "python": answer.python, "numpy": answer.numpy, "machine": answer.machine}

    def memory_floor(self, runtime: str) -> int:
        """Bytes of a process with the runtime and no model: its VmHWM.

        Raises:
            As ``execute``.
        """
        return _memory(self.device.name, self.execute(request_for(Mode.MEMORY, runtime, RuntimeOptions()), {})).vm_hwm

    def environment(self) -> Environment:
        """The device's state now; no runtime is needed for it.

        Raises:
            DeviceError: it does not tell.
        """
        answer = self._session.run(Request(mode=Mode.STATE, runtime="none"), _RUN_SECONDS)
        if not _worked(answer):
            refuse(self.device.name, "none", answer)
            raise DeviceError(self.device.name, f"its state can't be read: {_reason(answer)}")
        return answer.after

    def toolchain(self, runtime: str) -> dict[str, str]:
        """The versions that measurements are filed under; asked once."""
        if runtime not in self._toolchains:
            self._toolchains[runtime] = {**self.selftest(runtime), **self.device.versions}
        return self._toolchains[runtime]

    def infer(
        self, runtime: str, files: Files, inputs: Given, options: RuntimeOptions, outputs: Sequence[str] = ()
    ) -> list[Array]:
        """Outputs for every sample, in the model's order or that of the names given; each (N, *shape[1:]).

        Raises:
            As ``execute``.
        """
        with tempfile.TemporaryDirectory(prefix="edgebuild-") as folder:
            place = Path(folder) / "outputs.npz"
            self.infer_into(place, runtime, files, inputs, options)
            return self.outputs_in(place, outputs)

    def infer_into(self, place: Path, runtime: str, files: Files, inputs: Given, options: RuntimeOptions) -> None:
        """Write the outputs for every sample to a file, for ``outputs_in``.

        Raises:
            As ``execute``.
        """
        request = request_for(Mode.INFER, runtime, options)
        self.execute(request, files, inputs, timeout_s=INFER_SECONDS, outputs=place)

    def outputs_in(self, place: Path, outputs: Sequence[str] = ()) -> list[Array]:
        """What ``infer_into`` wrote, in the order of ``infer``.

        Raises:
            DeviceError: it can't be read, or holds another number of outputs.
        """
        named = _read_outputs(self.device.name, place)
        if outputs and len(named) != len(outputs):
            raise DeviceError(self.device.name, f"a run answers {len(named)} outputs", expected=f"{len(outputs)}")
        if outputs and set(outputs) == {name for name, _ in named}:
            return [dict(named)[name] for name in outputs]
        return [value for _, value in named]

    def latency_run(
        self, runtime: str, files: Files, inputs: Given | None, options: RuntimeOptions, measuring: Measuring,
        seed: int = 0, mode: Mode = Mode.LATENCY,
    ) -> Run:  # fmt: skip
        """One run of timed inferences, at the pace of a mode that tells times."""
        request = _timed(mode, runtime, options, measuring, seed)
        started = now()
        answer = self.execute(request, files, inputs, timeout_s=request.max_seconds + request.warmup_seconds + 60)
        _refuse_no_samples(self.device.name, answer)
        return _as_run(answer, mode, seed, started, None)

    def takes_turns(self, measuring: Measuring) -> bool:
        """Whether the runs of a pair are made by turns: the device can, and the profile wants it."""
        return measuring.turn_seconds > 0 and self._session.takes_turns

    def run_by_turns(
        self, runtime: str, sides: tuple[Side, Side], options: RuntimeOptions, measuring: Measuring, seed: str
    ) -> tuple[Run, Run]:
        """Two runs of timed inferences, in two fresh processes that take turns in an order drawn from ``seed``.

        Raises:
            As ``execute``; DeviceError too if each works alone, and not beside the other.
        """
        request = _timed(Mode.TURNS, runtime, options, measuring, 0)
        ready = [self._ready(request, *side) for side in sides]
        started = now()
        timeout_s = 4 * request.max_seconds + 2 * request.warmup_seconds + 60
        answers = self._session.run_by_turns((ready[0], ready[1]), seed, timeout_s)
        worked = [answer for answer in answers if _worked(answer)]
        if len(worked) < len(answers):
            self._refuse_side_by_side(request, sides, answers)
        for answer in worked:
            _refuse_no_samples(self.device.name, answer)
        first, second = (_as_run(answer, Mode.TURNS, 0, started, None) for answer in worked)
        return first, second

    def _refuse_side_by_side(
        self, request: Request, sides: Sequence[Side], answers: Sequence[Response | Crash]
    ) -> NoReturn:
        """Raise what is wrong with a side that gave nothing, by running it alone; or that nothing is, alone."""
        alone = request.model_copy(update={"mode": Mode.LATENCY})
        for side in (side for side, answer in zip(sides, answers, strict=True) if not _worked(answer)):
            self.execute(alone, *side, timeout_s=request.max_seconds + request.warmup_seconds + 60)
        failed = next(answer for answer in answers if not _worked(answer))
        raise DeviceError(
            self.device.name, f"a run failed beside another, and works alone: {_reason(failed)}",
            fix="try again; where two models have no room at once, set turn_seconds = 0 in the profile's [measuring]",
            transient=True,
        )  # fmt: skip

    def memory_run(
        self, runtime: str, files: Files, inputs: Given | None, options: RuntimeOptions, seed: int = 0
    ) -> Run:
        """One run of a few inferences for its peak memory, and one without a model for the runtime's floor.

        A vendor's program does not tell it: on such a device nothing is run, and the run says nothing.
        """
        request, started = request_for(Mode.MEMORY, runtime, options), now()
        if self.device.native is not None:
            return Run(mode=Mode.MEMORY, seed=seed, started_at=started)
        floor = _memory(self.device.name, self.execute(request, {}))
        answer = self.execute(request, files, inputs)
        found = _memory(self.device.name, answer).model_copy(update={"floor": floor.vm_hwm})
        return _as_run(answer, Mode.MEMORY, seed, started, found)

    def place(self, inputs: Path) -> Placed:
        """Put an ``.npz`` file of inputs, as ``Inputs`` describes them, on the device for several calls.

        Raises:
            DeviceError: the device or the link failed.
        """
        return Placed(self._session.place_file(inputs))

    def _ready(self, request: Request, files: Files, inputs: Given | None) -> Request:
        if isinstance(inputs, Raw):
            return self._ready(request.model_copy(update={"around": inputs.around}), files, inputs.inputs)
        if isinstance(inputs, Steps):
            stepped = request.model_copy(update={"states": inputs.states, "steps": inputs.length})
            return self._ready(stepped, files, inputs.inputs)
        names: dict[str, str] = {}
        if files:
            names["model"] = f"{self._session.place(files)}/{Path(next(iter(files))).name}"
        if isinstance(inputs, Placed):
            names["inputs"] = inputs.name
        elif inputs:
            data = stored_npz(dict(sorted(inputs.items())))  # the same for the same arrays: a device is given them once
            names["inputs"] = f"{self._session.place({'inputs.npz': data})}/inputs.npz"
        return request.model_copy(update=names)


def _worked(answer: Response | Crash) -> TypeGuard[Response]:
    return isinstance(answer, Response) and answer.ok


def _reason(answer: Response | Crash) -> str:
    if isinstance(answer, Crash):
        return answer.how
    return answer.failure.message if answer.failure else ""


def request_for(mode: Mode, runtime: str, options: RuntimeOptions) -> Request:
    """A run as a target's options ask for it."""
    return Request(
        mode=mode, runtime=runtime, threads=options.threads, delegate=options.delegate,
        delegate_library=options.delegate_library, delegate_options=options.delegate_options,
        least_delegated=options.least_delegated, precision=options.precision,
    )  # fmt: skip


def _timed(mode: Mode, runtime: str, options: RuntimeOptions, measuring: Measuring, seed: int) -> Request:
    request, pace = request_for(mode, runtime, options), WORKLOADS[mode]
    return request.model_copy(
        update={
            "min_samples": measuring.min_samples,
            "min_seconds": max(measuring.min_seconds, pace.seconds),
            "max_seconds": request.max_seconds + pace.seconds,
            "warmup_seconds": measuring.warmup_seconds,
            "turn_seconds": measuring.turn_seconds,
            "burst": pace.burst,
            "gap_seconds": pace.gap_seconds,
            "period_seconds": pace.period_seconds,
            "seed": seed,
        }
    )


def _refuse_no_samples(device: str, answer: Response) -> None:
    if not answer.samples_ns and not answer.told_ns:
        raise DeviceError(device, "a latency run came back without one sample", transient=True)


def _read_outputs(device: str, place: Path) -> list[tuple[str, Array]]:
    """Names and arrays in the model's order."""
    try:
        with np.load(place, allow_pickle=False) as file:
            keys = sorted(file.files, key=lambda key: int(key.partition("/")[0]))
            return [(key.partition("/")[2], file[key]) for key in keys]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DeviceError(device, f"the outputs can't be read: {error}", transient=True) from error


def _memory(device: str, answer: Response) -> Memory:
    if answer.memory is None or answer.memory.vm_hwm == 0:
        raise DeviceError(device, "it does not tell a process's peak memory", expected="VmHWM in /proc/self/status")
    return answer.memory


def _as_run(answer: Response, mode: Mode, seed: int, started: str, memory: Memory | None) -> Run:
    return Run(
        mode=mode, seed=seed, samples_ns=answer.samples_ns, told_ns=answer.told_ns, warmup_ns=answer.warmup_ns,
        load_ns=answer.load_ns, first_ns=answer.first_ns, shares=answer.shares, memory=memory,
        before=answer.before, during=answer.during, after=answer.after,
        sampling_ns=answer.sampling_ns, every=answer.every, steady=answer.steady, started_at=started,
    )  # fmt: skip


def now() -> str:
    """This moment, as measurements and evidence are dated."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
