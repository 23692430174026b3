"""From offers to a bundle: files, golden vectors, manifest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild import __version__
from edgebuild.backends import find_backend
from edgebuild.core.array import np
from edgebuild.core.artifact import (
    Artifact,
    Golden,
    Lineage,
    Manifest,
    ModelFile,
    Parity,
    Part,
    Quality,
    Rejected,
    Speed,
    Variant,
)
from edgebuild.core.compression import Compression
from edgebuild.core.digest import Digest, Json, digest_bytes, digest_json
from edgebuild.core.input_check import Suspicion
from edgebuild.core.postprocess import PostStep
from edgebuild.core.project import Project
from edgebuild.core.signature import Signature
from edgebuild.core.target import Target
from edgebuild.pipeline.buckets import bucket_of
from edgebuild.pipeline.compress_stage import Compressed
from edgebuild.pipeline.float_stages import Converted, load_outputs
from edgebuild.pipeline.golden import FLOAT_TOLERANCE, before_steps, golden_file
from edgebuild.pipeline.material import Material
from edgebuild.pipeline.scoring import here
from edgebuild.pipeline.sources import Sets
from edgebuild.pipeline.stage import Stage, cpu_digest
from edgebuild.store.archive import LIMITS
from edgebuild.store.bundle import Bundle, find_bundle, write_bundle
from edgebuild.store.entry import Entry
from edgebuild.store.installed import installed_version
from edgebuild.store.manifest import manifest_bytes, parse_manifest
from edgebuild.store.packing import MANIFEST

if TYPE_CHECKING:
    from edgebuild.pipeline.compile_stage import CompiledModel


@dataclass(frozen=True)
class Offer:
    """A variant of the bundle to be."""

    converted: Converted
    artifact: Artifact
    quality: Quality | None = None
    speed: Speed | None = None
    setting: str = ""
    note: str = ""
    parity: Parity | None = None
    compiled: CompiledModel | None = None

    @property
    def digest(self) -> Digest:
        """Of all that the bundle will say of it."""
        told = (self.artifact, self.quality, self.speed, self.parity)
        parts: list[Json] = [digest_json(one) if one else None for one in told]
        compiled = digest_json(self.compiled.record("compiled")) if self.compiled else None
        return digest_json([self.converted.entry.content, self.setting, self.note, compiled, *parts])

    def because(self, note: str, speed: Speed | None) -> Offer:
        """The same offer with the reason it is made."""
        return dataclasses.replace(self, note=note, speed=speed)


def package(
    shared: Material, target: Target, place: Path, offers: list[Offer], rejected: list[Rejected], archive: bool
) -> Bundle:
    """Write the bundle of some offers, the preferred one first. An identical one is left as it is."""
    stage = Stage(
        "package",
        ("pipeline/package.py", "pipeline/golden.py", "pipeline/buckets.py", "store/manifest.py", "models/assets.py"),
        ("numpy",),
    )
    lineage = _lineage(shared, target)
    inputs: dict[str, Json] = {
        "name": shared.road.project.name,
        "known_as": list(shared.road.project.known_as),
        "target": digest_json(target),
        "profile": digest_json(shared.road.profile),
        "offers": [offer.digest for offer in offers],
        "rejected": [digest_json(one) for one in rejected],
        "golden": [shared.golden.digest, shared.road.project.build.golden],
        "answers": [answers_of(shared, target, offer).content for offer in offers],
        "lineage": digest_json(lineage),
        "compression": digest_json(record) if (record := _compression(shared)) else None,
        "budgets": dict(_budgets(shared, target)),
        "suspicions": [digest_json(one) for one in _suspicions(shared)],
        "post": _post(shared),
    }

    def make(folder: Path) -> None:
        contents = _contents(shared, target, offers)
        manifest = _manifest(shared, target, offers, rejected, lineage, contents)
        for name, data in {**contents.files, MANIFEST: manifest_bytes(manifest)}.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)

    entry = shared.road.step(stage, target.name, inputs, make)
    present = find_bundle(place, entry.files[MANIFEST], archive)
    if present is not None:
        return present
    manifest = parse_manifest(str(place), entry.read(MANIFEST), LIMITS)
    return write_bundle(place, {name: entry.read(name) for name in entry.files if name != MANIFEST}, manifest, archive)


@dataclass(frozen=True)
class _Contents:
    files: dict[str, bytes]
    golden: Golden


def _contents(shared: Material, target: Target, offers: list[Offer]) -> _Contents:
    from edgebuild.models.assets import shipped

    files: dict[str, bytes] = {}
    for offer in offers:
        folder = offer.artifact.precision
        made = {**offer.converted.files, **(offer.compiled.files if offer.compiled else {})}
        files |= {f"{folder}/{name}": data for name, data in made.items()}
        files[f"{folder}/artifact.json"] = offer.artifact.model_dump_json(indent=1).encode()
    golden_bytes, golden = _golden(shared, target, offers)
    assets = shipped(_part_signature(offers), shared.road.project.model, shared.road.root)
    return _Contents({**files, **assets, golden.file: golden_bytes}, golden)


def _manifest(
    shared: Material, target: Target, offers: list[Offer], rejected: list[Rejected], lineage: Lineage,
    contents: _Contents,
) -> Manifest:  # fmt: skip
    signature = _part_signature(offers)
    post = shared.road.project.model.post
    variants = tuple(_answering(_variant(offer, signature), post) for offer in offers)
    return Manifest(
        name=shared.road.project.name,
        known_as=shared.road.project.known_as,
        target=target.name,
        target_digest=digest_json(target),
        profile=shared.road.profile.name,
        profile_digest=digest_json(shared.road.profile),
        parts=(Part(runtime=target.runtime, signature=_with(signature, post), variants=variants),),
        golden=contents.golden,
        lineage=lineage,
        compression=_compression(shared),
        budgets=_budgets(shared, target),
        rejected=tuple(rejected),
        suspicions=_suspicions(shared),
        files=tuple(listed(name, data) for name, data in sorted(contents.files.items())),
    )


def _post(shared: Material) -> Json:
    return [step.model_dump(mode="json") for step in shared.road.project.model.post]


def _with(signature: Signature, post: tuple[PostStep, ...]) -> Signature:
    return signature.model_copy(update={"answer": post})


def _answering(variant: Variant, post: tuple[PostStep, ...]) -> Variant:
    if variant.signature is None:
        return variant
    return variant.model_copy(update={"signature": _with(variant.signature, post)})


def _compression(shared: Material) -> Compression | None:
    return shared.source.record if isinstance(shared.source, Compressed) else None


def _suspicions(shared: Material) -> tuple[Suspicion, ...]:
    return shared.inputs.suspicions if shared.inputs else ()


def _budgets(shared: Material, target: Target) -> dict[str, float]:
    return {budget.metric: budget.limit for budget in shared.road.project.budgets_for(target.name)}


def listed(name: str, data: bytes) -> ModelFile:
    """A file as a manifest lists it."""
    return ModelFile(name=name, sha256=digest_bytes(data), size=len(data))


def _part_signature(offers: list[Offer]) -> Signature:
    """The float offer's where there is one, else the only one's."""
    exact = [offer for offer in offers if offer.artifact.precision == "float32"]
    return (exact or offers)[-1].converted.signature


def _variant(offer: Offer, part_signature: Signature) -> Variant:
    own, folder = offer.converted.signature, offer.artifact.precision
    return Variant(
        precision=offer.artifact.precision,
        bucket=bucket_of(part_signature),
        files=tuple(file.model_copy(update={"name": f"{folder}/{file.name}"}) for file in offer.artifact.files),
        signature=None if own == part_signature else own,
        setting=offer.setting,
        parity=offer.parity,
        quality=offer.quality,
        speed=offer.speed,
        note=offer.note,
        compilation=offer.compiled.record(folder) if offer.compiled else None,
    )


def _golden(shared: Material, target: Target, offers: list[Offer]) -> tuple[bytes, Golden]:
    from edgebuild.models.samples import input_specs, prepare_inputs, steps_of

    signature = _part_signature(offers)
    expected: dict[str, list[np.ndarray]] = {}
    tolerance: dict[str, float] = {}
    for offer in offers:
        precision = offer.artifact.precision
        expected[precision] = outputs = load_outputs(answers_of(shared, target, offer))
        tolerance[precision] = _tolerance(target, precision, outputs)
    inputs: Mapping[str, np.ndarray] = prepare_inputs(shared.golden.samples, signature)
    data = golden_file(inputs, expected, signature, before_steps(shared.golden, shared.sets, signature))
    settings = shared.road.project.build
    steps = steps_of(shared.golden.samples, input_specs(signature))
    count = len(shared.golden.samples)
    return data, Golden(source=settings.golden, samples=count, tolerance=tolerance, steps=steps)


def answers_of(shared: Material, target: Target, offer: Offer) -> Entry:
    """What a variant must answer to the golden inputs: float as the source model does, int8 as here."""
    if offer.artifact.precision == "float32":
        return shared.scorer.reference(shared.golden)
    return shared.scorer.outputs(offer.converted, shared.golden, here(target))


def _tolerance(target: Target, precision: str, outputs: list[np.ndarray]) -> float:
    """How far an answer may be off: one step of 8-bit integers; one of 16 bits is less than float is given."""
    wide = precision == "int8" and target.int8 is not None and target.int8.activation_bits == 16
    return FLOAT_TOLERANCE if precision == "float32" or wide else _one_step(outputs)


def _one_step(outputs: list[np.ndarray]) -> float:
    """One step of an output's grid of at most 256 levels, as a share of the range that it really took."""
    shares = [FLOAT_TOLERANCE]
    for value in outputs:
        levels = np.unique(value)
        width = float(np.ptp(value)) if value.size else 0.0
        if 1 < levels.size <= 256 and width > 0:
            shares.append(1.01 * float(np.diff(levels.astype(np.float64)).min()) / width)
    return min(max(shares), 1.0)


def _compilers_tools(target: Target) -> tuple[str, ...]:
    if target.compiler is None:
        return ()
    from edgebuild.compilers import find_compiler

    return find_compiler(target.compiler.name).DISTRIBUTIONS


def _lineage(shared: Material, target: Target) -> Lineage:
    tools = sorted({*find_backend(target.runtime).DISTRIBUTIONS, *_compilers_tools(target), "numpy"})
    versions = {tool: installed_version(tool) for tool in tools}
    return lineage_of((shared.dense or shared.source).digest, shared.road.project, shared.sets, versions)


def lineage_of(model: Digest, project: Project, sets: Sets, tools: dict[str, str]) -> Lineage:
    """What a bundle is made from, on this machine."""
    return Lineage(
        edgebuild=__version__,
        model=model,
        project=digest_json(project),
        calibration=sets.calibration.digest if sets.calibration else None,
        selection=sets.selection.digest if sets.selection else None,
        evaluation=sets.evaluation.digest if sets.evaluation else None,
        tools=tools,
        cpu_features=cpu_digest(),
    )
