"""Axes: from values to places, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from edgebuild.core.units import Unit, shown_in
from edgebuild.report.html.words import pretty_unit

_ROOM = 0.04
_DECIMALS = 12


@dataclass(frozen=True)
class Axis:
    """A range of values and its ticks.

    Attributes:
        title: what is told along it, with the unit.
        ticks: value and text.
    """

    title: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def share(self, value: float) -> float:
        """How far along the axis a value lies, 0 to 1; what lies outside is put on its end."""
        low, high, place = self.low, self.high, value
        if self.log:
            low, high, place = math.log10(low), math.log10(high), math.log10(max(value, 1e-300))
        return min(1.0, max(0.0, (place - low) / (high - low)))

    def x(self, value: float) -> float:
        """In percent from the left."""
        return 100 * self.share(value)

    def y(self, value: float, height: float) -> float:
        """In pixels from the top of a drawing."""
        return height * (1 - self.share(value))


def axis_of(values: Iterable[float], title: str, unit: Unit, *, zero: bool = False, count: int = 5) -> Axis:
    """A linear axis that holds all values with some room, and zero if asked for; ticks in the unit people read.

    Args:
        count: about how many ticks.
    """
    found = [*values, *([0.0] if zero else [])] or [0.0]
    low, high = min(found), max(found)
    room = (high - low) * _ROOM or abs(high) * _ROOM or 1.0
    low = low if zero and low == 0 else low - room
    high += room
    name, factor = shown_in(max(abs(low), abs(high)), unit)
    shown = f"{title}, {pretty_unit(name)}" if name else title
    ticks = tuple((tick * factor, words) for tick, words in round_ticks(low / factor, high / factor, count))
    return Axis(shown, low, high, ticks)


def log_axis_of(values: Iterable[float], title: str, unit: Unit) -> Axis:
    """A logarithmic axis for positive values, with ticks at 1, 2 and 5 times the powers of ten."""
    found = [value for value in values if value > 0] or [1.0]
    low, high = min(found) / 1.3, max(found) * 1.3
    name, factor = shown_in(high / 1.3, unit)
    first, last = math.floor(math.log10(low / factor)), math.ceil(math.log10(high / factor))
    steps = (1, 2, 5) if last - first < 4 else (1,)
    marks = [step * 10.0**power for power in range(first, last + 1) for step in steps]
    ticks = tuple((mark * factor, f"{mark:g}") for mark in marks if low <= mark * factor <= high)
    return Axis(f"{title}, {pretty_unit(name)}" if name else title, low, high, ticks, log=True)


def round_ticks(low: float, high: float, count: int = 5) -> list[tuple[float, str]]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten between two values, and their texts; about so many."""
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    exact = (places for places in range(_DECIMALS) if math.isclose(step, round(step, places), rel_tol=1e-9))
    decimals = next(exact, _DECIMALS)
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [(number * step, _signed(f"{number * step + 0.0:,.{decimals}f}")) for number in numbers]


def _signed(text: str) -> str:
    return text.replace("-", "−")
