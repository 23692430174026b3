"""Traces: what a device does to a series of runs, by kind. Most are drawn; those of pairs were measured, and say so."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from math import exp, log, log1p
from pathlib import Path

from edgebuild.judge import floor

RECORDED = Path(__file__).resolve().parent.parent / "docs" / "verdict_here.jsonl"
"""What `scripts/verdict_here` measured, a gate a line: by how many percent the two runs of each pair differ."""

NOISE = 0.013
"""The robust standard deviation of the log-ratio of 80 pairs of an int8 MobileNetV2 against itself, in fresh processes
on a quiet machine with 2 cores. A busy one scatters ten times as much: `scripts/verdict_here` tells."""

_ONE = NOISE / 2**0.5
_STEADY_STATE = 200

Trace = list[float]
"""For each slot of time, one after the other, the logarithm of the factor by which the device is slower than usual."""


def independent(rng: random.Random, slots: int) -> Trace:
    """Every run by itself, normal."""
    return [rng.gauss(0, _ONE) for _ in range(slots)]


def autocorrelated(rng: random.Random, slots: int) -> Trace:
    """Each run 0.9 of what the last one was off by, and something new."""
    state, found = 0.0, []
    for number in range(_STEADY_STATE + slots):
        state = 0.9 * state + rng.gauss(0, _ONE)
        found += [state] if number >= _STEADY_STATE else []
    return found


def heavy_tailed(rng: random.Random, slots: int) -> Trace:
    """Student's t with 2 degrees of freedom: no variance."""
    return [_ONE * rng.gauss(0, 1) / (rng.expovariate(1) or 1e-300) ** 0.5 for _ in range(slots)]


def with_offsets(rng: random.Random, slots: int) -> Trace:
    """Every process has an offset of its own for as long as it lives, of 3 %, as layouts of memory give it."""
    return [rng.gauss(0, 0.03) + rng.gauss(0, _ONE) for _ in range(slots)]


def drifting(rng: random.Random, slots: int) -> Trace:
    """20 % slower in the end than in the beginning."""
    return [log(1 + 0.2 * slot / slots) + rng.gauss(0, _ONE) for slot in range(slots)]


def stepped(rng: random.Random, slots: int) -> Trace:
    """Throttled: 40 % slower from some moment on."""
    moment = rng.randrange(slots)
    return [(log(1.4) if slot >= moment else 0.0) + rng.gauss(0, _ONE) for slot in range(slots)]


def bimodal(rng: random.Random, slots: int) -> Trace:
    """One run in four is in another mode, 2.3 times slower."""
    return [(log(2.3) if rng.random() < 0.25 else 0.0) + rng.gauss(0, _ONE) for _ in range(slots)]


def periodic(rng: random.Random, slots: int) -> Trace:
    """Something comes by every other run and takes 10 %: what beats against a fixed order of the sides."""
    phase = rng.randrange(2)
    return [(log(1.1) if (slot + phase) % 2 else 0.0) + rng.gauss(0, _ONE) for slot in range(slots)]


KINDS: dict[str, Callable[[random.Random, int], Trace]] = {
    "independent": independent,
    "autocorrelated": autocorrelated,
    "heavy-tailed": heavy_tailed,
    "offsets between processes": with_offsets,
    "drifting": drifting,
    "stepped": stepped,
    "bimodal": bimodal,
    "periodic": periodic,
}


@cache
def recorded_pairs(kind: str) -> list[float]:
    """The log-ratios of the pairs of one kind of gate on a real machine, in the order of time."""
    rows = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
    return [log1p(each / 100) for row in rows if row["case"] == kind for each in row["changes"]]


def recorded(kind: str) -> Callable[[random.Random, int], Trace]:
    """A stretch of pairs as they came, from a random one on; after the last comes the first."""

    def trace(rng: random.Random, slots: int) -> Trace:
        found = recorded_pairs(kind)
        start = rng.randrange(len(found))
        apart = [found[(start + number) % len(found)] for number in range(slots // 2)]
        return [sign * each / 2 for each in apart for sign in (-1, 1)]

    return trace


PAIRED = {
    "recorded": recorded("unchanged"),
    "recorded under load": recorded("unchanged, under load"),
}
"""Kinds that tell how pairs differ, and not what each run takes."""
KINDS |= PAIRED

STEADY = ("independent", "autocorrelated", "heavy-tailed", "offsets between processes")
"""Kinds of which the end of a window is like its beginning."""


def differences(kind: str) -> list[float]:
    """The log-ratios of pairs of runs, one right after the other, in random order."""
    rng = random.Random(kind)
    traces = [KINDS[kind](rng, 200) for _ in range(100)]
    return [rng.choice((1, -1)) * (trace[slot + 1] - trace[slot]) for trace in traces for slot in range(0, 200, 2)]


def scatter(kind: str) -> float:
    """The robust standard deviation of such log-ratios."""
    return floor.scatter(differences(kind))


def times(trace: Trace, usual_ns: float) -> list[int]:
    """The times that runs of a model take that usually takes so long."""
    return [round(usual_ns * exp(each)) for each in trace]
