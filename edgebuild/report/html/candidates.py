"""Every variant and rejected candidate of some bundles, with what is known of its accuracy, size and latency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from statistics import median_low

from edgebuild.core.artifact import Part, Quality, Rejected, Speed, Variant
from edgebuild.core.evidence import Payload
from edgebuild.core.measurement import Measurement
from edgebuild.core.metric import METRICS
from edgebuild.judge.runs import values_of
from edgebuild.report.html.reported import Reported
from edgebuild.trial import quality_of


@dataclass(frozen=True)
class Candidate:
    """One build of a model.

    Attributes:
        number: its place among all candidates of a page, from 1.
        model: the model's name; ``bundle``: the bundle's.
        quality: where it has a value; ``size`` in bytes.
        latency: the median in nanoseconds by the device it was measured on.
        rejected: why it is not offered; "" for what is.
    """

    number: int
    model: str
    bundle: str
    precision: str
    setting: str
    quality: Quality
    size: int | None
    latency: dict[str, float]
    rejected: str = ""

    @property
    def label(self) -> str:
        """What it is called."""
        return " ".join(filter(None, (self.bundle, self.precision, self.setting)))


def candidates_of(told: Iterable[Reported]) -> list[Candidate]:
    """Those whose quality is known as a number, numbered; the bundle is not named where there is but one."""
    found = [each for one in told if one.bundle is not None for each in _of_bundle(one)]
    several = len({each.bundle for each in found}) > 1
    return [replace(each, number=number, bundle=each.bundle if several else "") for number, each in enumerate(found, 1)]


def _of_bundle(told: Reported) -> Iterator[Candidate]:
    assert told.bundle is not None
    payloads, model = told.payloads, told.bundle.manifest.name
    part = told.bundle.manifest.parts[0]  # the whole: a part of it can't take its place
    for variant in part.variants:
        quality = quality_of(part.name, variant, payloads)
        if quality is not None and quality.value is not None:
            latency = _of_speed(variant.speed, variant.precision) | measured_latency(part, variant, payloads)
            names = (0, model, told.name, variant.precision, variant.setting)
            yield Candidate(*names, quality, variant.size, latency)
    for one in told.bundle.manifest.rejected:
        if one.quality is not None and one.quality.value is not None:
            latency = _of_speed(one.speed, one.precision)
            names = (0, model, told.name, one.precision, one.setting)
            yield Candidate(*names, one.quality, one.size, latency, _why(one))


def _why(one: Rejected) -> str:
    return one.reason or "not chosen"


def _of_speed(speed: Speed | None, precision: str) -> dict[str, float]:
    """From the pairs of the build, where it made some."""
    if speed is None or precision not in ("float32", "int8"):
        return {}
    return {speed.device: speed.int8_p50_ns if precision == "int8" else speed.float_p50_ns}


def measured_latency(part: Part, variant: Variant, payloads: Iterable[Payload]) -> dict[str, float]:
    """The median over all counted latency runs of the variant, by device."""
    found: dict[str, list[float]] = {}
    for each in payloads:
        if isinstance(each, Measurement) and (each.key.part, each.key.precision) == (part.name, variant.precision):
            counted = [run for run in each.runs if not run.outside and run.mode.value == "latency"]
            found.setdefault(each.key.device, []).extend(values_of(METRICS["latency_p50"], counted))
    return {device: median_low(values) for device, values in found.items() if values}
