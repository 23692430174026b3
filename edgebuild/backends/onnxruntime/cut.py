"""An ONNX model taken apart at its integer tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebuild.backends.base import Cut, Files
from edgebuild.backends.onnxruntime.graph import first

if TYPE_CHECKING:
    import onnx


def cut(files: Files) -> Cut | None:
    """The main graph, cut at every 8- or 16-bit tensor of known shape that a node makes; None: it has graphs inside."""
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(first(files)))
    if any(attribute.HasField("g") or attribute.graphs for node in model.graph.node for attribute in node.attribute):
        return None
    places = _integers(model.graph)
    name = next(iter(files))
    made = {name: _rewired(model, places, given=False)}, {name: _rewired(model, places, given=True)}
    whole, apart = (dict(files) | one for one in made)
    return Cut(whole, apart, tuple(place.name for place in places))


def _integers(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """The tensors to cut at, in the order in which they are computed; what comes of constants alone is none."""
    import onnx

    known = {value.name: value for value in graph.value_info if value.type.tensor_type.HasField("shape")}
    kinds = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8, onnx.TensorProto.INT16, onnx.TensorProto.UINT16)
    constants, found = {tensor.name for tensor in graph.initializer}, []
    for node in graph.node:
        if constants.issuperset(name for name in node.input if name):
            constants |= set(node.output)
            continue
        found += [
            known[name]
            for name in node.output
            if name in known
            and known[name].type.tensor_type.elem_type in kinds
            and all(size.HasField("dim_value") for size in known[name].type.tensor_type.shape.dim)
        ]
    return found


def _rewired(model: onnx.ModelProto, places: list[onnx.ValueInfoProto], *, given: bool) -> bytes:
    """The model with tensors as outputs too; ``given``: what reads one of them reads an input instead."""
    import onnx

    made = onnx.ModelProto()
    made.CopyFrom(model)
    shown = {place.name: Cut.shown(number) for number, place in enumerate(places)}
    read = {place.name: Cut.given(number) for number, place in enumerate(places)} if given else shown
    for node in made.graph.node:
        node.input[:] = [read.get(name, name) for name in node.input]
        node.output[:] = [shown.get(name, name) for name in node.output]
    made.graph.output.extend(onnx.ValueInfoProto(name=shown[p.name], type=p.type) for p in places)
    made.graph.input.extend(onnx.ValueInfoProto(name=read[p.name], type=p.type) for p in places if given)
    made.graph.ClearField("value_info")
    data: bytes = made.SerializeToString()
    return data
