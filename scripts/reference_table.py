"""What scripts/reference_case says of its builds: tables, and what is wanting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import sqrt
from statistics import fmean, stdev

from results_file import table

from edgebuild.core.artifact import Manifest, Quality, Variant
from edgebuild.core.compression import Compression

DENSE = "dense"
FEWER, FASTER, MEAN_DROP, WORST_DROP, MINUTES = 0.85, 5.0, 0.3, 1.0, 90.0
_NORMAL_95 = 1.96
_STUDENT_95 = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776}
"""Student's t for a two-sided 95 % interval of the mean of so many."""

INTRODUCTION = """## ResNet-50 for a phone

Written by `scripts/reference_case`: `examples/resnet50_mobile` on Fashion-MNIST padded to 32 x 32, built dense by the
default profile and, once a seed, pruned by measured latency, distilled and quantized by the profile `pruned`; all was
chosen on 5,000 selection images, and the 5,000 test images were read once for each number. The seed is that of the
order in which a student sees its images. Times are the median inference in a process of its own, memory is what a
model adds to its process at the most, both with the bounds of the profile's 99 %. "Faster" is against the dense int8
model on the same runtime, in pairs of fresh processes that take turns. "Drop" is in points against the float teacher,
on the same images.
"""
HEAD = ("runtime", "model", "parameters", "MACs", "size", "p50", "peak memory", "top-1 (95 %)", "drop", "faster")


@dataclass(frozen=True)
class Measured:
    """A measured value and its bounds, in the metric's base unit; None: too few runs for one."""

    estimate: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Found:
    """A build on one runtime.

    Attributes:
        name: "dense", or which seed.
        values: by precision and metric.
        change: of int8's median latency against the dense int8 model, in percent; None: it is the dense one.
    """

    name: str
    runtime: str
    manifest: Manifest
    values: Mapping[str, Mapping[str, Measured]]
    change: Measured | None

    def variant(self, precision: str) -> Variant:
        """The one of a precision."""
        return next(one for one in self.manifest.parts[0].variants if one.precision == precision)

    @property
    def int8(self) -> Quality:
        """How good int8 is."""
        quality = self.variant("int8").quality
        assert quality is not None
        return quality

    @property
    def drop(self) -> float:
        """What int8 loses of the teacher's accuracy, in points."""
        assert self.int8.value is not None
        assert self.int8.float_value is not None
        return self.int8.float_value - self.int8.value

    @property
    def drop_error(self) -> float:
        """The standard error of that over test images, in points, from those that only one of them has right."""
        lost, won, count = self.int8.lost or 0, self.int8.won or 0, self.int8.samples
        return 100 * sqrt(lost + won - (lost - won) ** 2 / count) / count

    @property
    def faster(self) -> tuple[float, float, float] | None:
        """How many times as fast as the dense int8 model, and its bounds."""
        if self.change is None or self.change.low is None or self.change.high is None:
            return None
        speed = [100 / (100 + change) for change in (self.change.estimate, self.change.high, self.change.low)]
        return speed[0], speed[1], speed[2]


@dataclass(frozen=True)
class Counted:
    """Instructions of a model on the virtual board."""

    name: str
    precision: str
    instructions: Measured


def render(found: Sequence[Found], counts: Sequence[Counted], seconds: Mapping[str, float]) -> str:
    """All tables."""
    dense = _compression(next(one for one in found if one.change is not None))
    rows = [_row(one, precision, dense) for one in found for precision in ("float32", "int8")]
    parts = [INTRODUCTION, table(HEAD, rows), *_summaries(found), _learning(found)]
    if counts:
        parts.append(_counts(counts))
    small = sum(value for name, value in seconds.items() if name != DENSE)
    each = ", ".join(f"{name} {value / 60:.0f}" for name, value in seconds.items())
    parts.append(
        f"From an empty cache the small models were built in {small / 60:.0f} minutes (in minutes: {each}; the first "
        "seed's hold the latency tables)."
    )
    return "\n\n".join(parts)


def wanting(found: Sequence[Found], seconds: float) -> list[str]:
    """What was promised and does not hold."""
    missed = [f"the small builds took {seconds / 60:.0f} minutes"] if seconds > 60 * MINUTES else []
    for one in (one for one in found if one.change is not None):
        where = f"{one.name}, {one.runtime}"
        if (fewer := _fewer(_compression(one))) < FEWER:
            missed.append(f"{where}: {fewer:.1%} fewer parameters")
        if one.faster is None or one.faster[1] < FASTER:
            missed.append(f"{where}: not {FASTER:g} times as fast beyond doubt: {one.faster}")
    for runtime, own in groupby(found, lambda one: one.runtime):
        mean, high = mean_drop([one for one in own if one.change is not None])
        if mean > MEAN_DROP or high > WORST_DROP:
            missed.append(f"{runtime}: {mean:.2f} points lost in the mean, at most {high:.2f}")
    return missed


