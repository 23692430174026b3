"""What is said between the host and the runner on a device. The runner's JSON Schema is generated from here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgebuild.core.base import Frozen
from edgebuild.core.measurement import Environment, Memory, Share
from edgebuild.core.metric import Mode
from edgebuild.core.postprocess import PostStep
from edgebuild.core.signature import Step

Nanoseconds = Annotated[int, Field(ge=0, le=10**15)]
SIZE_LIMIT = 64 * 2**20
"""Bytes: a longer response is refused unread."""


class FedState(Frozen):
    """An input that the runner carries from step to step.

    Attributes:
        output, place: what feeds it, by name, or where the runtime has no such name by its place among the outputs.
        zero: what it begins with: of integers, the one that means 0.
    """

    input: str
    output: str
    place: Annotated[int, Field(ge=0)]
    zero: int = 0


class Around(Frozen):
    """The steps that belong to a call in mode END_TO_END.

    Attributes:
        pre, post: by the name of an input and of an output, as in a signature.
        outputs: the model's, in its order; ``places``: which of them are answers.
        answer: the steps over the answers.
    """

    pre: dict[str, tuple[Step, ...]] = Field(default={})
    post: dict[str, tuple[Step, ...]] = Field(default={})
    outputs: tuple[str, ...]
    places: tuple[Annotated[int, Field(ge=0)], ...]
    answer: tuple[PostStep, ...] = ()


class Request(Frozen):
    """One run. File names are relative to the request's own folder on the device.

    ``watch_seconds`` is the time between two readings of the environment while inferences are timed; 0: none is read,
    and the run has no thread but the model's. ``turn_seconds`` is how long one of two runs goes on before it is the
    other's turn, in mode TURNS. ``burst``, ``gap_seconds`` and ``period_seconds`` are the pace (core/workload.py).
    Threads, delegates and precision are as in ``RuntimeOptions``. With ``states`` an inference is a step, and a new
    sequence begins after every ``steps`` of them (0: never). With ``around`` inputs are samples as they were read.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    mode: Mode
    runtime: str
    model: str | None = None
    inputs: str | None = None
    outputs: str | None = None
    threads: int = 1
    delegate: str = "cpu"
    delegate_library: str = ""
    delegate_options: dict[str, str] = Field(default={})
    least_delegated: int | None = None
    precision: str = "f32"
    min_samples: int = 100
    min_seconds: float = 0.2
    max_samples: int = 100_000
    max_seconds: float = 60.0
    warmup_seconds: float = 2.0
    watch_seconds: float = 0.5
    turn_seconds: float = 0.02
    burst: int = 0
    gap_seconds: float = 0.0
    period_seconds: float = 0.0
    states: tuple[FedState, ...] = ()
    steps: Annotated[int, Field(ge=0)] = 0
    around: Around | None = None
    seed: int = 0

    model_config = Frozen.model_config | {"populate_by_name": True}


class Failure(Frozen):
    """Why a run gave nothing. Only ``model_rejected`` and ``inference_failed`` speak of the model.

    ``delegate_failed``: the demanded delegate can't be had. ``not_delegated``: it left to the CPU what it had to take.
    """

    kind: Literal[
        "runtime_missing", "model_rejected", "bad_request", "inference_failed", "out_of_memory", "delegate_failed",
        "not_delegated",
    ]  # fmt: skip
    message: Annotated[str, Field(max_length=10_000)]


_Text = Annotated[str, Field(max_length=1000)]


class TimedOperator(Frozen):
    """One operator that the runtime's profiler tells of, in mode PROFILE.

    Attributes:
        name, kind, kernel: in the runtime's own words; a name may be its optimizer's.
        dtype: what it reads or computes in, as "f32" or "u8"; "" unknown.
        sources: names of the model's operators that it says it was made of; empty: it does not say.
        index: the operator's place in the model's file, where it says that.
        ns: of each inference; one number where the runtime tells only its average.
    """

    name: _Text
    kind: _Text
    kernel: _Text = ""
    dtype: Annotated[str, Field(max_length=20)] = ""
    sources: Annotated[tuple[_Text, ...], Field(max_length=1000)] = ()
    index: Annotated[int, Field(ge=0, le=10**6)] | None = None
    ns: Annotated[tuple[Nanoseconds, ...], Field(min_length=1, max_length=10_000)]


class Response(Frozen):
    """What a run says. Hostile until validated against this. ``told_ns`` is as in ``Run``; our own runner has none.

    ``shares`` are as in ``Run`` too. ``layers`` are the operators of a run in mode PROFILE over ``inferences``, in the
    order they ran; ``samples_ns`` are then whole inferences without the profiler, made before in the same process.
    """

    schema_version: Literal[1] = Field(alias="schema")
    ok: bool
    failure: Failure | None = None
    python: Annotated[str, Field(max_length=100)] = ""
    numpy: Annotated[str, Field(max_length=100)] = ""
    runtime: Annotated[str, Field(max_length=100)] = ""
    machine: Annotated[str, Field(max_length=100)] = ""
    load_ns: Nanoseconds | None = None
    first_ns: Nanoseconds | None = None
    warmup_ns: Annotated[tuple[Nanoseconds, ...], Field(max_length=200_000)] = ()
    samples_ns: Annotated[tuple[Nanoseconds, ...], Field(max_length=200_000)] = ()
    told_ns: Annotated[dict[Annotated[str, Field(max_length=20)], Nanoseconds], Field(default={}, max_length=20)]
    every: Annotated[int, Field(ge=1, le=10**9)] = 1
    steady: bool = True
    memory: Memory | None = None
    shares: Annotated[tuple[Share, ...], Field(max_length=10)] = ()
    layers: Annotated[tuple[TimedOperator, ...], Field(max_length=50_000)] = ()
    inferences: Annotated[int, Field(ge=1, le=10**9)] | None = None
    before: Environment = Environment()
    during: Annotated[tuple[Environment, ...], Field(max_length=1000)] = ()
    after: Environment = Environment()
    sampling_ns: Nanoseconds = 0

    model_config = Frozen.model_config | {"populate_by_name": True}
