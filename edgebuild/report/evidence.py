"""What the evidence beside some bundles says, as values and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from edgebuild.core.digest import Json
from edgebuild.core.evidence import Ablation
from edgebuild.core.measurement import Measurement
from edgebuild.report.build import quality_text
from edgebuild.report.html.reported import Reported
from edgebuild.report.verdict import line_texts


def evidence_result(told: Sequence[Reported], html: Path | None) -> dict[str, Json]:
    """The ``result`` of ``edgebuild report --json``."""
    return {"bundles": [_value(each) for each in told], "html": str(html) if html else None}


def evidence_text(told: Sequence[Reported], html: Path | None) -> str:
    """Each bundle's latest verdict, line by line, and where the page is."""
    lines = [line for each in told for line in _lines(each)]
    return "\n".join([*lines, *([f"written: {html}"] if html else [])])


def _value(told: Reported) -> Json:
    return {
        "name": told.name,
        "bundle": str(told.bundle.path) if told.bundle else None,
        "digest": told.bundle.digest if told.bundle else None,
        "verdict": told.verdict.model_dump(mode="json", exclude={"baseline"}) if told.verdict else None,
        "judged_at": told.judged_at or None,
        "runs": dict(_runs(told)),
        "ablations": [each.model_dump(mode="json") for each in told.ablations],
        "published": [{"source": row.source, "row": dict(row.cells)} for row in told.published],
    }


def _runs(told: Reported) -> Counter[str]:
    """Runs by workload."""
    counted: Counter[str] = Counter()
    for each in told.payloads:
        if isinstance(each, Measurement):
            counted[each.key.workload] += len(each.runs)
    return counted


def _lines(told: Reported) -> list[str]:
    made = ", ".join(f"{count} {name}" for name, count in sorted(_runs(told).items())) or "none"
    rest = [*map(_ablated, told.ablations), *_published(told)]
    if told.verdict is None:
        return [f"{told.name}: no verdict; runs: {made}", *rest]
    said = f"{told.name}: {told.verdict.outcome.value} {told.verdict.reason}".rstrip()
    return [said, *(f"  {line}" for line in line_texts(told.verdict)), f"  runs: {made}", *rest]


def _ablated(each: Ablation) -> str:
    return f"  without {', '.join(each.missing)}: {each.precision} {quality_text(each.quality)} on {each.device}"


def _published(told: Reported) -> Iterator[str]:
    """What others published, under its source: context, and never taken for a measurement of ours."""
    for source, rows in groupby(told.published, lambda row: row.source):
        yield f"  published by others, not measured here ({source}):"
        yield from (f"    {', '.join(f'{name} {value}' for name, value in row.cells)}" for row in rows)
