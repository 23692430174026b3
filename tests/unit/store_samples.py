"""Small bundles and records that the tests of the store are made from."""

from __future__ import annotations

from edgebuild.core.artifact import Golden, Lineage, Manifest, ModelFile, Part, Variant
from edgebuild.core.digest import digest_bytes
from edgebuild.core.signature import Signature, TensorSpec

SIGNATURE = Signature(inputs=(TensorSpec(name="x", shape=(1, 4)),), outputs=(TensorSpec(name="y", shape=(1, 2)),))
FILES = {"model.onnx": b"weights " * 100, "golden.npz": b"golden vectors", "int8/model.onnx": b"w" * 50}


def manifest_for(files: dict[str, bytes], **changes: object) -> Manifest:
    """A manifest that lists some files; the first that isn't golden.npz is the model."""
    listed = tuple(ModelFile(name=name, sha256=digest_bytes(data), size=len(data)) for name, data in files.items())
    models = tuple(file for file in listed if file.name != "golden.npz")
    fields: dict[str, object] = {
        "name": "sample",
        "target": "host-onnxruntime",
        "target_digest": digest_bytes(b"target"),
        "profile": "default",
        "profile_digest": digest_bytes(b"profile"),
        "parts": (
            Part(runtime="onnxruntime", signature=SIGNATURE, variants=(Variant(precision="float32", files=models),)),
        ),
        "golden": Golden(source="synthetic", samples=1, tolerance={"float32": 1e-4}),
        "lineage": Lineage(edgebuild="0.1.0", model=digest_bytes(b"m"), project=digest_bytes(b"p")),
        "files": listed,
    }
    return Manifest.model_validate(fields | changes)
