"""Quantities with units: parsed from text such as "12 ms", kept as a number of base units.

Base units: nanoseconds, bytes, percentage points, percent, plain counts, per second, microjoules.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum


class Unit(StrEnum):
    """The dimension of a metric, named by its base unit."""

    NANOSECOND = "ns"
    BYTE = "B"
    POINT = "pt"
    COUNT = "count"
    PER_SECOND = "/s"
    MICROJOULE = "uJ"
    RATIO = "x"
    PERCENT = "%"


_FACTORS: dict[Unit, dict[str, float]] = {
    Unit.NANOSECOND: {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "min": 60e9},
    Unit.BYTE: {"B": 1, "kB": 1e3, "KiB": 2**10, "MB": 1e6, "MiB": 2**20, "GB": 1e9, "GiB": 2**30},
    Unit.POINT: {"pt": 1, "%": 1},
    Unit.COUNT: {"": 1, "k": 1e3, "M": 1e6, "G": 1e9},
    Unit.PER_SECOND: {"/s": 1},
    Unit.MICROJOULE: {"uJ": 1, "µJ": 1, "mJ": 1e3, "J": 1e6},
    Unit.RATIO: {"x": 1, "": 1},
    Unit.PERCENT: {"%": 1},
}
_SHOWN: dict[Unit, tuple[tuple[str, float], ...]] = {
    Unit.NANOSECOND: (("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1)),
    Unit.BYTE: (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1)),
}
_QUANTITY = re.compile(r"^\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([^\s0-9]*)\s*$")


def parse_quantity(text: str, unit: Unit) -> float:
    """The number of base units that a text such as "12 ms" names.

    Raises:
        ValueError: with a message fit for a user, if it is no quantity of that dimension.
    """
    match = _QUANTITY.match(text)
    factors = _FACTORS[unit]
    known = ", ".join(name or "a plain number" for name in factors)
    if match is None or not math.isfinite(float(match[1])):
        raise ValueError(f"{text!r} is not a quantity; expected a number and a unit ({known})")
    if match[2] not in factors:
        what = f"unit {match[2]!r} is not one of" if match[2] else "the unit is missing; it is one of"
        raise ValueError(f"{text!r}: {what}: {known}")
    return float(match[1]) * factors[match[2]]


def format_quantity(value: float, unit: Unit) -> str:
    """A value in base units as text for people, with three significant digits or whole units."""
    if unit in _SHOWN:
        name, factor = shown_in(value, unit)
        return f"{_three_digits(value / factor)} {name}"
    if unit is Unit.COUNT:
        return f"{value:,.0f}"
    if unit is Unit.RATIO:
        return f"{_three_digits(value)} {unit.value}"
    return f"{value:.2f} {unit.value}"


def shown_in(value: float, unit: Unit) -> tuple[str, float]:
    """The unit that a value is shown in, and how many base units that is; "" for counts."""
    for name, factor in _SHOWN.get(unit, ()):
        if abs(value) >= factor or factor == 1:
            return name, factor
    return "" if unit is Unit.COUNT else unit.value, 1


def _three_digits(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.{2 - math.floor(math.log10(abs(value)))}f}"
