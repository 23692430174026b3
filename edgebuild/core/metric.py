"""Metrics, each declared once, and budgets on them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import model_validator

from edgebuild.core.base import Frozen
from edgebuild.core.units import Unit, format_quantity, parse_quantity


class Kind(StrEnum):
    """How a metric's value comes about, which decides how it is judged.

    ESTIMATED: a compiler tells it of what it made, and nothing was run.
    """

    SAMPLED = "sampled"
    EXACT = "exact"
    ESTIMATED = "estimated"


class Direction(StrEnum):
    """Which way is better; a budget bounds the other way."""

    LOWER = "lower"
    HIGHER = "higher"


class Mode(StrEnum):
    """What a run is: what the runner does in one fresh process.

    EXACT: the runner does what it does for LATENCY, with a clock that counts executed instructions. TURNS: the same as
    LATENCY, in turns of a few hundredths of a second with another process. BURST, DUTY, SUSTAINED: the same as LATENCY,
    at another pace (core/workload.py). END_TO_END: the same, from the sample to the answer.
    """

    SELFTEST = "selftest"
    INFER = "infer"
    LATENCY = "latency"
    TURNS = "turns"
    BURST = "burst"
    DUTY = "duty"
    SUSTAINED = "sustained"
    END_TO_END = "end_to_end"
    MEMORY = "memory"
    PROFILE = "profile"
    EXACT = "exact"
    STATE = "state"


TIMED = (Mode.LATENCY, Mode.BURST, Mode.DUTY, Mode.SUSTAINED, Mode.END_TO_END)
"""Modes that tell times."""


class Metric(Frozen):
    """One thing that can be measured and budgeted.

    Attributes:
        name: its name in project files, on the command line and in evidence.
        unit: the dimension; values are in its base unit.
        mode: the runner mode whose runs carry it, or None where it is no device metric.
        quantile: for a latency percentile, which one.
        start, end: the events between which it is taken.
        cache_state: what is warm when the clock starts.
        change: whether it is the change from a baseline, which is measured beside.
    """

    name: str
    unit: Unit
    direction: Direction = Direction.LOWER
    kind: Kind = Kind.SAMPLED
    mode: Mode | None = None
    quantile: float | None = None
    start: str = ""
    end: str = ""
    cache_state: str = ""
    meaning: str = ""
    change: bool = False


def _percentile(name: str, percent: int, mode: Mode, cache_state: str, meaning: str) -> Metric:
    """A percentile of a run's inferences."""
    return Metric(
        name=f"{name}_p{percent}",
        unit=Unit.NANOSECOND,
        mode=mode,
        quantile=percent / 100,
        start="inputs in memory, inference called",
        end="outputs in memory",
        cache_state=cache_state,
        meaning=f"{percent}th percentile of {meaning}",
    )


def _estimated(name: str, unit: Unit, meaning: str) -> Metric:
    return Metric(name=name, unit=unit, kind=Kind.ESTIMATED, meaning=meaning)


def _latency(percent: int) -> Metric:
    warm = "model loaded, warmed up until steady"
    return _percentile("latency", percent, Mode.LATENCY, warm, "one run's steady inferences")


def _end_to_end(percent: int) -> Metric:
    meaning = "one run's steady calls, each with the declared steps before and after the model"
    metric = _percentile("end_to_end", percent, Mode.END_TO_END, "model loaded, warmed up until steady", meaning)
    return metric.model_copy(update={"start": "sample read and decoded, in memory", "end": "answer in memory"})


