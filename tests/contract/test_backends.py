"""What every backend found must do, on small networks of many kinds."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from road_by_hand import (
    Walked,
    folded,
    plan_of,
    quantize_steps,
    ranges_of,
    run_really,
    torch_outputs,
    walk_case,
    write_int8,
)
from small_models import CASES

from edgebuild.backends import backend_names, find_backend
from edgebuild.backends.base import Exported
from edgebuild.backends.origins import first_divergence
from edgebuild.bench.bench import Bench
from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.origin import OriginMap
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Dequantize, Transpose
from edgebuild.core.target import Int8Scheme, RuntimeOptions
from edgebuild.devices.transports.local import open_local
from edgebuild.models.graph import export_module
from edgebuild.pipeline.host import int8_scheme
from edgebuild.quant.numerics import sqnr_db
from edgebuild.store.catalog import find_target

RUNTIMES = backend_names()
ACTIVATIONS = {"litert": "s8"}
every_case = pytest.mark.parametrize("case", CASES)
every_runtime = pytest.mark.parametrize("runtime", RUNTIMES)
LAYERS = frozenset(["Conv", "Gemm", "MatMul", "CONV_2D", "FULLY_CONNECTED", "Convolution", "GroupConvolution"])


def scheme_for(runtime: str, **facts: object) -> Int8Scheme:
    """A scheme for this machine."""
    value = {"activation_dtype": ACTIVATIONS.get(runtime, "u8"), **facts}
    scheme = int8_scheme(find_target(f"host-{runtime}").model_copy(update={"int8": Int8Scheme.model_validate(value)}))
    assert scheme is not None
    return scheme


@functools.cache
def int8_of(walked: Walked, case: str, keep: tuple[str, ...] = (), **facts: object) -> tuple[Exported, OriginMap]:
    scheme = scheme_for(walked.runtime, **facts)
    model, plan = plan_of(case, scheme, grid=walked.backend.weight_grid(scheme))
    return write_int8(walked, model, plan, scheme, keep)


@every_runtime
@every_case
def test_float_is_torch(case: str, runtime: str, tmp_path: Path) -> None:
    walked = walk_case(case, runtime)
    wanted = torch_outputs(walked.model, walked.samples)
    given = run_really(runtime, walked.exported, walked.samples, tmp_path)
    assert set(given) == set(CASES[case].outputs)
    for name, value in wanted.items():
        assert given[name].shape == value.shape
        assert np.abs(given[name] - value).max() <= 1e-4 * np.ptp(value)


@every_runtime
@every_case
def test_what_is_seen_inside_hangs_together(case: str, runtime: str) -> None:
    walked = walk_case(case, runtime)
    operators = walked.backend.operators(walked.exported.files)
    seen = next(iter(walked.backend.observe(walked.exported.files, walked.rows(walked.exported.signature)[:1])))
    assert {name for op in operators for name in op.outputs} <= set(seen)
    assert {name for op in operators for name in op.inputs} <= set(seen)
    assert len({op.name for op in operators}) == len(operators)
    wanted = torch_outputs(walked.model, walked.samples)
    for value in wanted.values():
        close = [
            v for v in seen.values() if v.size == value[:1].size and np.allclose(v.ravel(), value[0].ravel(), atol=1e-4)
        ]
        assert close, "the model's output is among the tensors observed"
    assert not walked.backend.is_quantized(walked.exported.files)


@every_runtime
@every_case
def test_origins_reach_every_operator_in_float_and_int8(case: str, runtime: str) -> None:
    walked = walk_case(case, runtime)
    assert walked.origins.coverage() >= 0.95
    known = {node.id for node in walked.model.nodes}
    assert all(set(op.origins) <= known for op in walked.origins.ops)
    assert first_divergence(walked.origins) is None
    made, carried = int8_of(walked, case)
    assert carried.coverage() >= 0.95
    assert walked.backend.is_quantized(made.files)


@every_runtime
@every_case
def test_int8_is_near_float(case: str, runtime: str, tmp_path: Path) -> None:
    walked = walk_case(case, runtime)
    made, _ = int8_of(walked, case)
    wanted = torch_outputs(walked.model, walked.samples)
    given = run_really(runtime, made, walked.samples, tmp_path)
    for name, value in wanted.items():
        found = sqnr_db(value, given[name])
        assert CASES[case].sqnr_db <= found < 100, f"{name}: {found:.1f} dB"


@every_runtime
def test_convolutions_are_attributed_to_their_own_layers(runtime: str) -> None:
    origins = walk_case("residual", runtime).origins
    paths = {node.id: node.module for node in origins.nodes}
    convolutions = [op for op in origins.ops if op.kind in ("Conv", "CONV_2D", "Convolution")]
    found = [next(paths[i] for i in op.origins if "conv" in i) for op in convolutions]
    assert len(convolutions) == 6
    assert sorted(found) == ["body.0.0", "body.1.0", "down.0.0", "down.1.0", "skip.0", "stem.0"]


@every_runtime
def test_signature_says_how_the_file_is_called(runtime: str) -> None:
    signature = walk_case("two_by_two", runtime).exported.signature
    image, sound = signature.inputs
    if runtime == "litert":
        assert (image.shape, image.layout) == ((1, 12, 12, 3), "NHWC")
        assert signature.pre == {"image": (Transpose(order=(0, 2, 3, 1)),)}
    else:
        assert (image.shape, image.layout, signature.pre) == ((1, 3, 12, 12), "NCHW", {})
    assert (image.name, sound.name, sound.shape) == ("image", "sound", (1, 6))
    assert [(s.name, s.shape) for s in signature.outputs] == [("scores", (1, 5)), ("other", (1, 2))]
    words = walk_case("words", runtime).exported.signature.inputs[0]
    assert words.dtype == ("int32" if runtime == "litert" else "int64")


@every_runtime
def test_a_layer_that_is_kept_float_is_named_and_the_others_are_not(runtime: str, tmp_path: Path) -> None:
    walked = walk_case("plain", runtime)
    layers = [op for op in walked.origins.ops if op.kind in LAYERS]
    all_int8, _ = int8_of(walked, "plain")
    assert not {op.kind for op in walked.backend.float_operators(all_int8.files)} & LAYERS
    made, _ = int8_of(walked, "plain", keep=(layers[1].name,))
    floats = walked.backend.float_operators(made.files)
    assert [op.name for op in floats if op.kind in LAYERS] == [layers[1].name]
    assert made.files != all_int8.files
    wanted = torch_outputs(walked.model, walked.samples)["scores"]
    given = run_really(runtime, made, walked.samples, tmp_path)["scores"]
    assert sqnr_db(wanted, given) > 30


@every_runtime
def test_weights_have_the_schemes_granularity(runtime: str) -> None:
    walked = walk_case("plain", runtime)
    channels, _ = int8_of(walked, "plain", dot_product="vnni")
    tensors, _ = int8_of(walked, "plain", weight_granularity="per_tensor", dot_product="vnni")
    assert sorted(scales for _, scales in integer_weights(runtime, channels)) == [5, 8, 8]
    assert sorted(scales for _, scales in integer_weights(runtime, tensors)) == [1, 1, 1]
    assert max(int(np.abs(w.astype(int)).max()) for w, _ in integer_weights(runtime, channels)) == 127


@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name != "litert"])
def test_weights_are_7_bit_where_products_saturate(runtime: str, tmp_path: Path) -> None:
    walked = walk_case("plain", runtime)
    made, _ = int8_of(walked, "plain", dot_product="saturating")
    weights = integer_weights(runtime, made)
    assert len(weights) == 3
    assert all(32 < np.abs(w.astype(int)).max() <= 64 for w, _ in weights)
    grid = walked.backend.weight_grid(scheme_for(runtime, dot_product="saturating"))
    assert {int(np.abs(w.astype(int)).max()) for w, _ in weights} <= {int(grid.steps), round(grid.steps)}
    given = run_really(runtime, made, walked.samples, tmp_path)["scores"]
    assert sqnr_db(torch_outputs(walked.model, walked.samples)["scores"], given) > 25


def test_another_devices_int8_is_not_clipped_here(tmp_path: Path) -> None:
    """Also where this processor's own way of summing would: without VNNI, the default gives 6 dB here."""
    walked = walk_case("attention", "onnxruntime")
    made, _ = int8_of(walked, "attention", activation_dtype="s8", dot_product="dotprod")
    wanted = torch_outputs(walked.model, walked.samples)["scores"]
    given = run_really("onnxruntime", made, walked.samples, tmp_path)["scores"]
    assert sqnr_db(wanted, given) > 15


