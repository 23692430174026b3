"""Torch programs to ONNX bytes, the same bytes in any folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from edgebuild.backends.base import Exported, quiet
from edgebuild.backends.onnxruntime.translations import read_once
from edgebuild.core.errors import BuildError
from edgebuild.core.signature import Signature

if TYPE_CHECKING:
    from edgebuild.models.graph import TorchModel

OPSET = 21
"""The first opset whose Quantize/DequantizeLinear carry 16-bit types in the standard domain."""

_PER_CHANNEL_OPSET = 13
"""The first opset whose QuantizeLinear has one scale a channel."""

FILE = "model.onnx"


def export(model: TorchModel) -> Exported:
    """Convert with torch's exporter; inputs and outputs carry the signature's names.

    Raises:
        BuildError: with the exporter's reason, for an operator it cannot convert.
    """
    import torch

    signature = model.signature
    with quiet("export to onnxruntime"):
        read_once()
        program = torch.onnx.export(
            model.program,
            (),
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            input_names=[spec.name for spec in signature.inputs],
            output_names=[spec.name for spec in signature.outputs],
            verbose=False,
        )
        if program is None:
            raise BuildError("export to onnxruntime", "torch.onnx.export gave nothing")
        data = canonical_bytes(program.model_proto)
    return Exported({FILE: data}, signature)


def adopt(kind: str, data: bytes, signature: Signature) -> Exported:  # noqa: ARG001 - the seam's shape
    """A foreign ONNX file, lifted to an opset that can be quantized per channel where it is older.

    Raises:
        BuildError: onnx cannot lift it.
    """
    import onnx
    import onnx.version_converter

    proto = onnx.load_from_string(data)
    if _opset(proto) < _PER_CHANNEL_OPSET:
        with quiet("export to onnxruntime"):
            proto = onnx.version_converter.convert_version(proto, _PER_CHANNEL_OPSET)
    _name_nodes(proto.graph.node)
    return Exported({FILE: canonical_bytes(proto)}, signature)


def _opset(proto: Any) -> int:
    return max((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), default=0)


def canonical_bytes(proto: Any) -> bytes:
    """Deterministic bytes without documentation strings and metadata, which hold absolute source paths."""
    graph = proto.graph
    for item in (proto, graph, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        _strip(item)
    _strip_nodes(graph.node)
    for function in proto.functions:
        _strip(function)
        _strip_nodes(function.node)
    return bytes(proto.SerializeToString(deterministic=True))


def _strip(item: Any) -> None:
    item.doc_string = ""
    del item.metadata_props[:]


def _strip_nodes(nodes: Iterable[Any]) -> None:
    for node in nodes:
        _strip(node)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _strip_nodes(attribute.g.node)


def _name_nodes(nodes: Iterable[Any]) -> None:
    """Quantizers address nodes by name, and foreign files need not have any."""
    taken: set[str] = set()
    for index, node in enumerate(nodes):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{index}"
        taken.add(node.name)