def _latency_change(percent: int) -> Metric:
    return Metric(
        name=f"latency_p{percent}_change",
        unit=Unit.PERCENT,
        mode=Mode.LATENCY,
        quantile=percent / 100,
        change=True,
        meaning=f"percent by which latency_p{percent} is above the baseline's, over pairs of runs in random order",
    )


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _latency(50),
        _latency(90),
        _latency(99),
        _latency_change(50),
        _latency_change(90),
        _latency_change(99),
        _percentile(
            "burst",
            90,
            Mode.BURST,
            cache_state="model loaded, warmed up, idle for half a second before each ten inferences",
            meaning="inferences that come ten at a time, half a second apart",
        ),
        _percentile(
            "duty_cycle",
            90,
            Mode.DUTY,
            cache_state="model loaded, warmed up, idle since the last inference",
            meaning="inferences that come ten times a second",
        ),
        _percentile(
            "sustained",
            90,
            Mode.SUSTAINED,
            cache_state="model loaded, running without a pause for four minutes",
            meaning="the last of five minutes without a pause",
        ),
        Metric(
            name="sustained_slowdown",
            unit=Unit.PERCENT,
            mode=Mode.SUSTAINED,
            meaning="percent by which the median of the last of five minutes is above that of the first",
        ),
        *(_end_to_end(percent) for percent in (50, 90)),
        Metric(
            name="cold_start",
            unit=Unit.NANOSECOND,
            mode=Mode.LATENCY,
            start="runtime imported, model file not yet opened",
            end="session ready",
            cache_state="fresh process; the page cache as it is",
            meaning="time to load the model in a fresh process",
        ),
        Metric(
            name="first_inference",
            unit=Unit.NANOSECOND,
            mode=Mode.LATENCY,
            start="session ready, inference called",
            end="outputs in memory",
            cache_state="model loaded, never run",
            meaning="the first inference of a fresh process",
        ),
        Metric(
            name="real_time_factor",
            unit=Unit.RATIO,
            mode=Mode.LATENCY,
            start="inputs in memory, inference called",
            end="outputs in memory",
            cache_state="model loaded, warmed up until steady",
            meaning="mean time of one run's steady inferences over the project's step_seconds: below 1 it keeps up",
        ),
        Metric(
            name="peak_memory",
            unit=Unit.BYTE,
            mode=Mode.MEMORY,
            start="process start",
            end="after the last inference",
            meaning="VmHWM of the run less the runtime's floor (the same process with no model)",
        ),
        Metric(
            name="process_memory",
            unit=Unit.BYTE,
            mode=Mode.MEMORY,
            start="process start",
            end="after the last inference",
            meaning="VmHWM of the run",
        ),
        Metric(
            name="instructions",
            unit=Unit.COUNT,
            kind=Kind.EXACT,
            mode=Mode.EXACT,
            start="inputs in memory, inference called",
            end="outputs in memory",
            cache_state="model loaded, warmed up; no cache is modelled",
            meaning="instructions executed for one inference, less those for an empty model through the same runner",
        ),
        Metric(
            name="instructions_change",
            unit=Unit.PERCENT,
            kind=Kind.EXACT,
            mode=Mode.EXACT,
            change=True,
            meaning="percent more instructions for one inference than the baseline executes",
        ),
        Metric(name="model_size", unit=Unit.BYTE, kind=Kind.EXACT, meaning="bytes of the model's files"),
        _estimated("latency_estimate", Unit.NANOSECOND, "time of one inference, as the target's compiler estimates it"),
        _estimated("cycles", Unit.COUNT, "the accelerator's cycles for one inference, as the compiler estimates them"),
        _estimated("arena", Unit.BYTE, "tensor arena that an interpreter on a microcontroller allocates"),
        _estimated("code_size", Unit.BYTE, "code of an interpreter and of the model's kernels, as it is for x86-64"),
        _estimated("sram", Unit.BYTE, "on-chip memory that the compiler planned for tensors"),
        _estimated("dram", Unit.BYTE, "external memory that the compiler planned for tensors and weights"),
        _estimated("flash", Unit.BYTE, "read-only memory for weights and commands, as the compiler packed them"),
        _estimated("cpu_fallback_ops", Unit.COUNT, "operators that the accelerator does not take"),
        _estimated("partitions", Unit.COUNT, "runs of operators on the accelerator, between what the CPU computes"),
        Metric(
            name="accuracy_drop",
            unit=Unit.POINT,
            meaning="percentage points of the project's metric lost against float, on the same samples",
        ),
    )
}


class Budget(Frozen):
    """A limit on a metric, in the metric's base unit: at most, or at least where higher is better."""

    metric: str
    limit: float

    @model_validator(mode="after")
    def _known(self) -> Budget:
        if self.metric not in METRICS:
            raise ValueError(f"unknown metric {self.metric!r}; there are: {', '.join(METRICS)}")
        return self

    @property
    def definition(self) -> Metric:
        """The metric's declaration."""
        return METRICS[self.metric]

    def __str__(self) -> str:
        sign = "≤" if self.definition.direction is Direction.LOWER else "≥"
        return f"{self.metric} {sign} {format_quantity(self.limit, self.definition.unit)}"


def parse_budget(metric: str, text: str) -> Budget:
    """A budget from a metric's name and a quantity such as "12 ms".

    Raises:
        ValueError: for an unknown metric or a quantity of another dimension.
    """
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; there are: {', '.join(METRICS)}")
    return Budget(metric=metric, limit=parse_quantity(text, METRICS[metric].unit))
