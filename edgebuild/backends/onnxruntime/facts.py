"""What can be told of each node of an ONNX model, for the rules of accelerators.

A node is seen with the Q and DQ around it: where a DequantizeLinear gives it a tensor, or nothing but a QuantizeLinear
reads what it writes, the tensor's dtype is that of the integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgebuild.backends.base import Files
from edgebuild.backends.onnxruntime.graph import QDQ, first, operators
from edgebuild.core.array import np
from edgebuild.core.operator import Fact, Operator

Told = Iterator[tuple[str, "Fact | None"]]
Shape = tuple[int | str, ...]


def facts(files: Files) -> tuple[Operator, ...]:
    """The nodes in the order of execution, without those that quantize, and what can be told of each."""
    import onnx

    graph = _Graph.of(onnx.shape_inference.infer_shapes(onnx.load_from_string(first(files)), data_prop=True).graph)
    found = []
    for op in operators(files):
        if op.kind not in QDQ:
            seen = _Seen(graph, graph.made_by[op.outputs[0]])
            told = {name: value for name, value in _facts(seen) if value is not None}
            found.append(Operator(name=op.name, kind=op.kind, facts=told))
    return tuple(found)


@dataclass(frozen=True)
class _Graph:
    """A graph by names.

    Attributes:
        made_by, readers: nodes by the names of what they write and read.
        kept: constants by their names.
        dtypes, shapes: of tensors, where they are known.
        outputs: the names of what the model gives.
        foreign: whether it has nodes that are not ONNX's own, whose shapes onnx does not know.
    """

    made_by: dict[str, Any] = field(default_factory=dict)
    readers: dict[str, list[Any]] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    outputs: set[str] = field(default_factory=set)
    foreign: bool = False

    @classmethod
    def of(cls, proto: Any) -> _Graph:
        graph = cls(foreign=any(node.domain not in {"", "ai.onnx"} for node in proto.node))
        for tensor in proto.initializer:
            graph._keep(tensor.name, tensor)
        for node in proto.node:
            graph._add(node)
        graph.outputs.update(value.name for value in proto.output)
        for value in (*proto.input, *proto.value_info, *proto.output):
            told = value.type.tensor_type
            graph.dtypes.setdefault(value.name, _dtype(told.elem_type))
            if told.HasField("shape"):
                sizes = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in told.shape.dim)
                graph.shapes.setdefault(value.name, sizes)
        return graph

    def _keep(self, name: str, tensor: Any) -> None:
        self.kept[name] = tensor
        self.dtypes[name], self.shapes[name] = _dtype(tensor.data_type), tuple(tensor.dims)

    def _add(self, node: Any) -> None:
        for name in node.output:
            self.made_by[name] = node
        for name in node.input:
            self.readers.setdefault(name, []).append(node)
        if node.op_type == "Constant" and (tensor := _told(node.attribute[0])) is not None:
            self._keep(node.output[0], tensor)


def _told(attribute: Any) -> Any | None:
    """What a Constant node holds, if it is numbers."""
    import onnx

    if attribute.name == "value":
        return attribute.t
    dtype = {"value_int": "int64", "value_ints": "int64", "value_float": "float32", "value_floats": "float32"}
    if attribute.name not in dtype:
        return None
    return onnx.numpy_helper.from_array(np.asarray(onnx.helper.get_attribute_value(attribute), dtype[attribute.name]))


@dataclass(frozen=True)
class _Tensor:
    """A tensor as its node computes with it.

    Attributes:
        scales, zeros: of its integers; None: it has none, or they are computed.
        axis: that there is a scale for each of; None: there is one for all.
        values: what it holds if it is constant, as integers where it has scales.
    """

    dtype: str
    shape: Shape | None
    scales: np.ndarray | None
    zeros: np.ndarray | None
    axis: int | None
    values: np.ndarray | None


@dataclass(frozen=True)
class _Seen:
    """A node in its graph, and ways to look at its tensors by their place."""

    graph: _Graph
    node: Any

    @property
    def kind(self) -> str:
        return str(self.node.op_type)

    def given(self, place: int) -> _Tensor | None:
        """An input; None where it is left out."""
        name = self.node.input[place] if place < len(self.node.input) else ""
        if not name:
            return None
        source = self.graph.made_by.get(name)
        return self._tensor(name, source if source is not None and source.op_type == QDQ[1] else None)

    def made(self, place: int = 0) -> _Tensor:
        """An output."""
        name = self.node.output[place]
        readers = self.graph.readers.get(name, [])
        quantized = bool(readers) and all(reader.op_type == QDQ[0] for reader in readers)
        return self._tensor(name, readers[0] if quantized else None)

    def _tensor(self, name: str, scaling: Any | None) -> _Tensor:
        graph, shape = self.graph, self.graph.shapes.get(name)
        if scaling is None:
            return _Tensor(graph.dtypes.get(name, ""), shape, None, None, None, self.stored(name))
        scales, zeros = (self.stored(part) for part in (*scaling.input[1:3], "")[:2])
        integers = scaling.input[0] if scaling.op_type == QDQ[1] else scaling.output[0]
        several = scales is not None and scales.size > 1
        axis = int(_attribute(scaling, "axis", 1)) % len(shape) if several and shape else None
        return _Tensor(graph.dtypes.get(integers, ""), shape, scales, zeros, axis, self.stored(integers))

    def stored(self, name: str) -> np.ndarray | None:
        """A constant; None where it is computed."""
        import onnx

        kept = self.graph.kept.get(name)
        return None if kept is None else np.asarray(onnx.numpy_helper.to_array(kept))

    def attribute(self, name: str, default: Any = None) -> Any:
        return _attribute(self.node, name, default)


def _attribute(node: Any, name: str, default: Any = None) -> Any:
    import onnx

    for each in node.attribute:
        if each.name == name:
            value = onnx.helper.get_attribute_value(each)
            return value.decode() if isinstance(value, bytes) else value
    return default


def _dtype(number: int) -> str:
    import onnx

    return str(onnx.TensorProto.DataType.Name(number)) if number else ""


_REDUCTIONS = ("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum")
_NORMS = ("BatchNormalization", "InstanceNormalization", "LayerNormalization")
_PARAMETERS = {
    "BatchNormalization": (1, 2, 3, 4), "Clip": (1, 2), "CumSum": (1,), "Expand": (1,), "Pad": (1, 2),
    "Slice": (1, 2, 3, 4), "Split": (1,), "Tile": (1,), "TopK": (1,), **dict.fromkeys(_REDUCTIONS, (1,)),
}  # fmt: skip
"""The inputs that are no feature maps, by their place."""
_ATTRIBUTES: dict[str, dict[str, Fact]] = {
    "ArgMax": {"select_last_index": 0}, "ArgMin": {"select_last_index": 0}, "CumSum": {"exclusive": 0, "reverse": 0},
    "GatherND": {"batch_dims": 0}, "Gemm": {"alpha": 1.0, "beta": 1.0}, "GridSample": {"mode": "linear"},
    "LpNormalization": {"p": 2}, "LpPool": {"p": 2}, "Mod": {"fmod": 0}, "Pad": {"mode": "constant"},
    "Resize": {
        "mode": "nearest", "coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_floor",
        "antialias": 0,
    },
}  # fmt: skip
"""Attributes that are facts under their own names, and what they are where they are left out."""


def _facts(seen: _Seen) -> Told:
    yield from _tensors(seen)
    for name, default in _ATTRIBUTES.get(seen.kind, {}).items():
        yield name, seen.attribute(name, default)
    if seen.kind in _PARAMETERS:
        yield "parameters_constant", all(_is_constant(seen.given(place)) for place in _PARAMETERS[seen.kind])
    about: dict[str, Callable[[_Seen], Told]] = {
        **dict.fromkeys(("AveragePool", "LpPool", "MaxPool"), _dilated), **dict.fromkeys(_REDUCTIONS, _reduction),
        **dict.fromkeys(("Gemm", "MatMul"), _weighted), **dict.fromkeys(("GRU", "LSTM"), _recurrent),
        **dict.fromkeys(_NORMS, _normalized),
        "Cast": _cast, "Conv": _convolution, "ConvTranspose": _convolution, "Max": _bounded, "Min": _bounded,
        "Einsum": _equation, "PRelu": _sloped, "Pad": _padding, "Resize": _resize,
    }  # fmt: skip
    if seen.kind in about:
        yield from about[seen.kind](seen)


def _tensors(seen: _Seen) -> Told:
    """What is told of every kind: dtypes, shapes, scales."""
    given = [tensor for place in range(len(seen.node.input)) if (tensor := seen.given(place)) is not None]
    made = [seen.made(place) for place, name in enumerate(seen.node.output) if name]
    maps = [*(tensor for tensor in given if tensor.values is None), *made]
    yield "dtype", _computed_in(given, made[0])
    yield "rank", max((len(tensor.shape) for tensor in maps if tensor.shape is not None), default=None)
    yield "fixed", _fixed([tensor.shape for tensor in maps], seen.graph.foreign)
    yield "per_axis", any(tensor.axis is not None for tensor in maps)
    yield "inputs", len(given)
    yield "outputs", len(made)


def _computed_in(given: Sequence[_Tensor], made: _Tensor) -> str | None:
    """The dtype in which a node computes: that of its first input that is no truth value.

    It is float where the output is not of the same scaled integers: a Q and a DQ of two dtypes make no integer node.
    """
    if not given:
        return None
    seen = next((tensor for tensor in given if tensor.dtype != "BOOL"), given[0])
    apart = seen.scales is not None and made.dtype != seen.dtype and (made.scales is not None or made.dtype == "FLOAT")
    return "FLOAT" if apart else seen.dtype


def _fixed(shapes: Sequence[Shape | None], foreign: bool) -> bool | None:
    """Whether every dimension is a number. Where ONNX's own nodes alone are, a shape not known is one not fixed."""
    if any(not isinstance(size, int) for shape in shapes for size in shape or ()):
        return False
    return True if None not in shapes else None if foreign else False


