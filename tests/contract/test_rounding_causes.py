"""Golden answers that a device misses by more than a step: rounding on an older runtime, or a layer that is broken."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from test_cut import OPTIONS, int8_case

from edgebuild.backends.base import Exported
from edgebuild.bench.bench import Bench
from edgebuild.bench.given import Files, Given
from edgebuild.core.array import Array
from edgebuild.core.artifact import Golden, Lineage, Manifest, ModelFile, Part, Variant
from edgebuild.core.device import DeviceEntry
from edgebuild.core.digest import digest_bytes
from edgebuild.core.target import RuntimeOptions, Target
from edgebuild.devices.transports.local import open_local
from edgebuild.golden import compare
from edgebuild.steps.preprocess import apply_steps
from edgebuild.store.bundle import Bundle, write_bundle
from edgebuild.store.catalog import find_target

NOTHING = {"int8": 1e-9}
"""A tolerance that every difference is more than."""


class Faulty(Bench):
    """A device on which one constant of every model is another."""

    swap: tuple[bytes, bytes]

    def infer(
        self, runtime: str, files: Files, inputs: Given, options: RuntimeOptions, outputs: Sequence[str] = ()
    ) -> list[Array]:
        assert all(data.count(self.swap[0]) == 1 for data in files.values())
        swapped = {name: data.replace(*self.swap) for name, data in files.items()}
        return super().infer(runtime, swapped, inputs, options, outputs)


def bundle_of(
    folder: Path, runtime: str, made: Exported, inputs: Mapping[str, Array], expected: Sequence[Array]
) -> Bundle:
    """One int8 variant with its golden vectors."""
    golden, signature = io.BytesIO(), made.signature
    arrays = {f"input/{name}": value for name, value in inputs.items()}
    for spec, value in zip(signature.outputs, expected, strict=True):
        arrays[f"expected/int8/{spec.name}"] = apply_steps(value, signature.post.get(spec.name, ()))
    np.savez(golden, **arrays)
    files = {f"int8/{name}": data for name, data in made.files.items()} | {"golden.npz": golden.getvalue()}
    listed = {name: ModelFile(name=name, sha256=digest_bytes(data), size=len(data)) for name, data in files.items()}
    variant = Variant(precision="int8", files=tuple(one for name, one in listed.items() if name != "golden.npz"))
    count = len(next(iter(inputs.values())))
    manifest = Manifest(
        name="small", target="host", target_digest="0" * 64, profile="p", profile_digest="0" * 64,
        parts=(Part(runtime=runtime, signature=signature, variants=(variant,)),),
        golden=Golden(source="synthetic", samples=count, tolerance=NOTHING),
        lineage=Lineage(edgebuild="0", model="0" * 64, project="0" * 64), files=tuple(listed.values()),
    )  # fmt: skip
    return write_bundle(folder / "b", files, manifest)


def compared(bundle: Bundle, bench: Bench, target: Target) -> tuple[bool, str]:
    part = bundle.manifest.parts[0]
    with bench:
        return compare(bundle, part, part.variants[0], bench, target)


def answers(runtime: str, made: Exported, inputs: Mapping[str, Array]) -> list[Array]:
    with Bench(open_local()) as bench:
        return bench.infer(runtime, made.files, inputs, OPTIONS, [spec.name for spec in made.signature.outputs])


def test_an_older_runtime_rounds_otherwise_and_no_layer_of_it_is_wrong(tmp_path: Path) -> None:
    python = os.environ.get("EDGEBUILD_TFLITE_RUNTIME_PYTHON")
    if not python:
        pytest.skip("EDGEBUILD_TFLITE_RUNTIME_PYTHON names no interpreter (scripts/tflite_runtime_env makes one)")
    made, few = int8_case("mlp", "litert")
    random = np.random.default_rng(1)
    inputs = {name: random.normal(size=(300, *value.shape[1:])).astype(value.dtype) for name, value in few.items()}
    bundle = bundle_of(tmp_path, "litert", made, inputs, answers("litert", made, inputs))
    older = Bench(open_local(DeviceEntry(name="older", transport="local", python=python)))
    right, why = compared(bundle, older, find_target("host-litert", tmp_path))
    assert right
    assert "rounding that grew" in why
    assert "1 step" in why


def test_a_layer_that_is_broken_on_the_device_is_named(tmp_path: Path) -> None:
    import onnx

    made, inputs = int8_case("plain", "onnxruntime")
    graph = onnx.load_from_string(next(iter(made.files.values()))).graph
    weight = next(tensor for tensor in graph.initializer if list(tensor.dims) == [8, 8, 3, 3])
    negated = (-np.frombuffer(weight.raw_data, np.int8)).tobytes()
    bundle = bundle_of(tmp_path, "onnxruntime", made, inputs, answers("onnxruntime", made, inputs))
    faulty = Faulty(open_local())
    faulty.swap = (weight.raw_data, negated)
    right, why = compared(bundle, faulty, find_target("host-onnxruntime", tmp_path))
    assert not right
    convolution = next(
        node
        for node in graph.node
        if node.input[1:2] == [f"{weight.name.removesuffix('_quantized')}_DequantizeLinear_Output"]
    )
    assert f"a layer is wrong, from the device's own inputs it gives otherwise here: {convolution.output[0]}" in why


def test_where_this_machine_misses_them_too_nothing_is_excused(tmp_path: Path) -> None:
    made, inputs = int8_case("plain", "onnxruntime")
    shifted = [value + np.float32(0.5) for value in answers("onnxruntime", made, inputs)]
    bundle = bundle_of(tmp_path, "onnxruntime", made, inputs, shifted)
    right, why = compared(bundle, Bench(open_local()), find_target("host-onnxruntime", tmp_path))
    assert not right
    assert "this machine does not give the golden answers either" in why
