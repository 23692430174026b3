"""Where the operators run on the target's accelerator, and what its compiler estimates."""

from __future__ import annotations

from collections.abc import Iterator

from edgebuild.core.artifact import Compilation, Variant
from edgebuild.core.metric import METRICS
from edgebuild.report.html.page import Block, Column, Fact, Facts, Note, Section, Table
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.words import shown
from edgebuild.report.inspect import placement_text


def accelerator_section(prefix: str, told: Reported) -> Section | None:
    """None where nothing was compiled or placed."""
    parts = told.bundle.manifest.parts if told.bundle else ()
    made = [(variant, variant.compilation) for part in parts for variant in part.variants if variant.compilation]
    if not made:
        return None
    lead = "Known at build time; nothing in this section was measured on a device."
    blocks = tuple(block for variant, compilation in made for block in _blocks(variant, compilation))
    return Section(f"{prefix}accelerator", "Accelerator", lead, blocks)


def _blocks(variant: Variant, made: Compilation) -> Iterator[Block]:
    yield Note(f"{variant.precision}, by {made.placement.by}: {placement_text(made.placement)}.")
    estimates = tuple(Fact(name, shown(value, METRICS[name].unit)) for name, value in sorted(made.estimates.items()))
    if estimates:
        yield Facts(estimates)
    if made.simulated is not None:
        tried = f"{made.simulated.sqnr_db:.1f}\u00a0dB over {made.simulated.samples} samples"
        yield Facts((Fact("simulated, SQNR to the model here", tried),))
    left = tuple((op.op, op.rule) for op in made.placement.fallbacks)
    if left:
        yield Table("Left to the CPU", (Column("operator", "code"), Column("why, and what to change", "prose")), left)