def _is_constant(tensor: _Tensor | None) -> bool:
    """Whether an input is constant, or left out."""
    return tensor is None or tensor.values is not None


def _weighted(seen: _Seen) -> Told:
    weights = seen.given(1)
    if weights is not None:
        yield "weight_dtype", weights.dtype
        yield "weights_constant", weights.values is not None
        yield "weight_axis", weights.axis
        yield "weights_centred", _centred(weights)
        rank = None if weights.shape is None else len(weights.shape)
        yield "weight_rank", rank
        yield "scales_of_columns", None if rank is None else weights.axis is None or weights.axis % rank == rank - 1


def _centred(weights: _Tensor) -> bool | None:
    """Whether the zero point is in the middle of what the dtype can hold."""
    if weights.zeros is None or weights.zeros.dtype.kind not in "iu":
        return None
    limits = np.iinfo(weights.zeros.dtype)
    return bool((weights.zeros.astype(np.int64) == (limits.min + limits.max + 1) // 2).all())


def _dilated(seen: _Seen) -> Told:
    yield "dilation", max(seen.attribute("dilations") or [1])


def _convolution(seen: _Seen) -> Told:
    yield from _weighted(seen)
    yield from _dilated(seen)
    weights, groups = seen.given(1), int(seen.attribute("group", 1))
    yield "groups", groups
    if weights is not None and weights.shape is not None:
        yield "depthwise", weights.shape[:2] == (groups, 1)
        yield "one_output_a_group", weights.shape[1] == 1


def _reduction(seen: _Seen) -> Told:
    shape, axes = seen.made().shape, seen.given(1)
    yield "out_rank", None if shape is None else len(shape)
    none = axes is None or (axes.values is not None and axes.values.size == 0)
    yield "does_nothing", none and bool(seen.attribute("noop_with_empty_axes", 0))


def _normalized(seen: _Seen) -> Told:
    factors, offsets = seen.given(1), seen.given(2)
    yield "factor_dtype", None if factors is None else factors.dtype
    yield "offset_dtype", None if offsets is None else offsets.dtype
    shape, axis = seen.made().shape, int(seen.attribute("axis", -1))
    yield "over_last_axis", None if shape is None else axis % len(shape) == len(shape) - 1


def _equation(seen: _Seen) -> Told:
    """The equation with its axes called a, b, c, … in their order: what they are called is nobody's business."""
    told = str(seen.attribute("equation")).replace(" ", "")
    axes = dict.fromkeys(letter for letter in told if letter.isalpha())
    yield "equation", told.translate({ord(axis): chr(ord("a") + number) for number, axis in enumerate(axes)})


def _sloped(seen: _Seen) -> Told:
    slopes = seen.given(1)
    yield "slope_rank", None if slopes is None or slopes.shape is None else len(slopes.shape)


def _bounded(seen: _Seen) -> Told:
    """Of the larger or smaller of two: whether one is stored, value by value."""
    given, whole = map(seen.given, range(len(seen.node.input))), seen.made().shape
    stored = [each for each in given if each is not None and each.values is not None]
    yield "whole_constant", any(each.shape == whole for each in stored)


def _padding(seen: _Seen) -> Told:
    widths = seen.given(1)
    yield "axes_given", seen.given(3) is not None
    yield "least_width", None if widths is None or widths.values is None else int(widths.values.min(initial=0))


def _resize(seen: _Seen) -> Told:
    before, after = given.shape if (given := seen.given(0)) is not None else None, seen.made().shape
    yield "only_sides", None if before is None or after is None else before[:2] == after[:2]


def _recurrent(seen: _Seen) -> Told:
    yield "clips", seen.attribute("clip") is not None


def _cast(seen: _Seen) -> Told:
    yield "to", seen.made().dtype
    yield "at_output", seen.node.output[0] in seen.graph.outputs
