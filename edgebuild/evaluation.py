"""Scoring a bundle on its project's labelled evaluation set, here or on the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgebuild import __version__
from edgebuild.bench.bench import Bench, now
from edgebuild.bench.given import in_steps
from edgebuild.core.array import Array
from edgebuild.core.artifact import Part, Precision, Quality, Variant
from edgebuild.core.errors import ConfigError
from edgebuild.core.evidence import VariantQuality, record_of
from edgebuild.core.project import Project
from edgebuild.core.signature import Signature
from edgebuild.core.target import Target
from edgebuild.devices.opening import open_device
from edgebuild.models.data import load_samples
from edgebuild.models.preprocess import apply_steps
from edgebuild.models.samples import Samples, input_specs, prepare_inputs, steps_of
from edgebuild.models.score import quality
from edgebuild.models.scorers import load_scorer
from edgebuild.models.sequences import judged, scored_inputs
from edgebuild.sampling import model_files
from edgebuild.store.arrays import save_arrays
from edgebuild.store.bundle import Bundle
from edgebuild.store.cache import Cache, default_cache
from edgebuild.store.catalog import find_profile, find_target
from edgebuild.store.evidence import append
from edgebuild.store.toml import load_project


@dataclass(frozen=True)
class Evaluated:
    """One variant's score, and whether it was made on the data set that the bundle was reported on."""

    variant: Variant
    quality: Quality
    same_data: bool


def evaluate(
    bundle: Bundle,
    project_path: Path,
    device: str | None = None,
    keep: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Evaluated]:
    """Score every variant of a bundle on the project's evaluation set.

    A float variant is the twin that the others are compared with. What was scored against a twin on the data set of
    the bundle's own report becomes evidence. Of a compressed model nothing does: its twin is the dense one, which is
    not in the bundle.

    Args:
        say: is told what happened to samples while they were read.
        keep: an .npz file for what every variant answered: (N, …) arrays by PRECISION/OUTPUT, after ``post``.

    Raises:
        ConfigError: the project has no evaluation set. DeviceError: the device is not at hand.
    """
    project, root = load_project(project_path)
    if project.data.evaluation is None:
        raise ConfigError("[data.evaluation]", "missing", fix="add [data.evaluation] to the project file")
    target = find_target(bundle.manifest.target, root)
    cache, part = default_cache(), bundle.manifest.parts[0]
    specs = input_specs(part.signature)
    samples = load_samples(project.data.evaluation, specs, root, cache, "evaluation", bundle.read)
    for told in samples.notes:
        say(f"evaluation: {told}")
    opened = open_device(target, device)
    with Bench(opened, bundle.manifest.lineage.tools) as bench:
        outputs = {v.precision: _outputs(bundle, part, v, samples, bench, target) for v in part.variants}
    if keep is not None:
        names = [spec.name for spec in part.signature.outputs]
        save_arrays(keep, {f"{p}/{n}": v for p, values in outputs.items() for n, v in zip(names, values, strict=True)})
    rules, whole = find_profile(bundle.manifest.profile, root), bool(project.data.score)
    scored = {
        p: judged(values, part.signature, samples, project.data.metric, whole=whole) for p, values in outputs.items()
    }
    found = [
        _score(project, root, cache, variant, samples, scored, rules.judging.accuracy_confidence, part.signature)
        for variant in part.variants
    ]
    for each in found:
        if each.same_data and "float32" in outputs and bundle.manifest.compression is None:
            _record(bundle, part, each, opened.identity)
    return found


def _outputs(
    bundle: Bundle, part: Part, variant: Variant, samples: Samples, bench: Bench, target: Target
) -> list[Array]:
    signature = variant.signature or part.signature
    names = [spec.name for spec in signature.outputs]
    given = in_steps(signature, prepare_inputs(samples, signature), steps_of(samples, input_specs(signature)))
    found = bench.infer(part.runtime, model_files(bundle, variant), given, target.options_for(variant), names)
    return [apply_steps(v, signature.post.get(n, ()), f"post {n}") for n, v in zip(names, found, strict=True)]


def _score(
    project: Project,
    root: Path,
    cache: Cache,
    variant: Variant,
    samples: Samples,
    outputs: Mapping[Precision, list[Array]],
    confidence: float,
    signature: Signature,
) -> Evaluated:
    scorer = load_scorer(project.data.score, root, cache)
    found = quality(
        project.data.metric,
        samples,
        outputs[variant.precision],
        outputs.get("float32"),
        inputs=scored_inputs(samples, signature) if scorer else None,
        scorer=scorer,
        drop_confidence=confidence,
        seed=project.build.seed,
    )
    return Evaluated(variant, found, variant.quality is not None and variant.quality.dataset == found.dataset)


def _record(bundle: Bundle, part: Part, each: Evaluated, device: str) -> None:
    payload = VariantQuality(part=part.name, precision=each.variant.precision, device=device, quality=each.quality)
    at = now()
    append(bundle, record_of(bundle.digest, payload, at, {"edgebuild": __version__}))
