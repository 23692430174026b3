"""A TFLite model taken apart at its integer tensors."""

from __future__ import annotations

import copy
from typing import Any

from edgebuild.backends.base import Cut, Files
from edgebuild.backends.litert.flatbuffer import read, write
from edgebuild.backends.litert.graph import first, scaled, tensor_name


def cut(files: Files) -> Cut | None:
    """The first subgraph, cut at every scaled integer tensor that an operator computes."""
    whole, apart = read(first(files)), read(first(files))
    places = _integers(whole)
    names = tuple(tensor_name(whole.subgraphs[0], index) for index in places)
    _feed(apart, places)
    for model in (whole, apart):
        _show(model, places)
    name = next(iter(files))
    return Cut({name: write(whole)}, {name: write(apart)}, names)


def _integers(model: Any) -> list[int]:
    """Indices of the tensors to cut at, in the order in which they are computed."""
    from ai_edge_litert import schema_py_generated as schema

    kinds = (schema.TensorType.INT8, schema.TensorType.UINT8, schema.TensorType.INT16)
    graph = model.subgraphs[0]
    made = [int(index) for operator in graph.operators for index in operator.outputs]
    present = {int(index) for index in graph.outputs}
    return [
        index
        for index in made
        if index not in present and graph.tensors[index].type in kinds and scaled(graph.tensors[index])
    ]


def _show(model: Any, places: list[int]) -> None:
    """Make tensors outputs too."""
    graph = model.subgraphs[0]
    for number, index in enumerate(places):
        graph.tensors[index].name = Cut.shown(number).encode()
    graph.outputs = [*graph.outputs, *places]


def _feed(model: Any, places: list[int]) -> None:
    """Let whatever reads one of the tensors read an input of the same kind instead."""
    graph = model.subgraphs[0]
    given = {}
    for number, index in enumerate(places):
        tensor = copy.copy(graph.tensors[index])
        tensor.name, tensor.buffer = Cut.given(number).encode(), 0  # buffer 0 is the empty one, by the format
        given[index] = len(graph.tensors)
        graph.tensors.append(tensor)
    graph.inputs = [*graph.inputs, *given.values()]
    for operator in graph.operators:
        operator.inputs = [given.get(int(index), int(index)) for index in operator.inputs]
