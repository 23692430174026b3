from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from edgebuild import read_weights
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.project import InputSpec, ModelSource
from edgebuild.models.foreign import ForeignModel
from edgebuild.models.graph import TorchModel
from edgebuild.models.load import load_model, model_state
from edgebuild.store.cache import Cache

DATA = os.environ.get("EDGEBUILD_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="EDGEBUILD_DATA is not set")
X = {"x": InputSpec(shape=(1, 4))}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def saved_program(dynamic: bool = False) -> bytes:
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    module = nn.Linear(4, 2).eval()
    buffer = io.BytesIO()
    rows = 2 if dynamic else 1  # torch takes a dimension of 1 for a fixed one
    torch.export.save(torch.export.export(module, (torch.zeros(rows, 4),), dynamic_shapes=shapes), buffer)
    return buffer.getvalue()


def with_entry(data: bytes, name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        top = source.namelist()[0].split("/")[0]
        for member in source.namelist():
            if member != f"{top}/{name}":
                target.writestr(member, source.read(member))
        target.writestr(f"{top}/{name}", content)
    return out.getvalue()


def test_an_exported_program_is_loaded(root: Path, cache: Cache) -> None:
    (root / "m.pt2").write_bytes(saved_program())
    model = load_model(ModelSource(source="m.pt2", outputs=("y",)), root, cache)
    assert isinstance(model, TorchModel)
    assert [(s.name, s.shape) for s in model.signature.inputs] == [("input", (1, 4))]
    assert [(s.name, s.shape) for s in model.signature.outputs] == [("y", (1, 2))]


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (str(Path(os.environ["EVIL"])),))


@pytest.mark.parametrize("entry", ["data/sample_inputs/model.pt", "data/weights/model.pt", "data/constants/model.pt"])
def test_an_archive_with_a_pickle_in_it_never_runs_it(
    entry: str, root: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVIL", str(root / "ran"))
    buffer = io.BytesIO()
    torch.save((Evil(),), buffer)
    (root / "m.pt2").write_bytes(with_entry(saved_program(), entry, buffer.getvalue()))
    with pytest.raises(ConfigError, match="could run code"):
        load_model(ModelSource(source="m.pt2"), root, cache)
    assert not (root / "ran").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data/aotinductor/model/x.so", b"\x7fELF"),
        ("data/weights/model_weights_config.json", b'{"config": {"w": {"path_name": "w", "use_pickle": true}}}'),
        ("data/constants/model_constants_config.json", b'{"config": {"c": {"path_name": "custom_obj_0"}}}'),
        ("data/constants/model_constants_config.json", b'{"config": {"c": {"path_name": "opaque_obj_0"}}}'),
        ("data/weights/model_weights_config.json", b'{"config": {"w\\")+print(1)+(\\"": {"path_name": "w"}}}'),
    ],
)
def test_an_archive_that_could_run_code_is_refused(name: str, content: bytes, root: Path, cache: Cache) -> None:
    (root / "m.pt2").write_bytes(with_entry(saved_program(), name, content))
    with pytest.raises(ConfigError, match="could run code"):
        load_model(ModelSource(source="m.pt2"), root, cache)


def test_dynamic_shapes_are_refused(root: Path, cache: Cache) -> None:
    (root / "m.pt2").write_bytes(saved_program(dynamic=True))
    with pytest.raises(BuildError, match="dynamic shapes"):
        load_model(ModelSource(source="m.pt2"), root, cache)


@pytest.mark.parametrize("suffix", ["onnx", "pt2", "tflite"])
@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_a_pickle_posing_as_a_model_is_refused(suffix: str, form: str, root: Path, cache: Cache) -> None:
    buffer = io.BytesIO()
    torch.save(nn.Linear(2, 2).state_dict(), buffer)
    (root / f"m.{suffix}").write_bytes(buffer.getvalue() if form == "torch" else pickle.dumps({"a": 1}))
    with pytest.raises(ConfigError, match="is a pickle"):
        load_model(ModelSource(source=f"m.{suffix}"), root, cache)


