"""Reading and rewriting the TFLite flatbuffer through ai-edge-quantizer's published schema classes."""

from __future__ import annotations

from typing import Any


def read(data: bytes) -> Any:
    """The object form of a model (``ModelT``)."""
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils

    return tfl_flatbuffer_utils.read_model(data)


def write(model: Any) -> bytes:
    """The bytes of a model's object form."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def in_one_piece(data: bytes) -> bytes:
    """The same model with all its constants inside the flatbuffer.

    ai-edge-quantizer puts those of larger models behind it, by their offset in the file. Not every reader of TFLite
    looks there: tflite-micro takes such weights for tensors that somebody else fills in, and computes with zeros.
    """
    return write(read(data))


def operator_kind(model: Any, operator: Any) -> str:
    """The operator's name in TFLite's schema, such as ``CONV_2D``; for a custom one, its own name."""
    from ai_edge_litert import schema_py_generated as schema

    code = model.operatorCodes[operator.opcodeIndex]
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    custom: bytes = code.customCode or b"CUSTOM"
    return custom.decode(errors="replace") if names[builtin] == "CUSTOM" else names[builtin]


def tensor_ranks(data: bytes) -> dict[str, int]:
    """How many axes each tensor has, by name."""
    tensors = read(data).subgraphs[0].tensors
    return {one.name.decode(errors="replace"): 0 if one.shape is None else len(one.shape) for one in tensors}


def rename_tensors(data: bytes) -> bytes:
    """Give computed tensors short, unique names; the converter's embed class paths and repeat."""
    model = read(data)
    graph = model.subgraphs[0]
    kept = {*graph.inputs, *graph.outputs}
    for index, operator in enumerate(graph.operators):
        stem = f"{operator_kind(model, operator).lower()}_{index}"
        for slot, tensor in enumerate(operator.outputs):
            if tensor not in kept:
                graph.tensors[tensor].name = (stem if slot == 0 else f"{stem}_{slot}").encode()
    return write(model)
