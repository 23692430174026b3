"""The parts of a bundle: what each takes and gives, where it runs, and what the whole loses with it alone in int8."""

from __future__ import annotations

from edgebuild.core.artifact import Manifest, Part, Quality, Variant
from edgebuild.core.units import Unit
from edgebuild.report.build import drop_text, quality_text
from edgebuild.report.html.candidates import measured_latency
from edgebuild.report.html.page import Block, Column, Section, Table
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.words import DASH, shown

_LEAD = "The whole is a chain of parts, each in its own runtime. What is measured of a part is of it alone."


def parts_section(prefix: str, told: Reported) -> Section | None:
    """None where a bundle has but one part."""
    if told.bundle is None or len(told.bundle.manifest.parts) == 1:
        return None
    manifest = told.bundle.manifest
    blocks: list[Block] = [_variants(told, manifest), *_sensitivity(manifest)]
    return Section(f"{prefix}parts", "Parts", _LEAD, tuple(blocks))


def _variants(told: Reported, manifest: Manifest) -> Table:
    columns = (
        Column("part"), Column("runs in"), Column("takes"), Column("gives"), Column("variant"),
        Column("against its own float"), Column("size", "number"), Column("median latency", "number"),
    )  # fmt: skip
    rows = [_row(told, manifest, part, variant) for part in manifest.parts[1:] for variant in part.variants]
    return Table("Every part, in the order they run", columns, tuple(rows))


def _row(told: Reported, manifest: Manifest, part: Part, variant: Variant) -> tuple[str, ...]:
    givers = {edge.target: edge.source.rpartition(".")[0] for edge in manifest.edges}
    taken = [(spec.name, givers.get(f"{part.name}.{spec.name}")) for spec in part.signature.inputs]
    takes = ", ".join(f"{name} of {giver}" if giver else name for name, giver in taken)
    gives = ", ".join(spec.name for spec in part.signature.outputs)
    times = measured_latency(part, variant, told.payloads)
    latency = "; ".join(f"{shown(ns, Unit.NANOSECOND)} on {device}" for device, ns in times.items()) or DASH
    setting = f"{variant.precision} {variant.setting}".strip()
    found = DASH if variant.precision == "float32" else _against(variant.quality)
    return part.name, part.runtime, takes, gives, setting, found, shown(variant.size, Unit.BYTE), latency


def _against(quality: Quality | None) -> str:
    return DASH if quality is None else drop_text(quality) or quality_text(quality)


def _sensitivity(manifest: Manifest) -> list[Table]:
    """What the whole is worth with each part alone in int8; nothing where no part was offered in int8."""
    columns = (
        Column("alone in int8"),
        Column("the whole's score"),
        Column("against float"),
        Column("samples lost and won"),
    )
    rows = tuple(
        (part.name, quality_text(part.alone), drop_text(part.alone) or DASH, _pairs(part.alone))
        for part in manifest.parts[1:]
        if part.alone is not None
    )
    return (
        [Table("Sensitivity: the whole with one part alone in int8, on the selection set", columns, rows)]
        if rows
        else []
    )


def _pairs(quality: Quality) -> str:
    return DASH if quality.lost is None or quality.won is None else f"{quality.lost:,} lost, {quality.won:,} won"
