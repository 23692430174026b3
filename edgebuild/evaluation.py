"""Scoring a bundle on its project's labelled evaluation set, here or on the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgebuild import __version__
from edgebuild.ablation import Ablated, Gain, ablations, gain
from edgebuild.bench.bench import Bench, now
from edgebuild.bench.given import in_steps
from edgebuild.core.array import Array
from edgebuild.core.artifact import Part, Precision, Quality, Variant
from edgebuild.core.errors import ConfigError
from edgebuild.core.evidence import Ablation, Payload, VariantQuality, record_of
from edgebuild.core.project import Project
from edgebuild.core.quality_metric import QUALITY_METRICS
from edgebuild.core.signature import Signature
from edgebuild.core.target import Target
from edgebuild.devices.opening import open_device
from edgebuild.models.data import load_samples
from edgebuild.models.samples import Samples, input_specs, prepare_inputs, steps_of
from edgebuild.models.score import quality
from edgebuild.models.scorers import Scorer, load_scorer
from edgebuild.models.sequences import judged, scored_inputs
from edgebuild.sampling import model_files
from edgebuild.steps.postprocess import PostProcess, post_of
from edgebuild.steps.preprocess import apply_steps
from edgebuild.store.arrays import save_arrays
from edgebuild.store.bundle import Bundle
from edgebuild.store.cache import default_cache
from edgebuild.store.catalog import find_profile, find_target
from edgebuild.store.evidence import append
from edgebuild.store.toml import load_project

Outputs = Mapping[Precision, list[Array]]
_TWIN = ("float_value", "lost", "won", "drop_high", "drop_confidence", "agreement", "sqnr_db")
_NO_TWIN = dict.fromkeys(_TWIN)
"""What a quality says of its twin, left out."""


@dataclass(frozen=True)
class Evaluated:
    """One variant's score, and whether it was made on the data set that the bundle was reported on.

    Attributes:
        post_seconds: what the ``post`` steps take for one sample on this machine, apart from the model; None: no steps.
        ablated: the score with inputs missing, where the model declares what stands in for them.
    """

    variant: Variant
    quality: Quality
    same_data: bool
    post_seconds: float | None = None
    ablated: tuple[Ablated, ...] = ()


@dataclass(frozen=True)
class _Rules:
    """How outputs are scored."""

    project: Project
    scorer: Scorer | None
    confidence: float
    signature: Signature

    @property
    def post(self) -> PostProcess:
        return post_of(self.signature)

    def quality(self, samples: Samples, outputs: list[Array], twin: list[Array] | None) -> Quality:
        data = self.project.data

        def of(values: list[Array]) -> list[Array]:
            return judged(values, self.signature, samples, data.metric, whole=bool(self.scorer))

        own = of(outputs)
        return quality(
            data.metric,
            samples,
            own,
            own if twin is outputs else of(twin) if twin is not None else None,
            inputs=scored_inputs(samples, self.signature) if self.scorer else None,
            scorer=self.scorer,
            drop_confidence=self.confidence,
            seed=self.project.build.seed,
            post=self.post,
            classes=data.classes,
        )


@dataclass(frozen=True)
class _Running:
    """Where a bundle's variants are run."""

    bundle: Bundle
    part: Part
    target: Target
    bench: Bench = field(repr=False)

    def outputs(self, samples: Samples) -> Outputs:
        """What every variant answers, before the project's ``post`` steps."""
        return {variant.precision: self._outputs(variant, samples) for variant in self.part.variants}

    def _outputs(self, variant: Variant, samples: Samples) -> list[Array]:
        signature = variant.signature or self.part.signature
        names = [spec.name for spec in signature.outputs]
        inputs = in_steps(signature, prepare_inputs(samples, signature), steps_of(samples, input_specs(signature)))
        files, options = model_files(self.bundle, variant), self.target.options_for(variant)
        found = self.bench.infer(self.part.runtime, files, inputs, options, names)
        return [apply_steps(v, signature.post.get(n, ()), f"post {n}") for n, v in zip(names, found, strict=True)]


