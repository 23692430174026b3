"""Two models against each other: pairs of fresh processes, by turns where the device can, else in random order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from statistics import median

from edgebuild.bench.bench import Bench
from edgebuild.bench.given import Side
from edgebuild.core.artifact import Speed
from edgebuild.core.intervals import median_bounds
from edgebuild.core.measurement import Run
from edgebuild.core.profile import Measuring
from edgebuild.core.target import Target


def compare_speed(
    bench: Bench, target: Target, exact: Side, int8: Side, measuring: Measuring, *, confidence: float, seed: int
) -> Speed:
    """The ratio of float time to int8 time (above 1: int8 is faster) over pairs of runs.

    It is the median of the pairs' ratios, each of the medians of two runs: a pair that takes turns is disturbed alike,
    while the shortest inferences of all pairs, made while a clock rose for a moment, were up to 19 % apart in eight
    repetitions where this was 2 % (MobileNetV1 0.25 in int8, four pairs, two other processes at work now and then).

    The bounds are order statistics of the pairs' ratios, exact by the sign test (Dixon & Mood 1946); each holds
    at ``confidence`` by itself. None: too few pairs for one.

    Raises:
        As ``Bench.execute``.
    """
    pairs = list(_pairs(bench, target, (exact, int8), measuring, seed))
    exact_p50, int8_p50 = [_p50(first) for first, _ in pairs], [_p50(second) for _, second in pairs]
    ratios = sorted(a / b for a, b in zip(exact_p50, int8_p50, strict=True))
    low, high = median_bounds(ratios, confidence)
    return Speed(
        device=bench.device.identity, pairs=len(ratios), ratio=median(ratios), low=low, high=high,
        confidence=confidence, float_p50_ns=median(exact_p50), int8_p50_ns=median(int8_p50),
    )  # fmt: skip


def _pairs(
    bench: Bench, target: Target, sides: tuple[Side, Side], measuring: Measuring, seed: int
) -> Iterator[tuple[Run, Run]]:
    order = random.Random(seed)
    turns = bench.takes_turns(measuring)
    for number in range(measuring.pairs):
        if turns:
            yield bench.run_by_turns(target.runtime, sides, target.runtime_options, measuring, f"{seed}-{number}")
        else:
            yield _one_by_one(bench, target, sides, measuring, number, swapped=order.random() < 0.5)


def _one_by_one(
    bench: Bench, target: Target, sides: tuple[Side, Side], measuring: Measuring, number: int, *, swapped: bool
) -> tuple[Run, Run]:
    made = [
        bench.latency_run(target.runtime, files, inputs, target.runtime_options, measuring, number)
        for files, inputs in (reversed(sides) if swapped else sides)
    ]
    return (made[1], made[0]) if swapped else (made[0], made[1])


def _p50(run: Run) -> float:
    return float(max(1, median(run.samples_ns)))
