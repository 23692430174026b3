"""Runs and measurements: raw samples with everything that makes them comparable."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from edgebuild.core.artifact import Precision
from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest
from edgebuild.core.metric import Mode

Count = Annotated[int, Field(ge=0, le=10**9)]


class Basis(StrEnum):
    """What a measurement was made on; only DEVICE may speak for a device's speed."""

    DEVICE = "device"
    VIRTUAL = "virtual"
    SIMULATOR = "simulator"
    ESTIMATE = "estimate"


class Environment(Frozen):
    """The state of the device at one moment. None: the device does not tell.

    Clocks are in kHz, temperatures in thousandths of a degree Celsius, memory in bytes.

    Attributes:
        processors: the numbers of those that the process may run on.
        clock_khz: what each core runs at; ``clock_limit_khz``: what it is let run at now; ``clock_max_khz``: what its
            hardware can. A limit below the hardware's own is a cap: set by somebody, or by the thermal governor.
        cooling: the state of each thermal cooling device that slows processors; 0 is idle.
        throttle_flags: the board's own word on undervoltage, capping and throttling (bit 0 to 3: now).
        throttled: whether the device is held back at this moment, by its own flags or its cooling of processors.
        moment_ns: when it was read, after the timed inferences began.
    """

    processors: tuple[int, ...] | None = None
    load_1min: float | None = None
    clock_khz: tuple[int, ...] | None = None
    clock_limit_khz: tuple[int, ...] | None = None
    clock_max_khz: tuple[int, ...] | None = None
    governor: str | None = None
    temperature_mc: tuple[int, ...] | None = None
    cooling: tuple[int, ...] | None = None
    throttle_flags: int | None = None
    throttled: bool | None = None
    memory_available: int | None = None
    moment_ns: int | None = None


class Memory(Frozen):
    """Bytes of the run's process. None: the device or the runtime does not tell.

    Attributes:
        vm_hwm: the kernel's high-water mark of resident memory.
        vm_rss, pss: resident and proportional set size at the end.
        pss_peak: the largest proportional set size that was sampled; the true peak may lie between two samples.
        floor: ``vm_hwm`` of a process alike with no model.
        weights_mapped: resident pages of the model's own files, mapped into memory.
        arena: growth of anonymous memory from before the model was loaded to after its inferences: what the runtime
            planned and allocated for tensors, and the weights that it copied or packed. No runtime tells its arena to
            Python; this is the kernel's count.
        cgroup_peak: ``memory.peak`` of the run's control group, where the run has one to itself.
    """

    vm_hwm: int = Field(ge=0)
    vm_rss: int | None = None
    pss: int | None = None
    floor: int | None = None
    pss_peak: int | None = None
    weights_mapped: int | None = None
    arena: int | None = None
    cgroup_peak: int | None = None


class Share(Frozen):
    """The operators of the model that one delegate took, or that the runtime's own kernels computed.

    Attributes:
        by: the delegate as the target names it, "xnnpack" for LiteRT's own on the CPU, or "tflite" for its kernels.
        operators: how many of each kind, in the runtime's words.
        partitions: in how many pieces the delegate runs them; None: not told, or not in pieces.
    """

    by: Annotated[str, Field(max_length=100)]
    operators: Annotated[dict[Annotated[str, Field(max_length=200)], Count], Field(max_length=500)]
    partitions: Count | None = None

    @property
    def text(self) -> str:
        """As "xnnpack 29 in 2 partitions"."""
        pieces = "" if self.partitions is None else f" in {self.partitions} partition{'s' * (self.partitions != 1)}"
        return f"{self.by} {sum(self.operators.values())}{pieces}"


TOLD = ("avg", "min", "max", "p5", "p50", "p95")
"""What vendors' programs tell of a run instead of its samples."""


class Run(Frozen):
    """One fresh process on the device. Times are integers in nanoseconds, in the order they were taken.

    Attributes:
        empty_ns: in a run of mode EXACT, whose clock counts instructions as nanoseconds: what an empty model takes
            through the same runner and runtime, since the same boot.
        told_ns: what a vendor's own program says of its run, by the names of ``TOLD``; what it does not is not there.
        during: the environment while inferences were timed, read at a low rate.
        sampling_ns: the processor time that reading it took: the guard's own cost.
        shares: who computed which of the model's operators, as the runtime tells; empty: it does not.
        pair: which pair of runs it belongs to, where two bundles are held against each other; "" for none.
        side: "a", the baseline, or "b", what is held against it.
        every: of so many inferences one is kept, in a run of very many.
        step_ns: how long what one inference is given lasts, where the project says it.
        outside: why the run was made outside its profile's conditions; such a run is kept, and never pooled.
    """

    mode: Mode
    seed: int = 0
    samples_ns: tuple[int, ...] = ()
    warmup_ns: tuple[int, ...] = ()
    empty_ns: tuple[int, ...] = ()
    told_ns: dict[str, int] = Field(default={})
    load_ns: int | None = None
    first_ns: int | None = None
    memory: Memory | None = None
    before: Environment = Environment()
    during: tuple[Environment, ...] = ()
    after: Environment = Environment()
    sampling_ns: int = 0
    shares: tuple[Share, ...] = ()
    pair: Annotated[str, Field(pattern=r"^[0-9a-f-]*$", max_length=64)] = ""
    side: Literal["", "a", "b"] = ""
    every: Annotated[int, Field(ge=1)] = 1
    step_ns: Annotated[int, Field(ge=1)] | None = None
    outside: tuple[str, ...] = ()
    steady: bool = True
    started_at: str = ""


_WORKLOADS = {
    Mode.TURNS: "by_turns",
    Mode.BURST: "burst",
    Mode.DUTY: "duty_cycle",
    Mode.SUSTAINED: "sustained",
    Mode.END_TO_END: "end_to_end",
    Mode.MEMORY: "memory",
    Mode.EXACT: "exact",
    Mode.PROFILE: "profile",
}


class MeasurementKey(Frozen):
    """What must be equal for runs to be pooled."""

    bundle: Digest
    part: str
    precision: Precision
    model: Digest
    signature: str
    workload: Literal[
        "back_to_back", "by_turns", "burst", "duty_cycle", "sustained", "end_to_end", "memory", "exact", "profile"
    ]  # fmt: skip
    device: str
    threads: int
    affinity: str = ""
    delegate: str = "cpu"
    compute: str = "f32"
    toolchain: dict[str, str] = Field(default={})
    basis: Basis

    def of_mode(self, mode: Mode) -> MeasurementKey:
        """The key of another mode's runs of the same thing."""
        return self.model_copy(update={"workload": _WORKLOADS.get(mode, "back_to_back")})

    def differing(self, other: MeasurementKey) -> tuple[str, ...]:
        """The names of the fields that differ: why two measurements may not be pooled.

        A tool is named by itself, such as ``toolchain.qemu``.
        """
        fields = (f for f in type(self).model_fields if f != "toolchain" and getattr(self, f) != getattr(other, f))
        tools = sorted(self.toolchain.keys() | other.toolchain.keys())
        changed = (name for name in tools if self.toolchain.get(name) != other.toolchain.get(name))
        return (*fields, *(f"toolchain.{name}" for name in changed))


class Measurement(Frozen):
    """Runs made under one key."""

    key: MeasurementKey
    runs: tuple[Run, ...]