def test_litert_refuses_7_bit_weights() -> None:
    walked = walk_case("plain", "litert")
    with pytest.raises(BuildError, match="saturating"):
        walked.backend.quantize(walked.exported, {}, (), scheme_for("litert", dot_product="saturating"))


def integer_weights(runtime: str, made: Exported) -> list[tuple[np.ndarray, int]]:
    """Stored int8 weights of at least two axes, each with how many scales it has."""
    data = next(iter(made.files.values()))
    if runtime == "onnxruntime":
        import onnx
        from onnx import numpy_helper

        graph = onnx.load_from_string(data).graph
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        reads = [n.input for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in stored]
        return [(stored[i[0]], stored[i[1]].size) for i in reads if stored[i[0]].ndim > 1]
    if runtime == "litert":
        from edgebuild.backends.litert.flatbuffer import read

        model = read(data)
        tensors = [(t, model.buffers[t.buffer].data) for t in model.subgraphs[0].tensors if t.shape is not None]
        kept = [(t, d) for t, d in tensors if t.type == 9 and d is not None and len(d) and len(t.shape) > 1]
        return [(np.frombuffer(bytes(d), np.int8), len(t.quantization.scale)) for t, d in kept]
    from edgebuild.backends.openvino.export import from_files

    found = []
    for op in from_files(made.files).get_ordered_ops():
        if op.get_type_name() == "Multiply" and op.input_value(0).get_node().get_type_name() == "Convert":
            weight = op.input_value(0).get_node().input_value(0).get_node()
            found.append((weight.data, int(op.input_value(1).get_node().data.size)))
    return found


