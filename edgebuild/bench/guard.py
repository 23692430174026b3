"""Whether a run was made inside its profile's conditions, and the wait for a device to cool down."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from edgebuild.core.measurement import Environment, Run
from edgebuild.core.profile import Conditions

_LOOK_SECONDS = 5.0


def reasons_outside(
    before: Environment, during: Sequence[Environment], after: Environment, conditions: Conditions
) -> tuple[str, ...]:
    """Why a run is outside, in words; empty if it is inside. What a device does not tell is no reason."""
    moments = (before, *during, after)
    found = (
        _too_hot(moments, conditions.max_temperature_c),
        _too_busy(before, conditions.max_load),
        _wrong_governor(moments, conditions.governor),
        _too_full((before, after), conditions.min_free_mib),
        _clock_fell(during, after, conditions.max_clock_drop),
        "" if conditions.allow_throttled else _throttled(moments),
    )
    return tuple(reason for reason in found if reason)


def judged_by(run: Run, conditions: Conditions) -> Run:
    """The run with the reasons why it is outside."""
    return run.model_copy(update={"outside": reasons_outside(run.before, run.during, run.after, conditions)})


def cool_down(
    read: Callable[[], Environment], last: Environment | None, conditions: Conditions, ends: float,
    say: Callable[[str], None] = lambda _: None, sleep: Callable[[float], None] = time.sleep,
) -> bool:  # fmt: skip
    """Wait until the device is cool enough for a run; False if the time is over first.

    Args:
        read: the device's state now; asked only if ``last``, its state after the run before, is too hot.
        ends: on the monotonic clock, when waiting is over in any case.
    """
    ends = min(ends, time.monotonic() + conditions.cooldown_seconds)
    hot = "" if last is None else _hindered(last, conditions)
    if hot:
        say(f"waiting for the device to cool down: {hot}")
    while hot:
        left = ends - time.monotonic()
        if left <= 0:
            return False
        sleep(min(_LOOK_SECONDS, left))
        hot = _hindered(read(), conditions)
    return True


def _hindered(moment: Environment, conditions: Conditions) -> str:
    """What waiting may mend."""
    hot = _too_hot([moment], conditions.max_temperature_c)
    return hot or ("" if conditions.allow_throttled else _throttled([moment]))


def _too_hot(moments: Iterable[Environment], limit: float | None) -> str:
    heats = [heat / 1000 for moment in moments for heat in moment.temperature_mc or ()]
    if limit is None or not heats or max(heats) <= limit:
        return ""
    return f"hot: {max(heats):.1f} °C, at most {limit:g} °C"


def _too_busy(before: Environment, limit: float | None) -> str:
    if limit is None or before.load_1min is None or before.load_1min <= limit:
        return ""
    return f"busy: load {before.load_1min:.2f} before the run, at most {limit:g}"


def _wrong_governor(moments: Iterable[Environment], wanted: str | None) -> str:
    others = sorted({moment.governor for moment in moments if moment.governor not in (None, wanted)} - {None})
    return f"governor {', '.join(map(str, others))}, not {wanted}" if wanted is not None and others else ""


def _too_full(moments: Iterable[Environment], limit: int | None) -> str:
    free = [moment.memory_available for moment in moments if moment.memory_available is not None]
    if limit is None or not free or min(free) >= limit * 2**20:
        return ""
    return f"short of memory: {min(free) // 2**20} MiB available, at least {limit} MiB"


def _clock_fell(during: Sequence[Environment], after: Environment, limit: float | None) -> str:
    """The busiest core's clock is the highest of a moment; idle cores may slow down, and all may before the run."""
    clocks = [max(moment.clock_khz) for moment in during if moment.clock_khz]
    if limit is None or not clocks:
        return ""
    top = max(*clocks, *(after.clock_khz or ()))
    drop = 1 - min(clocks) / top if top > 0 else 0.0
    return f"the clock fell by {drop:.0%} to {min(clocks) / 1000:.0f} MHz, at most {limit:.0%}" if drop > limit else ""


def _throttled(moments: Iterable[Environment]) -> str:
    found = [moment for moment in moments if moment.throttled]
    if not found:
        return ""
    flags = {moment.throttle_flags for moment in found if moment.throttle_flags}
    return f"throttled{': flags ' + ', '.join(f'0x{flag:x}' for flag in sorted(flags)) if flags else ''}"