@pytest.mark.parametrize(("suffix", "words"), [("onnx", "ONNX"), ("pt2", "archive"), ("tflite", "TFL3")])
def test_damaged_and_empty_files(suffix: str, words: str, root: Path, cache: Cache) -> None:
    (root / f"m.{suffix}").write_bytes(b"hello, this is no model")
    with pytest.raises(ConfigError, match=words):
        load_model(ModelSource(source=f"m.{suffix}"), root, cache)
    (root / f"m.{suffix}").write_bytes(b"")
    with pytest.raises(ConfigError, match="empty"):
        load_model(ModelSource(source=f"m.{suffix}"), root, cache)


@pytest.mark.parametrize(
    ("source", "words"),
    [("modle.pt2", "did you mean model.pt2"), ("w.pth", "holds weights, not a model"), ("a.txt", "no kind of model")],
)
def test_sources_that_are_no_model(source: str, words: str, root: Path, cache: Cache) -> None:
    for name in ("model.pt2", "w.pth", "a.txt"):
        (root / name).write_bytes(b"x")
    with pytest.raises(ConfigError, match=words):
        load_model(ModelSource(source=source), root, cache)


def onnx_model(path: Path, rows: object = 1, weight: float = 1.0, location: str = "") -> None:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [4, 2], [weight] * 8)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 2])],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if location:
        (weights,) = model.graph.initializer
        raw = np.full(8, weight, np.float32).tobytes()
        weights.ClearField("float_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)
        target = path.parent / location
        if target.parent.is_dir():
            target.write_bytes(raw)
    path.write_bytes(model.SerializeToString())


def test_onnx_is_loaded_with_its_external_data_inside(root: Path, cache: Cache) -> None:
    onnx_model(root / "m.onnx", location="w.bin", weight=2.0)
    assert model_state(ModelSource(source="m.onnx"), root, cache) is None
    model = load_model(ModelSource(source="m.onnx"), root, cache)
    before = model_state(ModelSource(source="m.onnx"), root, cache)
    assert before is not None
    assert isinstance(model, ForeignModel)
    assert [(s.name, s.shape) for s in (*model.signature.inputs, *model.signature.outputs)] == [
        ("x", (1, 4)),
        ("y", (1, 2)),
    ]
    (weights,) = onnx.load_model_from_string(model.data).graph.initializer
    assert onnx.numpy_helper.to_array(weights).tolist() == [[2.0, 2.0]] * 4
    (root / "w.bin").write_bytes(np.full(8, 3, np.float32).tobytes())
    assert model_state(ModelSource(source="m.onnx"), root, cache) not in (None, before)
    assert load_model(ModelSource(source="m.onnx"), root, cache).digest != model.digest


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "link.bin"])
def test_external_data_outside_the_folder_is_refused(location: str, root: Path, cache: Cache) -> None:
    (root.parent / "secret.bin").write_bytes(bytes(32))
    onnx_model(root / "m.onnx", location="w.bin")
    (root / "link.bin").symlink_to(root.parent / "secret.bin")
    data = (root / "m.onnx").read_bytes()
    model = onnx.load_model_from_string(data)
    model.graph.initializer[0].external_data[0].value = location
    (root / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConfigError, match="outside its folder"):
        load_model(ModelSource(source="m.onnx"), root, cache)


def test_onnx_shapes_must_be_fixed_or_declared(root: Path, cache: Cache) -> None:
    onnx_model(root / "m.onnx", rows="rows")
    assert load_model(ModelSource(source="m.onnx"), root, cache).signature.inputs[0].shape == (1, 4)
    declared = ModelSource(source="m.onnx", inputs={"x": InputSpec(shape=(1, 4))})
    model = load_model(declared, root, cache)
    assert model.signature.outputs[0].shape == (1, 2)
    with pytest.raises(ConfigError, match="the batch dimension"):
        load_model(ModelSource(source="m.onnx", inputs={"x": InputSpec(shape=(3, 4))}), root, cache)
    for spec, words in (
        ({"x": InputSpec(shape=(1, 5))}, "declared"),
        ({"z": InputSpec(shape=(1, 4))}, "no input of that name"),
        ({"x": InputSpec(shape=(1, 4), dtype="int8")}, "dtype"),
    ):
        with pytest.raises(ConfigError, match=words):
            load_model(ModelSource(source="m.onnx", inputs=spec), root, cache)