def test_full_integer_models_take_and_give_integers(tmp_path: Path) -> None:
    walked = walk_case("plain", "litert")
    made, _ = int8_of(walked, "plain", io="int8", full_integer=True)
    signature = made.signature
    assert quantize_steps(signature) == ["image"]
    assert isinstance(signature.post["scores"][0], Dequantize)
    assert {spec.dtype for spec in (*signature.inputs, *signature.outputs)} == {"int8"}
    assert walked.backend.float_operators(made.files) == ()
    wanted = torch_outputs(walked.model, walked.samples)["scores"]
    assert sqnr_db(wanted, run_really("litert", made, walked.samples, tmp_path)["scores"]) > 25


@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name != "litert"])
@pytest.mark.parametrize("facts", [{"io": "int8"}, {"full_integer": True}])
def test_integers_at_the_boundary_are_refused(runtime: str, facts: dict[str, object]) -> None:
    walked = walk_case("plain", runtime)
    with pytest.raises(BuildError, match="float inputs and outputs"):
        walked.backend.quantize(walked.exported, {}, (), scheme_for(runtime, **facts))


def test_an_unknown_runtime_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="litert, onnxruntime, openvino"):
        find_backend("tensorrt")


class Rare(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.igamma(x.abs(), x.abs() + 1)


@every_runtime
def test_an_operator_that_cannot_be_converted_is_named(runtime: str) -> None:
    model = export_module(Rare(), {"x": InputSpec(shape=(1, 4))})
    with pytest.raises(BuildError, match="igamma") as caught:
        find_backend(runtime).export(model)
    assert "\x1b" not in caught.value.message


class Sorted(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sort(x).values


def test_a_file_that_litert_itself_cannot_load_is_refused() -> None:
    with pytest.raises(BuildError, match="STABLEHLO_SORT"):
        find_backend("litert").export(export_module(Sorted(), {"x": InputSpec(shape=(1, 4))}))


def all_digests(case: str) -> dict[str, str]:
    """Of every file that every backend writes of a case, float and int8; fresh, from no cache of this process."""
    found = {}
    for runtime in RUNTIMES:
        walked, scheme = walk_case(case, runtime), scheme_for(runtime)
        model, plan = plan_of(case, scheme)
        exported = walked.backend.export(model)
        made = walked.backend.quantize(exported, ranges_of(walked, exported, plan), (), scheme)
        for kind, files in (("float", exported.files), ("int8", made.files)):
            found |= {f"{runtime} {kind} {name}": digest_bytes(data) for name, data in files.items()}
    return found


def test_bytes_are_the_same_again_and_in_another_process_and_folder(tmp_path: Path) -> None:
    """Of a transformer; test_build_determinism.py does it with a convolutional net's whole bundles."""
    here = all_digests("attention")
    assert all_digests("attention") == here
    code = (
        "from test_backends import all_digests\n"
        "print(*(' = '.join(item) for item in sorted(all_digests('attention').items())), sep='\\n')"
    )
    package = Path(__file__).parents[2]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(package)]),
        "PYTHONHASHSEED": "7",
        "TMPDIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    there = dict(line.split(" = ") for line in done.stdout.splitlines() if " = " in line)
    assert there == here


