"""ONNX files: external data folded in, shapes fixed, checked by onnx and loaded by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.array import np
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.project import ModelSource
from edgebuild.core.signature import TensorSpec
from edgebuild.models.blame import quiet, short_text
from edgebuild.models.foreign import ForeignModel, check_declared, file_signature, fixed_shape, tensor_spec
from edgebuild.store.files import read_bytes

if TYPE_CHECKING:
    import onnx


def load_onnx(path: Path, data: bytes, source: ModelSource) -> ForeignModel:
    """Read an ONNX model with fixed shapes.

    Raises:
        ConfigError: it is damaged, refers to files outside its folder, or leaves shapes open.
        BuildError: a weight is not finite, or ONNX Runtime refuses the model; with its reason.
    """
    model = _parse(data, path.name)
    _fold_external_data(model, path)
    _check_finite(model, path.name)
    inputs = _fix_inputs(model, source, path.name)
    _check(model, path.name)
    folded = model.SerializeToString(deterministic=True)
    outputs = _outputs_in_runtime(folded, inputs, path.name)
    return ForeignModel("onnx", folded, file_signature(inputs, outputs, source))


def external_files(model: onnx.ModelProto) -> tuple[str, ...]:
    """The files beside the model that hold its tensors, as it names them, sorted."""
    from onnx import external_data_helper as external

    tensors = external._get_all_tensors(model)  # noqa: SLF001 - weights, constants and subgraphs
    return tuple(sorted({external.ExternalDataInfo(t).location for t in tensors if external.uses_external_data(t)}))


def external_names(data: bytes, name: str) -> tuple[str, ...]:
    """``external_files`` of a model's bytes."""
    return external_files(_parse(data, name))


def _parse(data: bytes, name: str) -> onnx.ModelProto:
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:
        raise _damaged(name, short_text(error)) from error
    if not model.graph.node or not model.opset_import:
        raise _damaged(name, "it holds no graph")
    return model


def _damaged(name: str, why: str) -> ConfigError:
    return ConfigError(
        name, f"not a readable ONNX file ({why})", expected="an ONNX model", fix="export or copy it again"
    )


def _fold_external_data(model: onnx.ModelProto, path: Path) -> None:
    from onnx import external_data_helper as external

    folder = path.parent.resolve()
    for location in external_files(model):
        target = folder / location
        if Path(location).is_absolute() or not target.resolve().is_relative_to(folder):
            raise ConfigError(
                path.name,
                f"refers to external data outside its folder: {location}",
                expected="external data beside the model file",
                fix="save the model again with its weights inside, or beside it",
            )
        if not target.is_file():
            raise ConfigError(
                path.name, f"its external data file {location} does not exist", fix="copy it beside the model"
            )
    try:
        external.load_external_data_for_model(model, str(folder))
    except Exception as error:
        raise _damaged(path.name, f"external data: {short_text(error)}") from error


def _check_finite(model: onnx.ModelProto, name: str) -> None:
    from onnx import numpy_helper

    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        bad = int((~np.isfinite(values)).sum()) if values.dtype.kind == "f" else 0
        if bad:
            raise BuildError(
                "load",
                f"{name}: NaN or infinite values in {tensor.name} ({bad} of {values.size})",
                expected="finite weights",
                fix="export a checkpoint that trained without overflow",
            )


def input_ports(path: Path) -> list[tuple[str, str, tuple[int | None, ...]]]:
    """Name, dtype and dimensions of each input of a file; None for what it leaves open.

    Raises:
        ConfigError: it is no ONNX file.
    """
    from onnx import helper

    graph = _parse(read_bytes(path), path.name).graph
    weights = {tensor.name for tensor in graph.initializer}
    found = []
    for value in graph.input:
        kind = value.type.tensor_type
        if value.name not in weights and kind.elem_type:
            dims = tuple(dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim)
            found.append((value.name, str(helper.tensor_dtype_to_np_dtype(kind.elem_type)), dims))
    return found


def _fix_inputs(model: onnx.ModelProto, source: ModelSource, file: str) -> list[TensorSpec]:
    from onnx import helper

    weights = {tensor.name for tensor in model.graph.initializer}
    values = [value for value in model.graph.input if value.name not in weights]
    check_declared([value.name for value in values], source.inputs, file)
    specs = []
    for value in values:
        kind = value.type.tensor_type
        dims = [dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim]
        declared = source.inputs.get(value.name)
        shape = fixed_shape(value.name, dims, declared, file)
        for dim, size in zip(kind.shape.dim, shape, strict=True):
            dim.dim_value = size
        dtype = str(helper.tensor_dtype_to_np_dtype(kind.elem_type)) if kind.elem_type else "no tensor"
        specs.append(tensor_spec(value.name, dtype, shape, declared, file))
    return specs


def _check(model: onnx.ModelProto, name: str) -> None:
    import onnx

    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise ConfigError(name, f"not a valid ONNX model: {short_text(error)}", fix="export it again") from error


def _outputs_in_runtime(data: bytes, inputs: list[TensorSpec], file: str) -> list[TensorSpec]:
    """The outputs as ONNX Runtime gives them for zeros: the one source of every output's shape."""
    try:
        import onnxruntime
    except ImportError as error:
        raise BuildError("load", "onnxruntime is not installed", fix='pip install "edgebuild[onnxruntime]"') from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        with quiet():
            session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            zeros = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in inputs}
            arrays = session.run(None, zeros)
    except Exception as error:
        raise BuildError(
            "load",
            f"onnxruntime {onnxruntime.__version__} refuses {file}: {short_text(error)}",
            fix="export the model with operators and an opset that this version runs",
        ) from error
    names = [output.name for output in session.get_outputs()]
    return [tensor_spec(n, str(a.dtype), a.shape, None, file) for n, a in zip(names, arrays, strict=True)]
