"""What all targets of one build share."""

from __future__ import annotations

from dataclasses import dataclass

from edgebuild.core.lock import Lock
from edgebuild.pipeline.float_stages import folded
from edgebuild.pipeline.golden import golden_inputs
from edgebuild.pipeline.scoring import Scorer
from edgebuild.pipeline.sources import DataSet, Sets, Source, load_sets, load_source
from edgebuild.pipeline.stage import Road


@dataclass
class Material:
    """The loaded model and data, and the lock, which grows as speeds are measured."""

    road: Road
    source: Source
    folded: Source
    sets: Sets
    golden: DataSet
    scorer: Scorer
    lock: Lock


def gather(road: Road, lock: Lock) -> Material:
    """Load what every target needs."""
    source = load_source(road)
    sets = load_sets(road, source)
    golden = golden_inputs(road, source, sets)
    return Material(road, source, folded(road, source), sets, golden, Scorer(road, source), lock)
