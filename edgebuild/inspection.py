"""Looking into a bundle or a model: signature, operators, where each came from, what stayed float, what runs where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.backends import backend_names, find_backend
from edgebuild.backends.base import Files
from edgebuild.backends.origins import self_origins
from edgebuild.core.artifact import Artifact, Placement, Variant
from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import Build, ModelSource, Project
from edgebuild.core.signature import Signature
from edgebuild.core.target import Target
from edgebuild.models.ports import ASSUMED, assumed_inputs
from edgebuild.pipeline.stage import Progress, silent
from edgebuild.store.bundle import Bundle, open_bundle
from edgebuild.store.cache import default_cache
from edgebuild.store.files import near_names
from edgebuild.store.toml import PROJECT_FILE, load_project

if TYPE_CHECKING:
    from edgebuild.models.graph import TorchModel

_MODELS = (".onnx", ".tflite", ".pt2")


@dataclass(frozen=True)
class Inspected:
    """What was found: one artifact a variant, and for a target the operators that it does not take.

    ``refused`` maps an artifact's position to the operators that the target's file lists as unsupported;
    ``placements``, to where its operators run: on the target, or on the accelerator that it was compiled for, or None.
    ``parts`` names the part of each artifact, in a bundle or project of several; ``targets``, what each is for, where
    parts of a project that is not built are meant for different ones. ``assumed``: how long axes that the file leaves
    open were taken to be; 0: it leaves none.
    """

    subject: str
    artifacts: tuple[Artifact, ...]
    bundle: Bundle | None = None
    refused: tuple[tuple[str, ...], ...] = ()
    placements: tuple[Placement | None, ...] = ()
    target: Target | None = None
    rehearsed: bool = False
    parts: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    assumed: int = 0

    def target_of(self, index: int) -> Target | None:
        """What an artifact is for."""
        return self.targets[index] if self.targets else self.target


def inspect(path: Path, target: Target | None = None, progress: Progress = silent) -> Inspected:
    """Look into a bundle, a project, or an ``.onnx``, ``.tflite`` or ``.pt2`` file.

    Of a model that is not built yet, a target is shown what a build would give it: made from made-up samples.

    Raises:
        ConfigError: it is none of these. BundleError: a broken bundle. BuildError: the target can't get the model.
    """
    if path.is_file() and path.suffix in _MODELS:
        inputs = assumed_inputs(path)
        model = ModelSource(source=path.name, inputs=inputs)
        found = _inspect_model(path.name, model, path.resolve().parent, target, progress)
        return replace(found, assumed=ASSUMED if inputs else 0)
    if path.suffix == ".toml" or (path / PROJECT_FILE).is_file():
        project, root = load_project(path)
        if project.parts:
            return _inspect_parts(project, root, target, progress)
        return _inspect_model(project.name, project.model, root, target, progress)
    if not path.exists() or path.suffix in (".pt", ".pth", ".th", ".safetensors"):
        expected = "a bundle, a project, or an .onnx, .tflite or .pt2 file"
        raise ConfigError(
            str(path), "no bundle or model", expected=expected, fix="" if path.exists() else near_names(path)
        )
    bundle = open_bundle(path)
    parts = [part for part in bundle.manifest.parts if not part.is_chain]
    names = tuple(part.name for part in parts for _ in part.variants) if len(parts) > 1 else ()
    variants = [variant for part in parts for variant in part.variants]
    artifacts = tuple(
        Artifact.model_validate_json(bundle.read(f"{Path(variant.files[0].name).parent.as_posix()}/artifact.json"))
        for variant in variants
    )
    placements = tuple(
        _placed_there(bundle, variant, artifact, target) for variant, artifact in zip(variants, artifacts, strict=True)
    )
    return Inspected(
        bundle.manifest.name, artifacts, bundle, _refused(artifacts, target), placements, target, parts=names
    )


def _placed_there(bundle: Bundle, variant: Variant, artifact: Artifact, target: Target | None) -> Placement | None:
    """Where a variant's operators run: on the bundle's own target as it was built, on another one as ``place`` says."""
    if target is None or target.name == bundle.manifest.target:
        return variant.compilation.placement if variant.compilation else None
    return _placed({Path(file.name).name: bundle.read(file.name) for file in variant.files}, artifact, target)


def _placed(files: Files, artifact: Artifact, target: Target | None) -> Placement | None:
    """Where a model's operators run on a target; None where that is not known, or the target takes other models."""
    from edgebuild.placing import place

    if target is None or target.runtime != artifact.runtime:
        return None
    return place(target, find_backend(artifact.runtime), files)


