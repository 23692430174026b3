"""Whether a series stays as it is: drift, a step, two modes, a period; each named with its size.

A shape counts if it is large, 5 % or more, and stands out, five times the scatter that is left when it is taken away;
of few values, up to ten times, since their scatter is known badly.
Small or doubtful ones are passed over: with evidence that goes by signs they can do no more than make it undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import cos, exp, fsum, log, pi, sin
from statistics import fmean, median
from typing import Literal

LEAST = 8
"""Values without which no shape is seen."""

_APART = log(1.05)
_SIGMAS, _FEW = 5.0, 8
_EDGE = 2
_BLOCKS = 24
_MINORITY = 0.04
_SHORTEST, _SHARE_OF_POWER, _BY_CHANCE = 2, 0.5, 0.001


@dataclass(frozen=True)
class Shape:
    """What a series does.

    Attributes:
        factor: by how much the later or slower values are above the others.
        at: for a step, the place of the first value of the new level.
        share: for two modes, how many of the values are in the slower one.
        period: for a period, its length in values.
    """

    name: Literal["drift", "step", "bimodal", "periodic"]
    factor: float
    at: int = 0
    share: float = 0.0
    period: float = 0.0

    def told(self, what: str) -> str:
        """In words; ``what`` its values are, such as "runs"."""
        percent = f"{100 * (self.factor - 1):+.0f} %"
        if self.name == "drift":
            return f"drifted by {percent} from the first to the last of the {what}"
        if self.name == "step":
            return f"stepped by {percent} after {self.at} {what}"
        if self.name == "bimodal":
            return f"bimodal: a second mode {self.factor:.2g} times slower in {self.share:.0%} of the {what}"
        return f"periodic: up and down by {percent} every {self.period:.2g} {what}"


def shape_of(values: Sequence[float]) -> Shape | None:
    """The shape of a series of positive numbers in the order of time, or None."""
    if len(values) < LEAST or min(values) <= 0:
        return None
    logs = [log(value) for value in values]
    return _periodic(logs) or _bimodal(logs) or _change(logs)


def change_of(values: Sequence[float]) -> Shape | None:
    """A drift or a step, whichever leaves less scatter, or None: what makes values depend on when they were taken."""
    return _change([log(value) for value in values]) if len(values) >= LEAST and min(values) > 0 else None


def _change(logs: Sequence[float]) -> Shape | None:
    ramp, step = _drift(logs), _step(logs)
    found = [(rest, shape) for rest, shape in (ramp, step) if _stands_out(log(shape.factor), rest, len(logs))]
    return min(found, key=lambda each: each[0])[1] if found else None


def _stands_out(size: float, rest: float, count: int) -> bool:
    return abs(size) >= max(_APART, _SIGMAS * (1 + _FEW / count) * rest)


def _scatter(values: Sequence[float]) -> float:
    """The standard deviation of a normal distribution with the same middle 80 %: a tenth on either side may be off."""
    ordered, tenth = sorted(values), len(values) // 10
    return (ordered[-1 - tenth] - ordered[tenth]) / 2.563


def _drift(logs: Sequence[float]) -> tuple[float, Shape]:
    """The slope is the median over pairs of blocks' medians (H. Theil 1950, P. K. Sen, JASA 63 (1968) 1379-1389)."""
    size = -(-len(logs) // _BLOCKS)
    blocks = [median(logs[start : start + size]) for start in range(0, len(logs), size)]
    slope = median((b - a) / ((j - i) * size) for (i, a), (j, b) in combinations(enumerate(blocks), 2))
    rest = _scatter([value - slope * place for place, value in enumerate(logs)])
    return rest, Shape("drift", exp(slope * (len(logs) - 1)))


def _step(logs: Sequence[float]) -> tuple[float, Shape]:
    """The split where the cumulative sum of what is off the mean is largest (E. S. Page, Biometrika 41 (1954))."""
    mean, total, count = fmean(logs), 0.0, len(logs)
    best, at = -1.0, _EDGE
    for place in range(1, count - _EDGE + 1):
        total += logs[place - 1] - mean
        off = abs(total) / (place * (count - place)) ** 0.5
        if place >= _EDGE and off > best:
            best, at = off, place
    before, after = median(logs[:at]), median(logs[at:])
    rest = _scatter([value - (before if place < at else after) for place, value in enumerate(logs)])
    return rest, Shape("step", exp(after - before), at=at)


def _bimodal(logs: Sequence[float]) -> Shape | None:
    """Two groups that leave the least squares inside them (N. Otsu, IEEE Trans. SMC 9 (1979) 62-66), far apart."""
    ordered = sorted(logs)
    split = _otsu(ordered)
    fast, slow = ordered[:split], ordered[split:]
    if len(slow) < max(_EDGE, _MINORITY * len(logs)) or len(fast) < max(_EDGE, _MINORITY * len(logs)):
        return None
    apart, rest = median(slow) - median(fast), max(_scatter(fast), _scatter(slow))
    labels = [value >= slow[0] for value in logs]
    changes = sum(a != b for a, b in pairwise(labels))
    if not _stands_out(apart, rest, len(logs)) or slow[0] - fast[-1] < apart / 3 or changes <= _EDGE:
        return None
    return Shape("bimodal", exp(apart), share=len(slow) / len(logs))


def _otsu(ordered: Sequence[float]) -> int:
    total, before, best, split = fsum(ordered), 0.0, -1.0, 1
    count = len(ordered)
    for place in range(1, count):
        before += ordered[place - 1]
        between = (before / place - (total - before) / (count - place)) ** 2 * place * (count - place)
        if between > best:
            best, split = between, place
    return split


def _periodic(logs: Sequence[float]) -> Shape | None:
    """One frequency with more than half of the power, and more than noise gives to one in a thousand series.

    That is R. A. Fisher's test, Proc. R. Soc. A 125 (1929) 54-59: of m frequencies the largest has a share above g with
    a chance of at most m (1 − g)^(m − 1).
    """
    mean, count = fmean(logs), len(logs)
    off = [value - mean for value in logs]
    total = fsum(value * value for value in off)
    if total <= 0 or _SIGMAS * _scatter(logs) < _APART:
        return None
    power = [(_power(off, wave), wave) for wave in range(3, count // _SHORTEST + 1)]
    most, wave = max(power, default=(0.0, 0))
    share = most / total
    if share < _SHARE_OF_POWER or len(power) * (1 - share) ** (len(power) - 1) > _BY_CHANCE:
        return None
    size = 2 * (most / count) ** 0.5 * (1 if 2 * wave == count else 2**0.5)
    return Shape("periodic", exp(size), period=count / wave) if size >= _APART else None


def _power(off: Sequence[float], wave: int) -> float:
    """The part of the sum of squares that is in one frequency."""
    count = len(off)
    turn = 2 * pi * wave / count
    real = fsum(value * cos(turn * place) for place, value in enumerate(off))
    imaginary = fsum(value * sin(turn * place) for place, value in enumerate(off))
    return (1 if 2 * wave == count else 2) * (real * real + imaginary * imaginary) / count
