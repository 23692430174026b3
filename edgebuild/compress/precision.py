"""Whether bf16 is faster here."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from edgebuild.core.recovery import Precision
from edgebuild.store.processor import processor_features

_UNITS = {"avx512_bf16", "amx_bf16", "bf16"}
_ROUNDS = 3
_GAIN = 1.2


def faster_precision(
    device: str,
    run: Callable[[Precision], float],
    say: Callable[[str], None],
    clock: Callable[[], float] = time.perf_counter,
) -> Precision:
    """The faster precision of a training step, f32 unless bf16 is faster by a fifth.

    Processors without a unit for bf16 emulate it, tenfold slower, so there it is not even tried.

    Args:
        device: "cpu" or "cuda".
        run: makes one step without changing anything, and gives its loss.
        say: is told what was measured.
        clock: in seconds.
    """
    if device == "cpu" and not _has_unit():
        return "f32"
    try:
        run("bf16")
        run("f32")
        times: dict[Precision, list[float]] = {"f32": [], "bf16": []}
        for _ in range(_ROUNDS):
            for precision, taken in times.items():
                began = clock()
                run(precision)
                taken.append(clock() - began)
    except RuntimeError as error:
        say(f"bf16 does not work for this model ({type(error).__name__}): f32")
        return "f32"
    f32, bf16 = (statistics.median(times[name]) for name in ("f32", "bf16"))
    chosen: Precision = "bf16" if f32 > _GAIN * bf16 else "f32"
    say(f"a step takes {f32 * 1e3:.0f} ms in f32 and {bf16 * 1e3:.0f} ms in bf16: {chosen}")
    return chosen


def _has_unit() -> bool:
    return bool(processor_features() & _UNITS)
