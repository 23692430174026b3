"""Int8 against float: pairs of fresh processes, in seeded random order inside each pair."""

from __future__ import annotations

import random
from statistics import median

from edgebuild.bench.bench import Bench, Files, Inputs
from edgebuild.core.artifact import Speed
from edgebuild.core.intervals import median_bounds
from edgebuild.core.measurement import Run
from edgebuild.core.profile import Measuring
from edgebuild.core.target import Target

Side = tuple[Files, Inputs | None]


def compare_speed(
    bench: Bench, target: Target, exact: Side, int8: Side, measuring: Measuring, *, confidence: float, seed: int
) -> Speed:
    """The ratio of float time to int8 time (above 1: int8 is faster) over pairs of runs.

    The bounds are order statistics of the pairs' ratios, exact by the sign test (Dixon & Mood 1946); each holds
    at ``confidence`` by itself. None: too few pairs for one.

    Raises:
        As ``Bench.execute``.
    """
    order = random.Random(seed)
    exact_p50: list[float] = []
    int8_p50: list[float] = []
    for number in range(measuring.pairs):
        sides = [(exact, exact_p50), (int8, int8_p50)]
        if order.random() < 0.5:
            sides.reverse()
        for (files, inputs), kept in sides:
            run = bench.latency_run(target.runtime, files, inputs, target.runtime_options, measuring, number)
            kept.append(_p50(run))
    ratios = sorted(a / b for a, b in zip(exact_p50, int8_p50, strict=True))
    low, high = median_bounds(ratios, confidence)
    return Speed(
        device=bench.device.identity, pairs=len(ratios), ratio=median(ratios), low=low, high=high,
        confidence=confidence, float_p50_ns=median(exact_p50), int8_p50_ns=median(int8_p50),
    )  # fmt: skip


def _p50(run: Run) -> float:
    return float(max(1, median(run.samples_ns)))
