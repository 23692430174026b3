"""TFLite files: recognized by their identifier, loaded by LiteRT's interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from edgebuild.core.array import np
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.project import ModelSource
from edgebuild.core.signature import Signature
from edgebuild.models.blame import short_text
from edgebuild.models.foreign import ForeignModel, check_declared, file_signature, fixed_shape, tensor_spec
from edgebuild.models.tflite_signatures import only_signature
from edgebuild.store.files import read_bytes

IDENTIFIER = b"TFL3"


class _Detail(TypedDict):
    name: str
    index: int
    shape: np.ndarray
    shape_signature: np.ndarray
    dtype: type[np.generic]
    quantization: tuple[float, int]


def load_tflite(path: Path, data: bytes, source: ModelSource) -> ForeignModel:
    """Read a TFLite model with fixed shapes; of several signatures, the one that the project names.

    Raises:
        ConfigError: it is no TFLite file, leaves shapes open, or has not the signature.
        BuildError: the runtime refuses the model; with its reason, such as an unknown custom operator.
    """
    _check_identifier(path, data)
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise BuildError("load", "ai-edge-litert is not installed", fix='pip install "edgebuild[litert]"') from error
    try:
        interpreter = Interpreter(model_content=data, num_threads=1)
        own = only_signature(data, source.signature, path.name)
        if own is not data:
            data, interpreter = own, Interpreter(model_content=own, num_threads=1)
    except (ValueError, RuntimeError) as error:
        raise _refused(path.name, error) from error
    details, _ = _ports(interpreter, tuple(source.inputs))
    check_declared([detail["name"] for detail in details], source.inputs, path.name)
    shapes = [_shape(detail, source, path.name) for detail in details]
    try:
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise _refused(path.name, error) from error
    _, given = _ports(interpreter, tuple(source.inputs))
    inputs = [
        tensor_spec(d["name"], np.dtype(d["dtype"]).name, shape, source.inputs.get(d["name"]), path.name)
        for d, shape in zip(details, shapes, strict=True)
    ]
    outputs = [tensor_spec(d["name"], np.dtype(d["dtype"]).name, d["shape"].tolist(), None, path.name) for d in given]
    signature = file_signature(inputs, outputs, source)
    return ForeignModel("tflite", data, _with_zero_points(signature, details, given))


def _ports(interpreter: Any, declared: tuple[str, ...] = ()) -> tuple[list[_Detail], list[_Detail]]:
    """Inputs and outputs in the file's order, named as the runner names them: as the only signature does.

    A single input is taken under any name, and keeps its tensor's unless the project says the signature's.
    """
    took: list[_Detail] = interpreter.get_input_details()
    gave: list[_Detail] = interpreter.get_output_details()
    keys = list(interpreter.get_signature_list())
    if len(keys) != 1:
        return took, gave
    runner = interpreter.get_signature_runner(keys[0])
    inputs = {detail["index"]: name for name, detail in runner.get_input_details().items()}
    outputs = {detail["index"]: name for name, detail in runner.get_output_details().items()}
    if len(took) == 1 and not set(declared) & set(inputs.values()):
        return took, gave
    return _renamed(took, inputs), _renamed(gave, outputs)


def _renamed(details: list[_Detail], names: dict[int, str]) -> list[_Detail]:
    return [{**detail, "name": names.get(detail["index"], detail["name"])} for detail in details]


def _check_identifier(path: Path, data: bytes) -> None:
    if data[4:8] != IDENTIFIER:
        raise ConfigError(
            path.name,
            f"not a TFLite file: bytes 4 to 8 are {data[4:8]!r}",
            expected=f"{IDENTIFIER!r}",
            fix="convert it again",
        )


def input_ports(path: Path) -> list[tuple[str, str, tuple[int | None, ...]]]:
    """Name, dtype and dimensions of each input of a file, as the runtime gives them.

    Raises:
        ConfigError: it is no TFLite file. BuildError: the runtime refuses it.
    """
    from ai_edge_litert.interpreter import Interpreter

    data = read_bytes(path)
    _check_identifier(path, data)
    try:
        details, _ = _ports(Interpreter(model_content=data, num_threads=1))
    except (ValueError, RuntimeError) as error:
        raise _refused(path.name, error) from error
    return [(d["name"], np.dtype(d["dtype"]).name, tuple(int(size) for size in d["shape"])) for d in details]


def _with_zero_points(signature: Signature, took: list[_Detail], gave: list[_Detail]) -> Signature:
    """The signature, each state of integers with the one that means zero.

    Raises:
        ConfigError: a state's integers mean one thing where it comes out, and another where it goes in.
    """
    into = {detail["name"]: detail["quantization"] for detail in took}
    zero_points = {}
    for fed in signature.fed:
        made, taken = gave[fed.place]["quantization"], into[fed.state.name]
        if fed.state.dtype != "float32" and made != taken:
            raise ConfigError(
                f"[model.inputs.{fed.state.name}] fed_by",
                f"{fed.by.name} has scale and zero point {made}; the state has {taken}",
                expected="the same: the integers are passed on as they are",
                fix="convert the model with one scale for both",
            )
        zero_points[fed.state.name] = int(taken[1])
    return signature.model_copy(
        update={
            "inputs": tuple(
                spec.model_copy(update={"zero_point": zero_points.get(spec.name, 0)}) for spec in signature.inputs
            )
        }
    )


def _shape(detail: _Detail, source: ModelSource, file: str) -> tuple[int, ...]:
    """The shape that the runtime gives the input when nobody resizes it; that is what runs on a device."""
    name, own = detail["name"], tuple(int(dim) for dim in detail["shape"])
    dims = [int(dim) if dim > 0 else None for dim in detail["shape_signature"]] or list(own)
    shape = fixed_shape(name, dims, source.inputs.get(name), file)
    if shape != own:
        raise ConfigError(
            f"[model.inputs.{name}]",
            f"shape {list(shape)} is declared; {file} runs as {list(own)} and is not resized on a device",
            fix="convert the model with the shape it is to have",
        )
    return shape


def _refused(file: str, error: Exception) -> BuildError:
    return BuildError(
        "load",
        f"LiteRT refuses {file}: {short_text(error)}",
        expected="a model of the operators that the runtime has",
        fix="convert it without custom operators",
    )
