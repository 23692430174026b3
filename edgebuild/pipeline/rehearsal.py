"""A model as a target would get it, before there are data: which operators it has does not depend on values."""

from __future__ import annotations

from pathlib import Path

from edgebuild.backends.base import Files
from edgebuild.core.artifact import Artifact
from edgebuild.core.lock import Lock
from edgebuild.core.profile import QuantSetting
from edgebuild.core.project import Data, Project
from edgebuild.core.target import Target
from edgebuild.pipeline.build import artifact_of
from edgebuild.pipeline.calibrate_stage import calibrate
from edgebuild.pipeline.float_stages import Converted, export, trace
from edgebuild.pipeline.host import int8_scheme
from edgebuild.pipeline.int8_stages import quantize, quantize_foreign
from edgebuild.pipeline.material import Material, gather
from edgebuild.pipeline.stage import Progress, Road, silent
from edgebuild.store.cache import default_cache
from edgebuild.store.catalog import find_profile

_SETTING = QuantSetting(correct_bias=False)
"""Which operators come out does not hang on how ranges are chosen."""


def rehearse(project: Project, root: Path, target: Target, progress: Progress = silent) -> tuple[Artifact, Files]:
    """What a build would make for a target, from made-up samples: int8 where the target has a scheme for it.

    Nothing is scored, timed or written. Of the ranges and errors of its integers nothing can be told.

    Args:
        root: the project's folder; its data are not read.

    Raises:
        ConfigError, BuildError: as a build's.
    """
    profile = find_profile(project.build.profile, root).model_copy(update={"pruning": None})
    road = Road(project.model_copy(update={"data": Data()}), root, profile, default_cache(), progress)
    shared = gather(road, Lock(), (target,))
    try:
        made, artifact = _made(shared, target)
    finally:
        shared.scorer.close()
        road.cache.digests.save()
    return artifact, made.files


def _made(shared: Material, target: Target) -> tuple[Converted, Artifact]:
    road, model, samples = shared.road, shared.folded, shared.single_steps(shared.golden)
    scheme, exact = int8_scheme(target), export(road, model, target.runtime)
    origins = trace(road, model, exact, samples)
    if exact.quantized or scheme is None:
        return exact, artifact_of(exact, "as-is" if exact.quantized else "float32", origins)
    if model.kind == "torch":
        done = calibrate(road, model, samples, scheme, _SETTING, exact.backend.weight_grid(scheme))
        assert done is not None, "only equalizing can find nothing to change"
        candidate = quantize(road, done, target, scheme, origins, samples)
    else:
        candidate = quantize_foreign(road, exact, target, scheme, origins, samples, _SETTING)
    return candidate.converted, artifact_of(candidate.converted, "int8", candidate.origins)
