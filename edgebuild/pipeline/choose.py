"""Choosing among candidates: pure functions of what was scored and measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import TypeVar

from edgebuild.core.artifact import Quality, Speed
from edgebuild.core.profile import Quantization

T = TypeVar("T")


def best(qualities: Sequence[Quality]) -> int:
    """The index of the candidate to keep, by its quality on the selection set.

    By score where there are labels, but differences within one standard error of the best are noise (Breiman et al.,
    "Classification and Regression Trees", 1984, section 3.4.3: the one-standard-error rule); among those, and without
    labels, the one whose outputs are nearest to float's.
    """
    top = max((quality.value for quality in qualities if quality.value is not None), default=None)
    near = list(range(len(qualities)))
    if top is not None:
        near = [i for i in near if (qualities[i].value or 0.0) >= top - _standard_error(qualities[i], top)]
    return max(near, key=lambda i: (_or_low(qualities[i].sqnr_db), -i))


def is_kept(trained: Quality, before: Quality) -> bool:
    """Whether a trained candidate takes the place of the one that it came from.

    Training kept it because it diverges less from float on the selection set. Its score may not be worse than before by
    more than one standard error, which is what so few samples can tell; without labels, its outputs not further off.
    """
    if trained.value is None or before.value is None:
        return _or_low(trained.sqnr_db) > _or_low(before.sqnr_db)
    return trained.value >= before.value - _standard_error(trained, before.value)


def _standard_error(quality: Quality, top: float) -> float:
    """Of the difference to float on the same samples, in points.

    From the samples that changed sides (McNemar's variance), or from the bound of a bootstrap taken as normal.
    """
    if quality.lost is not None and quality.won is not None:
        return 100 * math.sqrt(max(quality.lost + quality.won, 1)) / quality.samples
    if None not in (quality.drop_high, quality.drop_confidence, quality.value, quality.float_value):
        drop = (quality.float_value or 0.0) - (quality.value or 0.0)
        z = NormalDist().inv_cdf(quality.drop_confidence or 0.95)
        return max((quality.drop_high or 0.0) - drop, 0.0) / z
    share = min(max(top / 100, 0.0), 1.0)
    return 100 * math.sqrt(share * (1 - share) / quality.samples)


def _or_low(value: float | None) -> float:
    return -math.inf if value is None else value


def fewest(
    ranked: Sequence[T], holds: Callable[[tuple[T, ...]], bool], most: int, guess: int = 1
) -> tuple[T, ...] | None:
    """As few as possible, and at most ``most``, of some things with which something holds; None if it never does.

    They are taken from the front, as many as it takes; of those, each that it holds without is left out again, the last
    of the ranking first. With none of them it does not hold, and is not asked. For n things it asks about
    2 log2(n) + n times, and the less the nearer a guess is to how many it takes.
    """
    count = _least(lambda count: holds(tuple(ranked[:count])), min(most, len(ranked)), guess)
    if count is None:
        return None
    kept = tuple(ranked[:count])
    for one in kept[-2::-1]:  # without the last one of them it does not hold
        without = tuple(other for other in kept if other != one)
        kept = without if holds(without) else kept
    return kept


def _least(holds: Callable[[int], bool], most: int, guess: int) -> int | None:
    """The least count from 1 to ``most`` that holds: from a guess in doubled steps until one does and one does not."""
    low, high, step = 0, most + 1, 1
    at = min(max(guess, 1), most)
    while high - low > 1:
        low, high = (low, at) if holds(at) else (at, high)
        if high > most:
            at = min(low + step, most)
        elif low == 0:
            at = max(high - step, 1)
        else:
            at = (low + high) // 2
        step *= 2
    return high if high <= most else None


def noise_that_holds(quality: Quality, rules: Quantization) -> float:
    """The share of its rounding noise that a candidate which loses too much might keep and hold: a guess, from 0 to 1.

    In decibels that is what they say. Of a score it is taken that samples change sides as noise grows in amplitude.
    """
    if quality.value is None or quality.float_value is None:
        return min(10 ** (((quality.sqnr_db or 0.0) - rules.min_sqnr_db) / 10), 1.0)
    drop = quality.float_value - quality.value
    allowed = rules.max_drop + _standard_error(quality, quality.float_value)
    return min((allowed / drop) ** 2, 1.0) if drop > 0 else 1.0


def count_that_leaves(share: float, noises: Sequence[float]) -> int:
    """How many of some noises, the largest first, have to go until no more than a share of their sum is left."""
    left = [sum(noises[count:]) for count in range(len(noises) + 1)]
    return next((count for count, rest in enumerate(left) if rest <= share * left[0]), len(noises))


def refusal(quality: Quality, rules: Quantization) -> str:
    """Why an int8 candidate loses too much to be offered, or "" if it holds.

    It is refused where it loses more than the profile allows by more than one standard error: a small selection set
    cannot tell less. What it loses on the evaluation set is in the bundle either way, and budgets judge that.
    """
    if quality.value is not None and quality.float_value is not None:
        drop = quality.float_value - quality.value
        noise = _standard_error(quality, quality.float_value)
        if drop - noise > rules.max_drop:
            return (
                f"int8 loses {drop:.2f} points of {quality.metric} on the selection set "
                f"({quality.float_value:.2f} → {quality.value:.2f}, standard error {noise:.2f}); "
                f"the profile allows {rules.max_drop:g}"
            )
        return ""
    if quality.sqnr_db is not None and quality.sqnr_db < rules.min_sqnr_db:
        return (
            f"int8's outputs have an SQNR of {quality.sqnr_db:.1f} dB against float; "
            f"the profile wants {rules.min_sqnr_db:g} dB"
        )
    return ""


def slowness(speed: Speed) -> str:
    """Why int8 is not offered for its speed, or "" if it is faster than float beyond doubt."""
    if speed.low is not None and speed.low > 1:
        return ""
    low = "unbounded" if speed.low is None else f"{speed.low:.2f}"
    high = "unbounded" if speed.high is None else f"{speed.high:.2f}"
    return (
        f"int8 is not faster than float here: float/int8 time is {speed.ratio:.2f} "
        f"({speed.confidence:.0%} bounds {low} to {high}, {speed.pairs} pairs of processes)"
    )