def evaluate(
    bundle: Bundle,
    project_path: Path,
    device: str | None = None,
    keep: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
    *,
    ablate: bool = True,
) -> list[Evaluated]:
    """Score every variant of a bundle on the project's evaluation set.

    A float variant is the twin that the others are compared with. What was scored against a twin on the data set of
    the bundle's own report becomes evidence. Of a compressed model only the scores with inputs missing do, without a
    twin: its twin is the dense one, which is not in the bundle.

    Args:
        say: is told what happened to samples while they were read.
        keep: an .npz file for what every variant answered: (N, …) arrays by PRECISION/OUTPUT, after ``post``.
        ablate: score it without each input that may be missing, too.

    Raises:
        ConfigError: the project has no evaluation set. DeviceError: the device is not at hand.
    """
    project, root = load_project(project_path)
    if project.data.evaluation is None:
        raise ConfigError("[data.evaluation]", "missing", fix="add [data.evaluation] to the project file")
    target = find_target(bundle.manifest.target, root)
    cache, part = default_cache(), bundle.manifest.parts[0]
    specs, rule = input_specs(part.signature), project.data.label_rule
    samples = load_samples(project.data.evaluation, specs, root, cache, "evaluation", rule, bundle.read)
    for told in samples.notes:
        say(f"evaluation: {told}")
    profile, scorer = find_profile(bundle.manifest.profile, root), load_scorer(project.data.score, root, cache)
    rules = _Rules(project, scorer, profile.judging.accuracy_confidence, part.signature)
    opened = open_device(target, device)
    with Bench(opened, bundle.manifest.lineage.tools) as bench:
        running = _Running(bundle, part, target, bench)
        outputs = running.outputs(samples)
        missing = ablations(part.signature, samples) if ablate else ()
        without = {names: running.outputs(samples.without(*names)) for names in missing}
    if keep is not None:
        answers = {p: rules.post.answers(values) for p, values in outputs.items()}
        save_arrays(keep, {f"{p}/{n}": value for p, named in answers.items() for n, value in named.items()})
    found = [_evaluated(rules, variant, samples, outputs, without) for variant in part.variants]
    for each in found:
        if each.same_data:
            _record(bundle, part, each, opened.identity, twin="float32" in outputs)
    return found


def _evaluated(
    rules: _Rules, variant: Variant, samples: Samples, outputs: Outputs, without: Mapping[tuple[str, ...], Outputs]
) -> Evaluated:
    own = outputs[variant.precision]
    found = rules.quality(samples, own, outputs.get("float32"))
    ablated = []
    for names, others in without.items():
        left = samples.without(*names)
        scored = rules.quality(left, others[variant.precision], others.get("float32"))
        ablated.append(Ablated(names, scored, _gain(rules, samples, own, others[variant.precision])))
    same = variant.quality is not None and variant.quality.dataset == found.dataset
    return Evaluated(variant, found, same, rules.post.seconds(rules.post.chosen(own)), tuple(ablated))


def _gain(rules: _Rules, samples: Samples, own: list[Array], fewer: list[Array]) -> Gain | None:
    """What a variant wins with all its inputs, where the metric counts samples."""
    return gain(rules.quality(samples, own, fewer)) if QUALITY_METRICS[rules.project.data.metric].paired else None


def _record(bundle: Bundle, part: Part, each: Evaluated, device: str, *, twin: bool) -> None:
    named, at = {"part": part.name, "precision": each.variant.precision, "device": device}, now()
    dense = bundle.manifest.compression is None
    found: list[Payload] = []
    if twin and dense:
        found.append(VariantQuality.model_validate(named | {"quality": each.quality}))
    for one in each.ablated:
        quality = one.quality if dense else one.quality.model_copy(update=_NO_TWIN)
        counted = {} if one.gain is None else {"won": one.gain.won, "lost": one.gain.lost}
        found.append(Ablation.model_validate(named | {"missing": one.missing, "quality": quality} | counted))
    for payload in found:
        append(bundle, record_of(bundle.digest, payload, at, {"edgebuild": __version__}))
