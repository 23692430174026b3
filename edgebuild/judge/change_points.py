"""Where a series' level changed: E-divisive, with a permutation test that gives the same answer every time.

D. S. Matteson and N. A. James, "A Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data",
JASA 109 (2014) 334-345, with their α = 1. A series is divided where the energy distance between what lies before and
after is largest; it is a change if at most 1 % of 200 orders of the same values (this one among them) divide better.
The orders are drawn from a fixed seed. Nothing is assumed of the values' distribution, but that without a change every
order of them were as likely.

Written here, since no kept library fits: MongoDB's signal-processing-algorithms does not install beside current
libraries, apache-otava brings clients of databases and chats, and ruptures asks for a penalty instead of testing.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low

from edgebuild.core.array import Floats, np
from edgebuild.core.history import ChangePoint, Point

LEAST = 3
"""Points on either side of a change; so one or two strange ones are none."""
LATEST = 300
"""So many points are looked at, the latest: it takes the square of their number."""
LEVEL = 0.01
_ORDERS = 199
_NONE = (0.0, 0)
_ALIKE = 1e-9
"""Shares of a statistic below which two are the same, whatever order their sums were made in."""


def change_points(points: Sequence[Point]) -> tuple[ChangePoint, ...]:
    """The changes of level among the latest points, which are in order of time."""
    first = max(0, len(points) - LATEST)
    values = [point.value for point in points[first:]]
    found = _divide(values)
    bounds = [0, *sorted(found), len(values)]
    return tuple(
        ChangePoint(
            at=points[first + at].at, index=first + at, before=median_low(values[before:at]),
            after=median_low(values[at:after]), significance=found[at],
        )
        for before, at, after in zip(bounds, bounds[1:], bounds[2:], strict=False)
    )  # fmt: skip


def _divide(values: Sequence[float]) -> dict[int, float]:
    """Each change's index with its share of orders that divide as well."""
    series = np.asarray(values, dtype=np.float64)
    found: dict[int, float] = {}
    draw = random.Random(0)
    while True:
        bounds = pairwise([0, *sorted(found), len(series)])
        spans = [(first, end) for first, end in bounds if end - first >= 2 * LEAST]
        parts = [series[first:end] for first, end in spans]
        best, at = max(((q, span[0] + t) for span, (q, t) in zip(spans, map(_best, parts), strict=True)), default=_NONE)
        share = _share_as_good(parts, best, draw) if best > 0 else 1.0
        if share > LEVEL:
            return found
        found[at] = share


def _share_as_good(parts: Sequence[Floats], best: float, draw: random.Random) -> float:
    """The share of orders, each part's values shuffled in place, that divide as well as the one that was found.

    Counting ends when it is above the level for sure.
    """
    as_good = 1
    for _ in range(_ORDERS):
        shuffled = (part[sorted(range(len(part)), key=lambda _: draw.random())] for part in parts)
        as_good += max(_best(part)[0] for part in shuffled) >= best * (1 - _ALIKE)
        if as_good > LEVEL * (_ORDERS + 1):
            break
    return as_good / (_ORDERS + 1)


def _best(values: Floats) -> tuple[float, int]:
    """The largest statistic over all divisions into X = values[:t] and Y = values[t:k], and its t; equation (7).

    n m / (n + m) times the energy distance 2 E|X − Y| − E|X − X'| − E|Y − Y'|, from sums over blocks of the distances.
    """
    count = len(values)
    sums: Floats = np.zeros((count + 1, count + 1))
    np.abs(np.subtract.outer(values, values)).cumsum(0).cumsum(1, out=sums[1:, 1:])
    whole, to_t, to_k = _weights(count)
    own = np.diagonal(sums)
    t, k = slice(LEAST, count - LEAST + 1), slice(2 * LEAST, count + 1)
    found: Floats = sums[t, k] * whole - own[t][:, None] * to_t - own[k][None, :] * to_k
    best = float(found.max())
    where = int(np.argmax(found >= best - abs(best) * _ALIKE))
    return best, LEAST + where // found.shape[1]


@functools.lru_cache(8)
def _weights(count: int) -> tuple[Floats, Floats, Floats]:
    """What the sums over values[:t] x values[:k], values[:t] twice and values[:k] twice count for, by t and k.

    All are 0 where Y has too few values: no division is worse than that of a series without a change.
    """
    n, k = np.arange(LEAST, count - LEAST + 1)[:, None], np.arange(2 * LEAST, count + 1)[None, :]
    m = np.maximum(k - n, 2)
    across, before, after = 2 / (n + m), m / ((n + m) * (n - 1)), n / ((n + m) * (m - 1))
    few = k - n < LEAST
    return (
        np.where(few, 0.0, across + 2 * after), np.where(few, 0.0, across + before + after), np.where(few, 0.0, after)
    )  # fmt: skip
