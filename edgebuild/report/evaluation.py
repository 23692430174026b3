"""An evaluation as values and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.core.digest import Json
from edgebuild.evaluation import Evaluated
from edgebuild.report.build import drop_text, quality_text
from edgebuild.report.table import Table


def evaluation_result(found: Sequence[Evaluated]) -> dict[str, Json]:
    """The ``result`` of ``edgebuild eval --json``."""
    return {
        "variants": [
            {
                "precision": each.variant.precision,
                "quality": each.quality.model_dump(mode="json"),
                "same_data_as_bundle": each.same_data,
            }
            for each in found
        ]
    }


def evaluation_table(found: Sequence[Evaluated]) -> Table:
    """One row a variant."""
    rows = [
        (
            each.variant.precision,
            quality_text(each.quality),
            drop_text(each.quality),
            "the bundle's own" if each.same_data else "other than the bundle's",
        )
        for each in found
    ]
    return Table(("variant", "quality", "against float", "data"), rows)