def _inspect_model(
    subject: str, source: ModelSource, root: Path, target: Target | None, progress: Progress
) -> Inspected:
    made = target is not None and _is_made_for(target, source.source)
    artifact, files = _rehearsed(source, root, target, progress) if target and made else _read_model(source, root)
    placed, artifacts = _placed(files, artifact, target), (artifact,)
    rehearsed = made and artifact.precision != "as-is"
    return Inspected(subject, artifacts, None, _refused(artifacts, target), (placed,), target, rehearsed)


def _inspect_parts(project: Project, root: Path, target: Target | None, progress: Progress) -> Inspected:
    """Each part as a model of its own, for the target that it is meant for, and whether what they hand on fits."""
    from edgebuild.pipeline.parts import refuse_undeclared, refuse_unfit, target_of

    wiring, declared, found = project.wiring, project.parts, dict[str, Inspected]()
    signatures: dict[str, Signature] = {}
    targets = tuple(target_of(name, declared[name], root, target) for name in wiring.order) if target else ()
    for name, own in zip(wiring.order, targets or (None,) * len(wiring.order), strict=True):
        if own is None:  # a runtime may have other types than are declared
            refuse_undeclared(wiring, declared, name, signatures)
        found[name] = _inspect_model(name, declared[name].model_source, root, own, progress)
        signatures[name] = found[name].artifacts[0].signature
    refuse_unfit(wiring, signatures)
    each = found.values()
    return Inspected(
        project.name, tuple(one.artifacts[0] for one in each), None,
        tuple(refused for one in each for refused in one.refused),
        tuple(placed for one in each for placed in one.placements), target,
        any(one.rehearsed for one in each), wiring.order, targets,
    )  # fmt: skip


def _is_made_for(target: Target, source: str) -> bool:
    """Whether a build makes another model for the target first: of a foreign file, what its accelerator takes."""
    kind = Path(source).suffix.removeprefix(".")
    if kind not in ("onnx", "tflite"):
        return True
    return kind in find_backend(target.runtime).FOREIGN and target.has_accelerator


def _rehearsed(source: ModelSource, root: Path, target: Target, progress: Progress) -> tuple[Artifact, Files]:
    from edgebuild.pipeline.rehearsal import rehearse

    return rehearse(
        Project(name="inspected", model=source, build=Build(targets=(target.name,))), root, target, progress
    )


def _read_model(source: ModelSource, root: Path) -> tuple[Artifact, Files]:
    """What is in a model, and the files of the runtime's model that a build would begin with."""
    from edgebuild.models.foreign import ForeignModel
    from edgebuild.models.load import load_model

    model = load_model(source, root, default_cache())
    if not isinstance(model, ForeignModel):
        return _torch_artifact(model, root / source.source), {}
    runtime = next(name for name in backend_names() if (model.kind,) == find_backend(name).FOREIGN)
    made = _as_it_is(runtime, model.signature, f"model.{model.kind}", model.data)
    files = find_backend(runtime).adopt(model.kind, model.data, model.signature).files
    return made.model_copy(update={"origins": self_origins(find_backend(runtime).operators(files))}), files


def _torch_artifact(model: TorchModel, path: Path) -> Artifact:
    from edgebuild.core.origin import OriginMap, RuntimeOp

    ops = tuple(RuntimeOp(name=n.id, kind=n.operator, compute=True, origins=(n.id,)) for n in model.nodes)
    made = _as_it_is("torch", model.signature, "model.pt2", path.read_bytes() if path.is_file() else b"")
    return made.model_copy(update={"origins": OriginMap(nodes=model.nodes, ops=ops)})


def _as_it_is(runtime: str, signature: Signature, name: str, data: bytes) -> Artifact:
    file = {"name": name, "sha256": digest_bytes(data), "size": len(data)}
    value = {"runtime": runtime, "precision": "as-is", "files": [file] if data else [], "signature": signature}
    return Artifact.model_validate(value)


def _refused(artifacts: tuple[Artifact, ...], target: Target | None) -> tuple[tuple[str, ...], ...]:
    if target is None:
        return ()
    unsupported = set(target.operators.unsupported)
    return tuple(
        tuple(f"{op.kind} {op.name}: {a.origins.describe(op)}" for op in a.origins.ops if op.kind in unsupported)
        for a in artifacts
    )
