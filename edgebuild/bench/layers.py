"""Time per layer: one run of the runtime's own profiler, in a fresh process that is never used for latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_grouped

from edgebuild.bench.bench import Bench, request_for
from edgebuild.bench.given import Files, Given
from edgebuild.core.errors import DeviceError
from edgebuild.core.metric import Mode
from edgebuild.core.profile import Measuring
from edgebuild.core.target import RuntimeOptions
from edgebuild.core.wire import TimedOperator

TICK_NS = 1000
"""All three runtimes cut the durations that they tell to whole microseconds."""

_MOST_SECONDS = 20.0
_SECONDS = 600.0


@dataclass(frozen=True)
class Profiled:
    """What one run of the profiler told: its operators in the order they ran, and a whole inference without it."""

    operators: tuple[TimedOperator, ...]
    inferences: int
    whole_ns: int


def profile_run(
    bench: Bench, runtime: str, files: Files, inputs: Given | None, options: RuntimeOptions, measuring: Measuring
) -> Profiled:
    """Profile a model over ``measuring.min_samples`` inferences after the warm-up; fewer where a trace would be huge.

    Raises:
        As ``Bench.execute``. ConfigError: the runtime on the device has no profiler. DeviceError: it told nothing.
    """
    long = {
        "min_samples": measuring.min_samples, "min_seconds": measuring.min_seconds, "max_seconds": _MOST_SECONDS,
        "warmup_seconds": measuring.warmup_seconds, "watch_seconds": 0.0,
    }  # fmt: skip
    request = request_for(Mode.PROFILE, runtime, options).model_copy(update=long)
    answer = bench.execute(request, files, inputs, timeout_s=_SECONDS)
    if not answer.layers or not answer.samples_ns:
        raise DeviceError(bench.device.name, f"the profiler of {runtime} told of no operator", transient=True)
    counts = max(len(operator.ns) for operator in answer.layers)
    return Profiled(answer.layers, answer.inferences or counts, _undisturbed(answer.samples_ns))


def _undisturbed(samples_ns: Sequence[int]) -> int:
    """The tenth percentile of whole inferences.

    They are many times as long as an operator, and so are disturbed much more often than the operators that they are
    compared with: on a machine with other work more than half may be.
    """
    return sorted(samples_ns)[len(samples_ns) // 10]


def typical_ns(operator: TimedOperator) -> int:
    """The median of an operator's durations, each somewhere in the tick that it was cut to; of one, that one.

    The median of grouped data (``statistics.median_grouped``): a duration of 3 us that was cut is 3.5 us in the
    middle, and between two ticks the share of either says where. Without it 0.9 us would be nothing.
    """
    if len(operator.ns) == 1:
        return operator.ns[0]
    if max(operator.ns) == 0:
        return 0
    return max(0, round(median_grouped([value + TICK_NS / 2 for value in operator.ns], TICK_NS)))
