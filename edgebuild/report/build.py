"""What a build made, as values and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgebuild.core.artifact import Compilation, Part, Quality, Rejected, Variant
from edgebuild.core.compression import (
    Compression,
    CompressionStep,
    LatencyCheck,
    LatencyTable,
    MeasuredCost,
    PartKept,
    ZeroWeights,
)
from edgebuild.core.digest import Json
from edgebuild.core.metric import METRICS
from edgebuild.core.units import Unit, format_quantity
from edgebuild.pipeline.build import SETTING_LOST
from edgebuild.pipeline.project import BuildReport, Built
from edgebuild.report.inspect import placement_text
from edgebuild.report.table import Table

_CELL = 240


def build_outcomes(report: BuildReport) -> list[dict[str, object]]:
    """One outcome a target."""
    return [
        {
            "subject": built.label,
            "exit_code": built.error.exit_code if built.error else 0,
            "message": built.error.message if built.error else f"built {built.bundle.path if built.bundle else ''}",
        }
        for built in report.built
    ]


def build_result(report: BuildReport) -> dict[str, Json]:
    """The ``result`` of ``edgebuild build --json``."""
    return {
        "project": report.project.name,
        "targets": [_built(built) for built in report.built],
        "input_check": report.inputs.model_dump(mode="json") if report.inputs else None,
        "steps": [
            {"stage": step.stage, "subject": step.subject, "key": step.key, "cached": step.cached}
            for step in report.steps
        ],
    }


def _built(built: Built) -> Json:
    if built.bundle is None:
        return {"target": built.label, "bundle": None, "error": built.error.message if built.error else ""}
    manifest = built.bundle.manifest
    return {
        "target": built.label,
        "bundle": str(built.bundle.path),
        "digest": built.bundle.digest,
        "variants": [variant.model_dump(mode="json") for variant in manifest.parts[0].variants],
        **({"parts": [_part(part) for part in manifest.parts[1:]]} if manifest.edges else {}),
        "rejected": [rejected.model_dump(mode="json") for rejected in manifest.rejected],
        "compression": manifest.compression.model_dump(mode="json") if manifest.compression else None,
    }


def _part(part: Part) -> Json:
    return {
        "part": part.name,
        "runtime": part.runtime,
        "variants": [variant.model_dump(mode="json") for variant in part.variants],
        "rejected": [rejected.model_dump(mode="json") for rejected in part.rejected],
        "alone": part.alone.model_dump(mode="json") if part.alone else None,
    }


def suspicions_of(report: BuildReport) -> list[str]:
    """Why the samples might not fit the model, for people."""
    return [suspicion.message for suspicion in report.inputs.suspicions] if report.inputs else []


def build_table(report: BuildReport) -> Table:
    """One row a variant, and below each target what was not offered and why."""
    compressions = (built.bundle.manifest.compression for built in report.built if built.bundle is not None)
    compression = next(compressions, None)
    return Table(
        ("target", "variant", "quality", "against float", "size", "float/int8 time", "why"),
        [row for built in report.built for row in _rows(built)],
        title=f"{report.project.name}: {_cached(report)}",
        caption=compression_text(compression) if compression else "",
    )


def _rows(built: Built) -> Iterable[tuple[str, ...]]:
    if built.bundle is None:
        yield built.label, "not built", "", "", "", "", short(built.error.message if built.error else "")
        return
    for variant in built.bundle.manifest.parts[0].variants:
        yield built.label, *_variant_row(variant)
        if variant.compilation is not None:
            made = "compiled" if variant.compilation.files else "not compiled"
            yield "", made, "", "", _compiled_size(variant.compilation), "", compilation_text(variant.compilation)
    for row in _rejected_rows(built.bundle.manifest.rejected):
        yield "", *row
    for part in built.bundle.manifest.parts[1:]:
        yield from _part_rows(part)


def _part_rows(part: Part) -> Iterable[tuple[str, ...]]:
    """A part's variants, what it did not offer, and what the whole loses with it alone in int8."""
    for variant in part.variants:
        yield f"  {part.name} ({part.runtime})", *_variant_row(variant)
    for row in _rejected_rows(part.rejected):
        yield "", *row
    if part.alone is not None:
        quality = quality_text(part.alone), drop_text(part.alone)
        yield "", "the whole with it alone in int8", *quality, "", "", "on the selection set"


def compression_text(compression: Compression) -> str:
    """What became of a model that was made smaller, and what it had to learn again."""
    last = compression.steps[-1]
    sizes = (
        f"pruned by {last.importance}: parameters {_shrunk(compression.parameters, last.parameters)}, "
        f"MACs {_shrunk(compression.macs, last.macs)}"
    )
    if last.zeros is not None:
        sizes += f"; {zeros_text(last.zeros)}"
    sizes += "".join(f"; {latency_text(check, compression.tables)}" for check in last.latencies)
    sizes += "".join(f"; {part_text(kept, last, compression.measured)}" for kept in compression.parts)
    if not last.scores:
        return sizes
    unit = "dB" if last.score_name == "fidelity" else "%"
    before, after = last.scores[0].value, last.scores[last.best_epoch].value
    return f"{sizes}; {last.score_name} on the selection set {before:.2f} → {after:.2f} {unit} by recovery"


