"""Runs and samples, made few enough to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from edgebuild.core.measurement import Run
from edgebuild.judge.order_statistics import percentile

T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """A run's percentiles in nanoseconds, by percent; those that it tells."""

    number: int
    run: Run
    at: dict[int, float]


@dataclass(frozen=True)
class Bucket:
    """Neighbouring samples of a run, as their least, middle and largest."""

    first: int
    count: int
    low: int
    middle: int
    high: int


def evenly(items: Sequence[T], most: int) -> list[T]:
    """At most so many of some things, evenly spread over them, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def spreads(runs: Sequence[Run]) -> list[Spread]:
    """Each run's percentiles, from its samples or as its vendor's program tells them; without runs that tell none."""
    found = [Spread(number, run, _percentiles(run)) for number, run in enumerate(runs, 1)]
    return [each for each in found if 50 in each.at]


def _percentiles(run: Run) -> dict[int, float]:
    if run.told_ns:
        return {percent: run.told_ns[f"p{percent}"] for percent in (5, 50, 95) if f"p{percent}" in run.told_ns}
    ordered = sorted(run.samples_ns)
    return {percent: percentile(ordered, percent / 100) for percent in (5, 50, 90, 95)} if ordered else {}


def buckets(samples: Sequence[int], first: int, most: int) -> list[Bucket]:
    """Samples in order, at most so many buckets of them; ``first`` is the place of the first sample."""
    size = max(1, -(-len(samples) // max(1, most)))
    made = []
    for start in range(0, len(samples), size):
        part = sorted(samples[start : start + size])
        made.append(Bucket(first + start, len(part), part[0], part[(len(part) - 1) // 2], part[-1]))
    return made
