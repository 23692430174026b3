"""Torch programs and foreign files to OpenVINO IR, the same bytes in any folder and process."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebuild.backends.base import Exported, Files, quiet
from edgebuild.core.errors import BuildError
from edgebuild.core.signature import Signature

if TYPE_CHECKING:
    from edgebuild.models.graph import TorchModel

FILE = "model.xml"
WEIGHTS = "model.bin"
_NUMBERED = re.compile(r"[A-Za-z]+_\d+")


def export(model: TorchModel) -> Exported:
    """Convert the exported program.

    Raises:
        BuildError: with the frontend's reason, for an operator it cannot convert.
    """
    import openvino

    with quiet("export to openvino"):
        converted = openvino.convert_model(model.program)
        _fix_boundary(converted, model.signature)
        return Exported(to_files(converted), model.signature)


def adopt(kind: str, data: bytes, signature: Signature) -> Exported:
    """A foreign ONNX or TFLite file, read by OpenVINO's own frontend."""
    import openvino

    with quiet("export to openvino"), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model.{kind}"
        path.write_bytes(data)
        converted = openvino.Core().read_model(path)
        _fix_boundary(converted, signature)
        return Exported(to_files(converted), signature)


def to_files(model: Any) -> Files:
    """The IR's bytes, with names that OpenVINO numbers process-wide made canonical."""
    import openvino

    _canonical_names(model)
    with tempfile.TemporaryDirectory() as folder:
        openvino.save_model(model, Path(folder) / FILE, compress_to_fp16=False)
        return {name: (Path(folder) / name).read_bytes() for name in (FILE, WEIGHTS)}


def from_files(files: Files) -> Any:
    """The model in memory, without sharing memory with ``files``."""
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        return openvino.Core().read_model(Path(folder) / FILE).clone()


def _fix_boundary(model: Any, signature: Signature) -> None:
    """Give inputs and outputs the signature's names, and inputs its shapes."""
    for side, ports, specs in (
        ("inputs", model.inputs, signature.inputs),
        ("outputs", model.outputs, signature.outputs),
    ):
        if len(ports) != len(specs):
            raise BuildError("export to openvino", f"the converted model has {len(ports)} {side}, not {len(specs)}")
        for port, spec in zip(ports, specs, strict=True):
            port.get_tensor().set_names({spec.name})
            if side == "inputs":
                port.get_node().set_friendly_name(spec.name)
    model.reshape({port: list(spec.shape) for port, spec in zip(model.inputs, signature.inputs, strict=True)})


def _canonical_names(model: Any) -> None:
    model.set_friendly_name("model")
    counts: dict[str, int] = {}
    for op in model.get_ordered_ops():
        kind = op.get_type_name()
        if kind == "Parameter":
            continue
        counts[kind] = counts.get(kind, 0) + 1
        if _NUMBERED.fullmatch(op.get_friendly_name()) or kind in ("Result", "Constant", "Convert"):
            op.set_friendly_name(f"{kind}__{counts[kind]}")
