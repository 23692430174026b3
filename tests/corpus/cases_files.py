"""Model and weight files that are damaged, refer outside, or are something else than their name says."""

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
from corpus_case import BUILD, Cases
from corpus_place import Place
from onnx import TensorProto, helper, numpy_helper

CASES = case = Cases()


class Evil:
    """What runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, ("/tmp/edgebuild-corpus-was-unpickled",))


def source(place: Place, name: str, data: bytes) -> None:
    """A file of the project as its model, with no inputs declared."""
    place.write(name, data)
    place.toml("model.py:make", name)
    place.toml('[model.inputs.x]\nshape = [1, 3, 8, 8]\ndtype = "float32"\nlayout = "NCHW"\n', "")


def network(kind: str = "Gemm", domain: str = "", weight: float = 1.0, rows: int | str = 1) -> onnx.ModelProto:
    w = numpy_helper.from_array(np.full((192, 3), weight, np.float32), "w")
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], name="flatten"),
        helper.make_node(kind, ["flat", "w"], ["y"], name="head", domain=domain),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 3])
    graph = helper.make_graph(nodes, "g", [x], [y], [w])
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@case(2, "[model] source", "netz.onnx does not exist", "did you mean net.onnx")
def model_file_misspelt(place: Place) -> None:
    source(place, "net.onnx", network().SerializeToString())
    place.toml('"net.onnx"', '"netz.onnx"')


@case(2, "net.onnx", "is empty")
def onnx_empty(place: Place) -> None:
    source(place, "net.onnx", b"")


@case(2, "net.onnx", "not a readable ONNX file")
def onnx_truncated(place: Place) -> None:
    source(place, "net.onnx", network().SerializeToString()[:-500])


@case(2, "net.onnx", "ONNX")
def onnx_that_is_text(place: Place) -> None:
    source(place, "net.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:1234\nsize 99\n")


@case(2, "net.onnx", "is a pickle", "never loaded")
def onnx_that_is_a_pickle(place: Place) -> None:
    source(place, "net.onnx", pickle.dumps(Evil()))


@case(3, "NaN or infinite values in w (576 of 576)")
def onnx_nan(place: Place) -> None:
    source(place, "net.onnx", network(weight=float("nan")).SerializeToString())


@case(3, "Swirl")
def onnx_of_an_unknown_operator(place: Place) -> None:
    source(place, "net.onnx", network("Swirl", domain="corpus").SerializeToString())


@case(2, "net.onnx", "refers to external data outside its folder", "../w.bin")
def onnx_data_outside(place: Place) -> None:
    _external(place, "../w.bin")
    (place.root / "w.bin").write_bytes(bytes(192 * 3 * 4))


@case(2, "net.onnx", "outside its folder", "/etc/passwd")
def onnx_data_absolute(place: Place) -> None:
    _external(place, "/etc/passwd")


@case(2, "net.onnx", "outside its folder", "w.bin")
def onnx_data_a_link_to_outside(place: Place) -> None:
    _external(place, "w.bin")
    (place.root / "w.bin").write_bytes(bytes(192 * 3 * 4))
    (place.project / "w.bin").symlink_to(place.root / "w.bin")


@case(2, "external data file w.bin does not exist")
def onnx_data_missing(place: Place) -> None:
    _external(place, "w.bin")


def _external(place: Place, location: str) -> None:
    model = network()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    source(place, "net.onnx", model.SerializeToString())


@case(2, "[model.inputs.x]", "shape", "[8, 3, 8, 8]", "batch")
def onnx_of_eight_rows(place: Place) -> None:
    source(place, "net.onnx", network(rows=8).SerializeToString())


@case(2, "[model.inputs.x]", "leaves the shape of this input open", "add [model.inputs.x]")
def onnx_of_open_shape(place: Place) -> None:
    model = network()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    source(place, "net.onnx", model.SerializeToString())


@case(2, "[model.inputs.image]", "no input of that name", "one of: x")
def onnx_input_misnamed(place: Place) -> None:
    source(place, "net.onnx", network().SerializeToString())
    place.toml("[data]", "[model.inputs.image]\nshape = [1, 3, 8, 8]\n\n[data]")


@case(3, "export to litert", "a .onnx model cannot become one for litert", line=f"{BUILD} -t host-litert")
def onnx_for_another_runtime(place: Place) -> None:
    source(place, "net.onnx", network().SerializeToString())


@case(2, "net.pt2", "not a readable .pt2 archive")
def pt2_truncated(place: Place) -> None:
    source(place, "net.pt2", _program()[:-200])


@case(2, "net.pt2", "is a pickle", "never loaded")
def pt2_that_is_a_pickle(place: Place) -> None:
    source(place, "net.pt2", pickle.dumps(Evil()))


@case(2, "net.pt2", "pickle", "never loaded")
def pt2_that_is_a_checkpoint(place: Place) -> None:
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(3)}, buffer)
    source(place, "net.pt2", buffer.getvalue())


@case(2, "net.pt2", "sample_inputs")
def pt2_with_a_pickle_inside(place: Place) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_program())) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, pickle.dumps(Evil()) if "sample_inputs" in name else old.read(name))
    source(place, "net.pt2", buffer.getvalue())


def _program() -> bytes:
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(torch.nn.Linear(4, 2).eval(), (torch.zeros(1, 4),)), buffer)
    return buffer.getvalue()


@case(2, "net.tflite", "not a TFLite file", "TFL3")
def tflite_that_is_onnx(place: Place) -> None:
    source(place, "net.tflite", network().SerializeToString())


@case(2, "net.tflite", "is a pickle")
def tflite_that_is_a_pickle(place: Place) -> None:
    source(place, "net.tflite", pickle.dumps(Evil()))


@case(3, "LiteRT refuses net.tflite")
def tflite_truncated(place: Place) -> None:
    source(place, "net.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(64))


@case(3, "LiteRT refuses audio.tflite", "SignalWindow", line=f"{BUILD} -t host-litert")
def tflite_of_a_custom_operator(place: Place) -> None:
    data = os.environ.get("EDGEBUILD_DATA")
    if not data:
        pytest.skip("EDGEBUILD_DATA is not set")
    found = sorted(Path(data).rglob("audio_preprocessor_int8.tflite"))
    if not found:
        pytest.skip("no audio_preprocessor_int8.tflite in EDGEBUILD_DATA")
    source(place, "audio.tflite", found[0].read_bytes())


@case(2, "[model] source", "net.pth holds weights, not a model", "read_weights")
def source_of_weights(place: Place) -> None:
    source(place, "net.pth", pickle.dumps({"w": 1}))


@case(2, "[model] source", "net.h5 is no kind of model", ".onnx")
def source_of_another_kind(place: Place) -> None:
    source(place, "net.h5", b"\x89HDF")


@case(2, "net.onnx", "is a folder")
def source_a_folder(place: Place) -> None:
    (place.project / "net.onnx").mkdir()
    place.toml("model.py:make", "net.onnx")


def weights(place: Place, name: str, data: bytes) -> None:
    """A file of weights that the project's entry point reads."""
    place.write(name, data)
    read = f"""\
    from pathlib import Path

    from edgebuild import read_weights

    read_weights(Path(__file__).with_name("{name}"))
"""
    place.edit("model.py", "    return Net()", read + "    return Net()")


@case(2, "w.safetensors", "is a pickle, not a safetensors file")
def safetensors_that_is_a_pickle(place: Place) -> None:
    weights(place, "w.safetensors", pickle.dumps(Evil()))


@case(2, "w.safetensors", "not a readable safetensors file")
def safetensors_truncated(place: Place) -> None:
    weights(place, "w.safetensors", b"\xff\x00\x00\x00\x00\x00\x00\x00{")


@case(2, "w.pth", "more than tensors", "not loaded", "safetensors")
def checkpoint_that_runs_code(place: Place) -> None:
    buffer = io.BytesIO()
    torch.save({"w": Evil()}, buffer)
    weights(place, "w.pth", buffer.getvalue())
