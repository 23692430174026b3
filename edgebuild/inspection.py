"""Looking into a bundle or a model file: signature, size, operators, where each came from, what stayed float."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgebuild.backends import backend_names, find_backend
from edgebuild.backends.base import Files
from edgebuild.backends.origins import self_origins
from edgebuild.core.artifact import Artifact, Placement, Variant
from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import ModelSource
from edgebuild.core.target import Target
from edgebuild.store.bundle import Bundle, open_bundle
from edgebuild.store.cache import default_cache
from edgebuild.store.files import near_names

_MODELS = (".onnx", ".tflite", ".pt2")


@dataclass(frozen=True)
class Inspected:
    """What was found: one artifact a variant, and for a target the operators that it does not take.

    ``refused`` maps an artifact's position to the operators that the target's file lists as unsupported;
    ``placements``, to where its operators run: on the target, or on the accelerator that it was compiled for, or None.
    """

    subject: str
    artifacts: tuple[Artifact, ...]
    bundle: Bundle | None = None
    refused: tuple[tuple[str, ...], ...] = ()
    placements: tuple[Placement | None, ...] = ()
    target: Target | None = None


def inspect(path: Path, target: Target | None = None) -> Inspected:
    """Look into a bundle, or into an ``.onnx``, ``.tflite`` or ``.pt2`` file.

    Raises:
        ConfigError: it is neither. BundleError: a broken bundle.
    """
    if path.is_file() and path.suffix in _MODELS:
        artifact, files = _read_model(path)
        artifacts: tuple[Artifact, ...] = (artifact,)
        placed = _placed(files, artifact, target)
        return Inspected(path.name, artifacts, None, _refused(artifacts, target), (placed,), target)
    if not path.exists() or path.suffix in (".pt", ".pth", ".th", ".safetensors"):
        expected, fix = "a bundle, or an .onnx, .tflite or .pt2 file", "" if path.exists() else near_names(path)
        raise ConfigError(str(path), "no bundle or model", expected=expected, fix=fix)
    bundle = open_bundle(path)
    variants = [variant for part in bundle.manifest.parts for variant in part.variants]
    artifacts = tuple(
        Artifact.model_validate_json(bundle.read(f"{Path(variant.files[0].name).parent.as_posix()}/artifact.json"))
        for variant in variants
    )
    placements = tuple(
        _placed_there(bundle, variant, artifact, target) for variant, artifact in zip(variants, artifacts, strict=True)
    )
    return Inspected(bundle.manifest.name, artifacts, bundle, _refused(artifacts, target), placements, target)


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


def _read_model(path: Path) -> tuple[Artifact, Files]:
    """What is in a file, and the files of the runtime's model that a build would begin with."""
    from edgebuild.models.foreign import ForeignModel
    from edgebuild.models.load import load_model

    model = load_model(ModelSource(source=path.name), path.resolve().parent, default_cache())
    data = path.read_bytes()
    file = {"name": "model" + path.suffix, "sha256": digest_bytes(data), "size": len(data)}
    value = {"precision": "as-is", "files": [file], "signature": model.signature}
    if not isinstance(model, ForeignModel):
        from edgebuild.core.origin import OriginMap, RuntimeOp

        ops = tuple(RuntimeOp(name=n.id, kind=n.operator, compute=True, origins=(n.id,)) for n in model.nodes)
        made = Artifact.model_validate({**value, "runtime": "torch"})
        return made.model_copy(update={"origins": OriginMap(nodes=model.nodes, ops=ops)}), {}
    runtime = next(name for name in backend_names() if (model.kind,) == find_backend(name).FOREIGN)
    made = Artifact.model_validate({**value, "runtime": runtime})
    files = find_backend(runtime).adopt(model.kind, model.data, model.signature).files
    return made.model_copy(update={"origins": self_origins(find_backend(runtime).operators(files))}), files


def _refused(artifacts: tuple[Artifact, ...], target: Target | None) -> tuple[tuple[str, ...], ...]:
    if target is None:
        return ()
    unsupported = set(target.operators.unsupported)
    return tuple(
        tuple(f"{op.kind} {op.name}: {a.origins.describe(op)}" for op in a.origins.ops if op.kind in unsupported)
        for a in artifacts
    )
