"""What was removed of a model that was made smaller, by step and by layer, and what it had to learn again."""

from __future__ import annotations

from collections.abc import Iterator

from edgebuild.core.compression import Compression, CompressionStep
from edgebuild.report.build import zeros_text
from edgebuild.report.html.page import Block, Column, Note, Section, Table
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.words import DASH

_LEAD = "What matters least was removed; where it was trained again, scores are of the selection set."


def pruned_section(prefix: str, told: Reported) -> Section | None:
    """None where nothing was removed."""
    record = told.bundle.manifest.compression if told.bundle is not None else None
    if record is None:
        return None
    blocks: list[Block] = [_steps(record), *_zeros(record), *_parts(record), *_layers(record)]
    if record.held:
        blocks.append(Note(f"Left as they were, since no rule is known for what reads them: {', '.join(record.held)}"))
    return Section(f"{prefix}pruned", "Made smaller", _LEAD, tuple(blocks))


def _steps(record: Compression) -> Table:
    columns = (
        Column("step"), Column("parameters", "number"), Column("multiplications", "number"), Column("chosen by"),
        Column(f"{record.measured}, of dense", "number"), Column("predicted", "number"),
        Column("score before", "number"), Column("after training", "number"),
    )  # fmt: skip
    dense = ("dense", f"{record.parameters:,}", f"{record.macs:,.0f}", *(DASH,) * 5)
    rows = (_step(number, step, record) for number, step in enumerate(record.steps, 1))
    return Table("Before and after each step", columns, (dense, *rows))


def _step(number: int, step: CompressionStep, record: Compression) -> tuple[str, ...]:
    several = len(step.latencies) > 1
    measured = "; ".join(_share(check.measured, check.target, several) for check in step.latencies)
    predicted = "; ".join(_share(check.predicted, check.target, several) for check in step.latencies)
    unit = "dB" if step.score_name == "fidelity" else "%"
    scores = (step.scores[0].value, step.scores[step.best_epoch].value) if step.scores else ()
    chosen = ", ".join(filter(None, (step.importance, step.spread)))
    told = tuple(f"{value:.2f}\u00a0{unit}" for value in scores) or (DASH, DASH)
    return (
        str(number), _of(step.parameters, record.parameters), _of(step.macs, record.macs), chosen,
        measured or DASH, predicted or DASH, *told,
    )  # fmt: skip


def _share(value: float, target: str, several: bool) -> str:
    return f"{100 * value:.1f}\u00a0%" + (f" on {target}" if several else "")


def _of(after: float, before: float) -> str:
    return f"{after:,.0f} ({100 * after / before:.1f}\u00a0%)"


def _parts(record: Compression) -> Iterator[Table]:
    """What each part of a model in parts kept."""
    if not record.parts:
        return
    columns = (
        Column("part"), Column("parameters", "number"), Column("multiplications", "number"),
        Column(f"of the dense whole's {record.measured}", "number"),
    )  # fmt: skip
    rows = []
    for kept in record.parts:
        found = record.steps[-1].latencies_of(kept.part)
        times = "; ".join(
            f"{_share(one.measured, target, len(found) > 1)} of {100 * one.before:.1f}\u00a0%" for target, one in found
        )
        parameters = _of(kept.parameters, kept.parameters_before) if kept.parameters_before else DASH
        macs = _of(kept.macs, kept.macs_before) if kept.macs_before else DASH
        rows.append((kept.part, parameters, macs, times or DASH))
    yield Table("What each part kept", columns, tuple(rows))


def _zeros(record: Compression) -> Iterator[Note]:
    """Single weights that were made zero."""
    told = (zeros_text(step.zeros) for step in record.steps if step.zeros is not None)
    return (Note(f"{each[0].upper()}{each[1:]}.") for each in told)


def _layers(record: Compression) -> Iterator[Table]:
    if not record.groups:
        return
    columns = (Column("layer", "code"), Column("channels before", "number"), Column("after", "number"))
    rows = tuple((one.group, f"{one.before:,}", f"{one.after:,}") for one in record.groups)
    yield Table("Channels of each layer, and of all that goes with it", columns, rows, "Every layer's channels")
