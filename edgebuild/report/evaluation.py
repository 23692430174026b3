"""An evaluation as values and as tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from edgebuild.ablation import Ablated, Gain
from edgebuild.core.digest import Json
from edgebuild.evaluation import Evaluated
from edgebuild.report.build import drop_text, quality_text
from edgebuild.report.table import Page, Table


def evaluation_result(found: Sequence[Evaluated]) -> dict[str, Json]:
    """The ``result`` of ``edgebuild eval --json``."""
    return {
        "variants": [
            {
                "precision": each.variant.precision,
                "quality": each.quality.model_dump(mode="json"),
                "same_data_as_bundle": each.same_data,
                "post_seconds": each.post_seconds,
                "ablated": [_ablated(one) for one in each.ablated],
            }
            for each in found
        ]
    }


def evaluation_text(found: Sequence[Evaluated]) -> Page:
    """A row a variant, what ``post`` takes, and what is left of it without some inputs."""
    parts: list[str | Table | Page] = [_table(found)]
    took = [f"{each.variant.precision} {1e3 * each.post_seconds:.3g} ms" for each in found if each.post_seconds]
    parts += [f"post, for one sample on this machine: {', '.join(took)}"] if took else []
    parts += [_ablations(found)] if any(each.ablated for each in found) else []
    return Page(parts)


def _table(found: Sequence[Evaluated]) -> Table:
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


def _ablations(found: Sequence[Evaluated]) -> Table:
    rows = [
        (each.variant.precision, ", ".join(one.missing), quality_text(one.quality), drop_text(one.quality), _won(one))
        for each in found
        for one in each.ablated
    ]
    return Table(("variant", "without", "quality", "against float", "all inputs win"), rows)


def _won(one: Ablated) -> str:
    gain = one.gain
    return "" if gain is None else f"{gain.won}, lose {gain.lost} (p = {gain.p:.2g})"


def _ablated(one: Ablated) -> dict[str, Json]:
    gain: Gain | None = one.gain
    return {
        "missing": list(one.missing),
        "quality": one.quality.model_dump(mode="json"),
        "gain": None if gain is None else dataclasses.asdict(gain),
    }