@every_runtime
@every_case
def test_no_folder_of_this_machine_is_in_the_bytes(case: str, runtime: str) -> None:
    walked = walk_case(case, runtime)
    made, _ = int8_of(walked, case)
    package = str(Path(__file__).parents[2])
    forbidden = (package, str(Path.cwd()), "/home", "/root", "/tmp", "site-packages", '.py"', ".py:", sys.prefix)
    for data in (*walked.exported.files.values(), *made.files.values()):
        assert not [text for text in forbidden if text.encode() in data]


@every_runtime
def test_layers_that_share_a_weight_are_converted(runtime: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(8, 8)
    model = export_module(torch.nn.Sequential(layer, torch.nn.ReLU(), layer), {"x": InputSpec(shape=(1, 8))})
    samples = {"x": np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)}
    given = run_really(runtime, find_backend(runtime).export(model), samples, tmp_path)["output"]
    np.testing.assert_allclose(given, torch_outputs(model, samples)["output"], atol=1e-5)


def test_torchs_translations_to_onnx_are_read_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [export_module(torch.nn.Linear(size, 4), {"x": InputSpec(shape=(1, size))}) for size in (3, 5)]
    find_backend("onnxruntime").export(models[0])

    def read_again() -> None:
        raise AssertionError

    monkeypatch.setattr("torch.onnx._internal.exporter._registration.onnxscript_apis.get_torchlib_ops", read_again)
    find_backend("onnxruntime").export(models[1])


def test_a_layer_that_went_wrong_is_the_first_to_diverge() -> None:
    import onnx
    from onnx import numpy_helper
    from road_by_hand import origins_of

    walked = walk_case("residual", "onnxruntime")
    proto = onnx.load_from_string(walked.exported.files["model.onnx"])
    victim = [node for node in proto.graph.node if node.op_type == "Conv"][2]
    weight = next(tensor for tensor in proto.graph.initializer if tensor.name == victim.input[1])
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.5), weight.name))
    broken = Exported({"model.onnx": proto.SerializeToString()}, walked.exported.signature)
    origins = origins_of(folded("residual"), "onnxruntime", broken, walked.samples)
    found = first_divergence(origins)
    assert found is not None
    assert found.name == victim.name
    assert "body.1.0" in origins.describe(found)


class Viewed(torch.nn.Module):
    """Its input is reshaped to what it is, and then read twice, so that a compiler has something to take away."""

    def forward(self, words: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        seen = words.view(-1, 6)
        return seen.float().cumsum(1) * scale + (seen.to(torch.int32) == 3).float()


@every_runtime
def test_an_input_keeps_its_name_where_its_first_reader_is_compiled_away(runtime: str) -> None:
    specs = {"words": InputSpec(shape=(1, 6), dtype="int64"), "scale": InputSpec(shape=(1, 6))}
    model = export_module(Viewed(), specs)
    given = {"words": np.array([[1, 2, 3, 4, 5, 6]]), "scale": np.full((1, 6), 0.5, np.float32)}
    exported = find_backend(runtime).export(model)
    inputs = {spec.name: given[spec.name].astype(spec.dtype) for spec in exported.signature.inputs}
    with Bench(open_local()) as bench:
        (output,) = bench.infer(runtime, exported.files, inputs, RuntimeOptions())
    np.testing.assert_allclose(output, [[0.5, 1.5, 4.0, 5.0, 7.5, 10.5]], atol=1e-6)
