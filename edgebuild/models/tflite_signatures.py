"""TFLite files with several signatures: one of them, as a file of its own."""

from __future__ import annotations

from typing import Any

from edgebuild.core.errors import ConfigError


def only_signature(data: bytes, wanted: str, file: str) -> bytes:
    """The model of one signature: its graph, those that its branches and loops call, and their constants.

    Args:
        data: a TFLite model that the runtime has read.
        wanted: the signature's name; empty for the only one there is.

    Returns:
        The data as given where there is no other signature.

    Raises:
        ConfigError: there is no such signature, or there are several and none is chosen; with their names.
    """
    from ai_edge_litert import schema_py_generated as schema

    names = _names(schema.Model.GetRootAsModel(data, 0))
    if not wanted and len(names) < 2:
        return data
    if wanted not in names:
        raise ConfigError(
            "[model] signature", f"{file} has no signature {wanted!r}" if wanted else f"{file} has {len(names)}",
            expected=f"one of {', '.join(names)}" if names else "none: the file names none",
            fix=f"choose one: signature = {names[0]!r}".replace("'", '"') if names else "leave signature out",
        )  # fmt: skip
    return data if len(names) == 1 else _cut_out(data, names.index(wanted))


def _names(model: Any) -> list[str]:
    return [(model.SignatureDefs(i).SignatureKey() or b"").decode() for i in range(model.SignatureDefsLength())]


def _cut_out(data: bytes, number: int) -> bytes:
    import flatbuffers
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils

    model: Any = tfl_flatbuffer_utils.read_model(data)
    signature = model.signatureDefs[number]
    kept = _called(model, int(signature.subgraphIndex))
    _renumber(model, kept)
    model.subgraphs = [model.subgraphs[index] for index in kept]
    signature.subgraphIndex = 0
    model.signatureDefs = [signature]
    _drop_unread(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


_CALLS = ("thenSubgraphIndex", "elseSubgraphIndex", "condSubgraphIndex", "bodySubgraphIndex", "initSubgraphIndex",
          "subgraph", "decompositionSubgraphIndex")  # fmt: skip
"""The options of an operator that name another graph, in TFLite's schema."""


def _called(model: Any, first: int) -> list[int]:
    """A graph and those that it calls, itself first."""
    kept = [first]
    for index in kept:
        for operator in model.subgraphs[index].operators:
            kept += [other for _, _, other in _calls(operator) if other not in kept]
    return kept


def _calls(operator: Any) -> list[tuple[Any, str, int]]:
    """Where an operator names another graph: the options, the field, the graph."""
    options = [each for each in (operator.builtinOptions, getattr(operator, "builtinOptions2", None)) if each]
    found = [(each, name, getattr(each, name, None)) for each in options for name in _CALLS]
    return [(each, name, int(other)) for each, name, other in found if isinstance(other, int) and other >= 0]


def _renumber(model: Any, kept: list[int]) -> None:
    """Let the graphs that stay call each other by their new numbers."""
    for index in kept:
        for operator in model.subgraphs[index].operators:
            for options, name, other in _calls(operator):
                setattr(options, name, kept.index(other))


def _drop_unread(model: Any) -> None:
    """Empty the constants that no graph reads any more; buffers keep their numbers."""
    read = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    read |= {entry.buffer for entry in model.metadata or ()}
    for number, buffer in enumerate(model.buffers):
        if number not in read:
            buffer.data = None
