"""The guard, on made environments: no machine here was hot, throttled or short of memory for these tests."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from edgebuild.bench.guard import cool_down, judged_by, reasons_outside
from edgebuild.core.digest import digest_bytes
from edgebuild.core.measurement import Basis, Environment, Run
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.profile import Conditions, Judging, Measuring
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.core.wire import Response
from edgebuild.judge.facts import Facts
from edgebuild.judge.sampling import Continue, next_step
from edgebuild.judge.verdict import judge

CALM = Environment(
    load_1min=0.1, clock_khz=(600_000, 2_400_000), governor="performance", temperature_mc=(51_000, 48_500),
    throttled=False, memory_available=900 * 2**20,
)  # fmt: skip
STRICT = Conditions(max_temperature_c=80, max_load=1, governor="performance", min_free_mib=64, max_clock_drop=0.2)
MIB = 2**20


def but(**fields: object) -> Environment:
    return CALM.model_copy(update=fields)


def test_a_calm_run_is_inside_and_so_is_one_of_a_device_that_tells_nothing() -> None:
    assert reasons_outside(CALM, [CALM, CALM], CALM, STRICT) == ()
    nothing = Environment()
    assert reasons_outside(nothing, [nothing], nothing, STRICT) == ()


@pytest.mark.parametrize(
    ("before", "during", "after", "words"),
    [
        (CALM, but(temperature_mc=(80_100,)), CALM, "hot: 80.1 °C, at most 80 °C"),
        (but(load_1min=1.5), CALM, CALM, "load 1.50"),
        (CALM, CALM, but(governor="powersave"), "governor powersave, not performance"),
        (CALM, CALM, but(memory_available=63 * MIB), "63 MiB available"),
        (CALM, but(clock_khz=(600_000, 1_500_000)), CALM, "clock fell by 38% to 1500 MHz"),
        (CALM, but(throttled=True, throttle_flags=0x50005), CALM, "throttled: flags 0x50005"),
    ],
)
def test_what_is_outside_is_said(before: Environment, during: Environment, after: Environment, words: str) -> None:
    (reason,) = reasons_outside(before, [CALM, during], after, STRICT)
    assert words in reason


def test_an_idle_clock_before_the_run_is_no_drop() -> None:
    idle = but(clock_khz=(600_000, 600_000))
    assert reasons_outside(idle, [CALM], idle, STRICT) == ()


def test_load_after_a_run_is_the_runs_own() -> None:
    assert reasons_outside(CALM, [], but(load_1min=4.0), STRICT) == ()


def test_cooling_waits_until_it_is_cool_and_no_longer_than_it_may() -> None:
    heats, slept, said = iter([90_000, 82_000, 70_000]), [], []  # type: ignore[var-annotated]
    read = lambda: but(temperature_mc=(next(heats),))  # noqa: E731
    far = time.monotonic() + 1000
    assert cool_down(read, but(temperature_mc=(95_000,)), STRICT, far, said.append, slept.append)
    assert len(slept) == 3
    assert "95.0 °C" in said[0]
    assert cool_down(read, CALM, STRICT, far, sleep=slept.append)
    assert len(slept) == 3, "a cool device is not asked"
    impatient = STRICT.model_copy(update={"cooldown_seconds": 0})
    assert not cool_down(read, but(throttled=True), impatient, far, sleep=slept.append)


def facts(runs: list[Run]) -> Facts:
    return Facts(bundle=digest_bytes(b""), runs=runs, basis=Basis.DEVICE, size=1, quality=None)


def test_runs_outside_are_not_pooled_and_are_counted_in_words() -> None:
    budgets = [Budget(metric="latency_p50", limit=50)]
    inside = [Run(mode=Mode.LATENCY, samples_ns=(10,) * 100, before=CALM)] * 8
    hot = Run(mode=Mode.LATENCY, samples_ns=(1000,) * 100, after=but(temperature_mc=(99_000,)))
    outside = [judged_by(hot, STRICT)] * 9
    assert outside[0].outside == ("hot: 99.0 °C, at most 80 °C",)
    (line,) = judge(budgets, facts([*inside, *outside]), Judging()).lines
    assert (line.outcome, line.count, line.estimate) == (Outcome.PASS, 8, 10)
    assert "9 runs outside" in line.reason
    assert next_step(budgets, facts(outside), Judging(), Measuring()) == Continue(Mode.LATENCY, 8)
    over = next_step(budgets, facts(outside * 5), Judging(), Measuring())
    assert isinstance(over, Verdict)
    assert over.outcome is Outcome.INCONCLUSIVE
    assert "45 runs outside" in over.reason


def test_evidence_from_before_the_guard_still_loads() -> None:
    old = {"mode": "latency", "samples_ns": [1], "before": {"load_1min": 0.5, "throttled": None}, "after": {}}
    run = Run.model_validate_json(json.dumps(old))
    assert (run.outside, run.during, run.sampling_ns) == ((), (), 0)
    assert Response.model_validate({"schema": 1, "ok": True}).during == ()


def made_pi(root: Path, flags: str, state: int, heat: int = 61_200) -> tuple[Path, Path]:
    """A /sys and a /proc as a Raspberry Pi's kernel lays them out; made, not recorded."""
    files = {
        "sys/devices/platform/soc/soc:firmware/get_throttled": flags,
        "sys/class/thermal/thermal_zone0/temp": str(heat),
        "sys/class/thermal/cooling_device0/type": "pwm-fan",
        "sys/class/thermal/cooling_device0/cur_state": "3",
        "sys/class/thermal/cooling_device1/type": "cpufreq-cpu0",
        "sys/class/thermal/cooling_device1/cur_state": str(state),
        "proc/meminfo": "MemTotal:  8000000 kB\nMemAvailable:  7000000 kB",
    }
    for cpu in range(4):
        for name, text in {"scaling_cur_freq": 1_500_000, "scaling_max_freq": 2_400_000, "cpuinfo_max_freq": 2_400_000,
                           "scaling_governor": "ondemand"}.items():  # fmt: skip
            files[f"sys/devices/system/cpu/cpu{cpu}/cpufreq/{name}"] = str(text)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root / "proc", root / "sys"


@pytest.mark.parametrize(
    ("flags", "state", "throttled", "raw"),
    [
        ("0", 0, False, 0),
        ("50000", 0, False, 0x50000),
        ("50005", 0, True, 0x50005),
        ("0", 2, True, 0),
        ("?", 0, False, None),
    ],
)
def test_a_made_pi_is_read(tmp_path: Path, flags: str, state: int, throttled: bool, raw: int | None) -> None:
    from edgebuild.runner.environment import read_environment

    found = Environment.model_validate(read_environment(*made_pi(tmp_path, flags, state)))
    assert found.throttled is throttled
    assert found.throttle_flags == raw
    assert found.cooling == (state,), "a fan's state is not throttling"
    assert found.temperature_mc == (61_200,)
    assert found.clock_khz == (1_500_000,) * 4
    assert found.clock_limit_khz == found.clock_max_khz == (2_400_000,) * 4
    assert (found.governor, found.memory_available) == ("ondemand", 7_000_000 * 1024)


def test_a_machine_without_sensors_tells_nothing(tmp_path: Path) -> None:
    from edgebuild.runner.environment import read_environment

    found = Environment.model_validate(read_environment(tmp_path, tmp_path))
    assert found.model_copy(update={"load_1min": None, "processors": None}) == Environment()
