"""Two bundles side by side, from what they and their evidence say; unlike things are named, not compared."""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.core.artifact import Variant
from edgebuild.core.measurement import Measurement, MeasurementKey
from edgebuild.core.metric import METRICS, Mode
from edgebuild.core.units import Unit, format_quantity
from edgebuild.release import SHOWN, Bounded, measured
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import read_evidence

_OWN_FIELDS = ("bundle", "model", "precision")
"""What two bundles' measurements may differ in and still be compared."""


@dataclass(frozen=True)
class Row:
    """One thing compared. ``ratio`` is B over A, or None where they are not comparable, with the reason in ``note``."""

    name: str
    first: str
    second: str
    ratio: float | None = None
    note: str = ""


def compare(first: Bundle, second: Bundle, confidence: float) -> list[Row]:
    """The preferred variants of two bundles: precision, size, quality and what was measured of both."""
    a, b = _preferred(first), _preferred(second)
    rows = [
        Row("target", first.manifest.target, second.manifest.target),
        Row("precision", a.precision, b.precision),
        Row("size", format_quantity(a.size, Unit.BYTE), format_quantity(b.size, Unit.BYTE), b.size / a.size),
        _quality(a, b),
    ]
    differing = _differing(first, second)
    found = measured(first, _key(first), confidence), measured(second, _key(second), confidence)
    return rows + [_measured(name, found[0].get(name), found[1].get(name), differing) for name in SHOWN]


def _preferred(bundle: Bundle) -> Variant:
    return bundle.manifest.parts[0].variants[0]


def _quality(a: Variant, b: Variant) -> Row:
    first, second = (f"{v.quality.value:.2f} %" if v.quality and v.quality.value else "–" for v in (a, b))
    same = a.quality and b.quality and a.quality.dataset == b.quality.dataset
    return Row("quality", first, second, note="" if same else "not scored on the same data")


def _measured(name: str, a: Bounded | None, b: Bounded | None, differing: tuple[str, ...]) -> Row:
    unit = METRICS[name].unit
    first, second = ("not measured" if v is None else format_quantity(v.estimate, unit) for v in (a, b))
    if a is None or b is None:
        return Row(name, first, second)
    if differing:
        return Row(name, first, second, note=f"not comparable: {', '.join(differing)} differ")
    low, high = _ratio_bounds(a, b)
    note = "" if low is None else f"ratio within [{low:.2f}, {high:.2f}] from separate runs; bench --against pairs them"
    return Row(name, first, second, b.estimate / a.estimate if a.estimate else None, note)


def _ratio_bounds(a: Bounded, b: Bounded) -> tuple[float | None, float | None]:
    if not a.low or not a.high or b.low is None or b.high is None:
        return None, None
    return b.low / a.high, b.high / a.low


def _differing(first: Bundle, second: Bundle) -> tuple[str, ...]:
    keys = [_key(first), _key(second)]
    if keys[0] is None or keys[1] is None:
        return ()
    return tuple(name for name in keys[0].differing(keys[1]) if name not in _OWN_FIELDS)


def _key(bundle: Bundle) -> MeasurementKey | None:
    payloads = [record.payload for record in read_evidence(bundle)]
    keys = [m.key.of_mode(Mode.LATENCY) for m in payloads if isinstance(m, Measurement)]
    return keys[-1] if keys else None