def zeros_text(zeros: ZeroWeights) -> str:
    """How many weights were made zero, and where."""
    whole = f", {zeros.dense} do not fit" if zeros.dense else ""
    return f"{100 * zeros.share:.1f} % of weights zero ({zeros.pattern} in {zeros.layers} layers{whole})"


def latency_text(check: LatencyCheck, tables: Sequence[LatencyTable]) -> str:
    """What a pruned model takes on one target, measured, and what the table had said of it."""
    table = next(table for table in tables if table.target == check.target)
    where = f"{check.target} ({table.device})" if table.cost == "instructions" else check.target
    return (
        f"{table.cost} on {where} in {table.precision}: {100 * check.measured:.1f} % of the dense model's, "
        f"{100 * check.predicted:.1f} % predicted"
    )


def part_text(kept: PartKept, step: CompressionStep, cost: MeasuredCost) -> str:
    """What a part of a model in parts kept of its parameters, MACs and latency or instructions."""
    told = "".join(
        f", {100 * time.measured:.1f} of {100 * time.before:.1f} % of the whole's {cost} on {target}"
        for target, time in step.latencies_of(kept.part)
    )
    sizes = f"parameters {_shrunk(kept.parameters_before, kept.parameters)}"
    return f"{kept.part}: {sizes}, MACs {_shrunk(kept.macs_before, kept.macs)}{told}"


def _shrunk(before: float, after: float) -> str:
    return f"{before / 1e6:.3g} → {after / 1e6:.3g} M ({100 * (after / before - 1):+.0f} %)"


def short(message: str) -> str:
    """A message that fits a table's cell; the whole one is in the JSON document and on stderr."""
    return message if len(message) <= _CELL else message[:_CELL].rstrip() + " …"


def _cached(report: BuildReport) -> str:
    made = sum(not step.cached for step in report.steps)
    return f"{made} of {len(report.steps)} stages made, the others from the cache"


def _variant_row(variant: Variant) -> tuple[str, ...]:
    speed = variant.speed
    ratio = "" if speed is None else f"{speed.ratio:.2f} [{_bound(speed.low)}, {_bound(speed.high)}]"
    setting = f"{variant.precision} {variant.setting}".strip()
    size = format_quantity(variant.size, Unit.BYTE)
    return setting, quality_text(variant.quality), drop_text(variant.quality), size, ratio, variant.note


def _rejected_rows(rejected: Sequence[Rejected]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for one in rejected:
        if one.reason == SETTING_LOST:
            continue
        size = "" if one.size is None else format_quantity(one.size, Unit.BYTE)
        speed = "" if one.speed is None else f"{one.speed.ratio:.2f}"
        setting = f"not {one.precision} {one.setting}".strip()
        rows.append((setting, quality_text(one.quality), drop_text(one.quality), size, speed, one.reason))
    return rows


def quality_text(quality: Quality | None) -> str:
    """A score with its 95 % interval."""
    if quality is None:
        return "not scored"
    if quality.value is None:
        mark = ", emulated" if quality.emulated else ""
        return "no labels" if quality.sqnr_db is None else f"SQNR {quality.sqnr_db:.1f} dB{mark}"
    if quality.low is None or quality.high is None:
        return f"{quality.value:.2f} % {quality.metric}"
    return f"{quality.value:.2f} % {quality.metric} [{quality.low:.1f}, {quality.high:.1f}] n={quality.samples}"


def drop_text(quality: Quality | None) -> str:
    """The difference to float on the same samples, in points."""
    if quality is None or quality.value is None or quality.float_value is None:
        return ""
    agreement = "" if quality.agreement is None else f", {quality.agreement:.1f} % agree"
    return f"{quality.value - quality.float_value:+.2f} pt{agreement}{', emulated' if quality.emulated else ''}"


def compilation_text(compilation: Compilation) -> str:
    """Where a compiled model's operators run, and what the compiler estimates."""
    told = [placement_text(compilation.placement)]
    told += [
        f"{name} {format_quantity(value, METRICS[name].unit)}" for name, value in compilation.estimates.items() if value
    ]
    if (tried := compilation.simulated) is not None:
        told += [f"simulated on {tried.samples} samples: SQNR {tried.sqnr_db:.1f} dB to the model before"]
    return f"{compilation.placement.by}: {'; '.join(told)}"


def _compiled_size(compilation: Compilation) -> str:
    size = sum(file.size for file in compilation.files)
    return format_quantity(size, Unit.BYTE) if size else ""


def _bound(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