def test_onnx_weights_that_are_not_finite(root: Path, cache: Cache) -> None:
    onnx_model(root / "m.onnx", weight=float("nan"))
    with pytest.raises(BuildError, match=r"w \(8 of 8\)"):
        load_model(ModelSource(source="m.onnx"), root, cache)


def test_onnx_that_the_runtime_refuses(root: Path, cache: Cache) -> None:
    onnx_model(root / "m.onnx")
    model = onnx.load_model_from_string((root / "m.onnx").read_bytes())
    model.graph.node[0].domain, model.graph.node[0].op_type = "odd.domain", "Odd"
    model.opset_import.append(helper.make_opsetid("odd.domain", 1))
    (root / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(BuildError, match=r"onnxruntime .* refuses m.onnx.*Odd"):
        load_model(ModelSource(source="m.onnx"), root, cache)


def test_entry_must_give_a_module(root: Path, cache: Cache) -> None:
    (root / "model.py").write_text(
        "import torch\ndef make():\n    return torch.nn.Linear(4, 2)\ndef weights():\n    return {}\n", encoding="utf-8"
    )
    model = load_model(ModelSource(source="model.py:make", inputs=X), root, cache)
    assert isinstance(model, TorchModel)
    assert load_model(ModelSource(source="model.py:make", inputs=X), root, cache).digest == model.digest
    with pytest.raises(BuildError, match="returned dict"):
        load_model(ModelSource(source="model.py:weights", inputs=X), root, cache)


def test_read_weights_refuses_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIL", str(tmp_path / "ran"))
    torch.save({"state_dict": {"w": torch.ones(2)}, "epoch": 3}, tmp_path / "good.pth")
    assert read_weights(tmp_path / "good.pth")["w"].tolist() == [1.0, 1.0]
    torch.save(Evil(), tmp_path / "bad.pth")
    with pytest.raises(ConfigError, match="is a pickle of more than tensors"):
        read_weights(tmp_path / "bad.pth")
    (tmp_path / "bad.safetensors").write_bytes((tmp_path / "good.pth").read_bytes())
    with pytest.raises(ConfigError, match="is a pickle, not a safetensors file"):
        read_weights(tmp_path / "bad.safetensors")
    assert not (tmp_path / "ran").exists()


@needs_data
def test_real_weights_are_read() -> None:
    weights = read_weights(Path(str(DATA)) / "models" / "cifar10_resnet20-12fca82f.th")
    assert sum(t.numel() for n, t in weights.items() if n.endswith(("weight", "bias"))) == 269_722
    weights = read_weights(Path(str(DATA)) / "models" / "mobilenetv1_025_224_imagenet.safetensors")
    assert sum(t.numel() for t in weights.values()) == 467_336


@needs_data
def test_real_foreign_files(cache: Cache) -> None:
    root = Path(str(DATA))
    model = load_model(ModelSource(source="models/mobilenet_v1_0.25_224_quant.tflite"), root, cache)
    assert [(s.dtype, s.shape) for s in model.signature.inputs] == [("uint8", (1, 224, 224, 3))]
    model = load_model(ModelSource(source="foreign/samplenet/samplenet.onnx"), root, cache)
    assert model.signature.outputs[0].shape == (1, 10)
    with pytest.raises(BuildError, match="SignalWindow"):
        load_model(ModelSource(source="foreign/tflite_micro/audio_preprocessor_int8.tflite"), root, cache)