def mean_drop(seeds: Sequence[Found]) -> tuple[float, float]:
    """The mean over seeds of what int8 loses, and its upper 95 % bound: the larger one of two.

    Over test images, whose errors are taken to be the same for all seeds; and over seeds, by Student's t.
    """
    drops = [one.drop for one in seeds]
    margin = _NORMAL_95 * fmean(one.drop_error for one in seeds)
    if len(drops) in _STUDENT_95:
        margin = max(margin, _STUDENT_95[len(drops)] * stdev(drops) / sqrt(len(drops)))
    return fmean(drops), fmean(drops) + margin


def _summaries(found: Sequence[Found]) -> list[str]:
    lines = []
    for runtime, group in groupby(found, lambda one: one.runtime):
        own = [one for one in group if one.change is not None]
        mean, high = mean_drop(own)
        speeds = [one.faster for one in own if one.faster is not None]
        least = min(speed[1] for speed in speeds) if speeds else 0.0
        lines.append(
            f"- {runtime}: int8 loses {mean:.2f} points in the mean of {len(own)} seeds (95 %: at most {high:.2f}), "
            f"has at least {min(_fewer(_compression(one)) for one in own):.1%} fewer parameters, and is "
            f"{fmean(speed[0] for speed in speeds):.1f} times as fast as the dense int8 model (at least {least:.1f})"
        )
    return ["\n".join(lines)]


def _learning(found: Sequence[Found]) -> str:
    first = [one for one in found if one.runtime == found[0].runtime and one.change is not None]
    rows = []
    for one in first:
        step = _compression(one).steps[-1]
        latencies = ", ".join(f"{c.target} {c.predicted:.3f}, {c.measured:.3f}" for c in step.latencies)
        scores = " ".join(f"{score.value:.2f}" for score in step.scores[1:])
        rows.append((one.name, step.spread or "–", f"{step.scores[0].value:.2f}", scores, latencies))
    head = ("seed", "spread", "pruned", "after each epoch", "share of the dense int8 latency: predicted, measured")
    return f"Top-1 of the selection images, pruned and while it learns:\n\n{table(head, rows)}"


def _counts(counts: Sequence[Counted]) -> str:
    head = ("model", "precision", "instructions an inference")
    rows = [(one.name, one.precision, f"{one.instructions.estimate / 1e6:.2f} M") for one in counts]
    return f"On a virtual Cortex-A76 with ONNX Runtime, in int8 by that target's own scheme:\n\n{table(head, rows)}"


def _row(one: Found, precision: str, dense: Compression) -> tuple[str, ...]:
    variant, values = one.variant(precision), one.values[precision]
    own = dense if one.change is None else _compression(one).steps[-1]
    quality = variant.quality
    assert quality is not None
    assert quality.value is not None
    faster = one.faster if precision == "int8" else None
    return (
        one.runtime,
        f"{'teacher' if one.change is None else one.name} {precision}",
        f"{own.parameters / 1e6:.2f} M",
        f"{own.macs / 1e6:.1f} M",
        f"{sum(file.size for file in variant.files) / 2**20:.1f} MiB",
        _span(values["latency_p50"], 1e6, "ms"),
        _span(values["peak_memory"], 2**20, "MiB"),
        f"{quality.value:.2f} ({quality.low:.1f} to {quality.high:.1f})",
        f"{(quality.float_value or 0.0) - quality.value:+.2f}",
        "" if faster is None else "{:.2f} ({:.2f} to {:.2f})".format(*faster),
    )


def _span(value: Measured, unit: float, name: str) -> str:
    bounds = [f"{bound / unit:.3g}" for bound in (value.low, value.high) if bound is not None]
    return f"{value.estimate / unit:.3g} {name}" + (f" ({' to '.join(bounds)})" if bounds else "")


def _compression(one: Found) -> Compression:
    assert one.manifest.compression is not None
    return one.manifest.compression


def _fewer(compression: Compression) -> float:
    return 1 - compression.steps[-1].parameters / compression.parameters
