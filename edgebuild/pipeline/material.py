"""What all targets of one build share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgebuild.core.input_check import InputReport
from edgebuild.core.lock import Lock
from edgebuild.core.project import Project
from edgebuild.core.signature import Signature
from edgebuild.core.target import Target
from edgebuild.pipeline.compress_stage import Compressed, compressed
from edgebuild.pipeline.float_stages import folded
from edgebuild.pipeline.golden import golden_inputs
from edgebuild.pipeline.input_stage import checked_inputs
from edgebuild.pipeline.pricing import Pricing
from edgebuild.pipeline.scoring import Scorer
from edgebuild.pipeline.sources import DataSet, Sets, Source, load_sets, load_source
from edgebuild.pipeline.stage import Road
from edgebuild.pipeline.unrolled import single_steps


@dataclass
class Material:
    """The loaded model and data, and the lock, which grows as speeds are measured.

    Attributes:
        source: the model as the project declares it: what all that is made of it is held against.
        folded: what is exported and quantized.
        inputs: whether the samples fit the model; None where that was not looked at.
    """

    road: Road
    source: Source
    folded: Source
    sets: Sets
    golden: DataSet
    scorer: Scorer
    lock: Lock
    inputs: InputReport | None = None

    def single_steps(self, samples: DataSet) -> DataSet:
        """Samples of which each is one call: of a model with state the steps, with the states that it came to."""
        if not self.source.signature.fed:
            return samples
        return single_steps(self.road, samples, self.scorer.reference(samples), self.source.signature)

    @property
    def dense(self) -> Source | None:
        """What the model was before it was compressed; None if it was not."""
        return self.source.dense if isinstance(self.source, Compressed) else None


def refuse_unfit_post(project: Project, signature: Signature) -> None:
    """Refuse ``post`` steps that do not fit a model's outputs; nothing is imported where there are none.

    Raises:
        ConfigError: naming the step.
    """
    if project.model.post:
        from edgebuild.steps.postprocess import check_post

        check_post(signature, project.model.post)


def gather(road: Road, lock: Lock, targets: Sequence[Target], pricing: Pricing | None = None) -> Material:
    """Load what every target needs, see whether it fits together, and compress the model if the profile wants it."""
    loaded = load_source(road)
    refuse_unfit_post(road.project, loaded.signature)
    sets = load_sets(road, loaded)
    inputs = checked_inputs(road, loaded, sets)
    source = compressed(road, loaded, sets, targets, lock, pricing)
    if isinstance(source, Compressed):
        lock = lock.with_latencies(source.latencies)
    plain = folded(road, source)
    golden = golden_inputs(road, plain, sets)
    return Material(road, source, plain, sets, golden, Scorer(road, source), lock, inputs)
