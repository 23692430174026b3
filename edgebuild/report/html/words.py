"""Values as the page writes them."""

from __future__ import annotations

import re

from edgebuild.core.metric import Metric
from edgebuild.core.units import Unit, format_quantity

NARROW = "\u202f"
DASH = "–"
_NO_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def shown(value: float | None, unit: Unit) -> str:
    """A value with its unit; a dash where there is none."""
    if value is None:
        return DASH
    text = format_quantity(value, unit)
    return text.replace(" us", " µs").replace(" count", "").replace("-", "−").replace(" ", "\u00a0")


def bounds_text(low: float | None, high: float | None, unit: Unit) -> str:
    """An interval, or nothing where neither end is known."""
    return "" if low is None and high is None else f"{shown(low, unit)} to {shown(high, unit)}"


def pretty_unit(name: str) -> str:
    """A unit's name with its right sign."""
    return name.replace("us", "µs")


def plural(count: int, one: str, many: str = "") -> str:
    """A count of things."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """A confidence such as 0.99, in percent."""
    return f"{100 * share:.6g}\u00a0%"


def short_digest(digest: str) -> str:
    """The first characters of a digest, which name it well enough to be found."""
    return digest[:12]


def unit_of_runs(metric: Metric) -> str:
    """What a metric's evidence is counted in."""
    if metric.name == "accuracy_drop":
        return "sample"
    return "pair" if metric.change and metric.quantile is not None else "run"


def plain(text: str) -> str:
    """Without what no HTML may hold: a device may say anything."""
    return _NO_CHARACTERS.sub("\ufffd", text)
