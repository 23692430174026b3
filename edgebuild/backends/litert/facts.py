"""What can be told of each operator of a TFLite model, for the rules of accelerators.

Sizes are of tensors seen as (N, H, W, C): missing dimensions in front are 1, those beyond four count as N.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from edgebuild.backends.base import Files
from edgebuild.backends.litert.flatbuffer import operator_kind
from edgebuild.backends.litert.graph import indices, read_one_graph, scaled, tensor_name
from edgebuild.core.array import np
from edgebuild.core.errors import BuildError
from edgebuild.core.operator import Fact, Operator

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
_WEIGHTED = (*_CONVOLUTIONS, "FULLY_CONNECTED")
_REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
_RESIZES = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")


def facts(files: Files) -> tuple[Operator, ...]:
    """The operators of a model in their order, with what can be told of each.

    Raises:
        BuildError: it has several subgraphs, or an operator is not as TFLite's schema wants it.
    """
    model = read_one_graph(files, "the rules of accelerators")
    graph = model.subgraphs[0]
    return tuple(_told(model, graph, operator) for operator in graph.operators if indices(operator.outputs))


def _told(model: Any, graph: Any, operator: Any) -> Operator:
    seen = _Seen(model, graph, operator, operator_kind(model, operator))
    name = tensor_name(graph, indices(operator.outputs)[0])
    try:
        told = {fact: value for fact, value in _facts(seen) if value is not None}
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        found = f"{seen.kind} {name}: {type(error).__name__}: {error}"
        fix = "write the model again with a current converter"
        raise BuildError("read the operators", found, expected="an operator of TFLite's schema", fix=fix) from error
    return Operator(name=name, kind=seen.kind, facts=told)


@dataclass(frozen=True)
class _Seen:
    """An operator with its model, and ways to look at its tensors by their place among its inputs and outputs."""

    model: Any
    graph: Any
    operator: Any
    kind: str

    def tensor(self, place: int) -> Any:
        inputs = self.operator.inputs
        given = inputs is not None and place < len(inputs) and inputs[place] >= 0
        return self.graph.tensors[inputs[place]] if given else None

    def values(self, place: int) -> np.ndarray | None:
        """A constant input; None where it is computed or not there."""
        tensor = self.tensor(place)
        return None if tensor is None else self._stored(tensor)

    def _stored(self, tensor: Any) -> np.ndarray | None:
        data = self.model.buffers[tensor.buffer].data
        if data is None or not len(data) or _dtype(tensor) not in _NUMPY:
            return None
        return np.frombuffer(bytes(data), _NUMPY[_dtype(tensor)])

    def is_constant(self, place: int) -> bool:
        tensor = self.tensor(place)
        data = None if tensor is None else self.model.buffers[tensor.buffer].data
        return data is not None and len(data) > 0

    @property
    def is_custom(self) -> bool:
        """Whether TFLite's schema does not have it."""
        from ai_edge_litert import schema_py_generated as schema

        return not hasattr(schema.BuiltinOperator, self.kind)

    @property
    def output(self) -> Any:
        return self.graph.tensors[indices(self.operator.outputs)[0]]

    def computed(self) -> list[Any]:
        """The feature maps that it reads."""
        return [
            self.tensor(place)
            for place in range(self.count)
            if self.tensor(place) is not None and not self.is_constant(place)
        ]

    @property
    def count(self) -> int:
        """How many inputs there may be, those left out among them."""
        return 0 if self.operator.inputs is None else len(self.operator.inputs)

    def option(self, name: str) -> Any:
        return getattr(self.operator.builtinOptions, name, None)


_NUMPY = {"INT8": "i1", "UINT8": "u1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FLOAT32": "<f4"}
_NARROW = ("INT8", "UINT8", "INT16")
Told = Iterator[tuple[str, "Fact | None"]]


def _facts(seen: _Seen) -> Told:
    yield from _tensors(seen)
    about: dict[str, Callable[[_Seen], Told]] = {
        **dict.fromkeys(_WEIGHTED, _weighted), "AVERAGE_POOL_2D": _pooling, "MAX_POOL_2D": _pooling,
        **dict.fromkeys(_REDUCTIONS, _reduction), **dict.fromkeys(_RESIZES, _resize), "TRANSPOSE": _transpose,
        "BATCH_MATMUL": _product, "ARG_MAX": _arg_max, "STRIDED_SLICE": _strided_slice, "SPLIT": _split,
        "SPLIT_V": _split, "GATHER": _gather,
    }  # fmt: skip
    if seen.kind in about:
        yield from about[seen.kind](seen)


def _tensors(seen: _Seen) -> Told:
    """What is told of every kind: dtypes, shapes, scales."""
    given = seen.computed()[: 1 if seen.kind == "RESHAPE" else None]  # the shape that it is given is no feature map
    made = [seen.graph.tensors[index] for index in indices(seen.operator.outputs)]
    maps = [*given, *made]
    yield "dtypes", tuple(dict.fromkeys(map(_dtype, maps)))
    yield "dtype", _dtype(given[0]) if given else None
    yield "rank", max(len(_shape(tensor)) for tensor in maps)
    yield "custom", seen.is_custom
    yield "fixed", all(size >= 0 for tensor in maps for size in _signature(tensor))
    yield "fixed_but_batch", all(size >= 0 for tensor in maps for size in _signature(tensor)[1:])
    weights = [seen.tensor(1)] if seen.kind in _WEIGHTED else []
    counted = [tensor for tensor in (*maps, *weights) if tensor is not None]
    yield "scaled", all(map(scaled, counted))
    yield "narrow_scaled", all(scaled(tensor) for tensor in counted if _dtype(tensor) in _NARROW)
    yield "positive_scales", all(float(np.min(t.quantization.scale)) > 0 for t in counted if scaled(t))
    yield "per_axis", any(len(tensor.quantization.scale) > 1 for tensor in counted if scaled(tensor))
    points = [int(p) for t in maps if scaled(t) and _dtype(t) == "INT32" for p in t.quantization.zeroPoint]
    yield "int32_zero_point", max(map(abs, points), default=0)
    yield "one_scale", len({_grid(tensor) for tensor in maps}) == 1
    yield "parameters_constant", all(seen.is_constant(place) for place in range(1, seen.count))
    yield "activation", _activation(seen)
    parameter = seen.tensor(1)
    yield "parameter_dtype", None if parameter is None else _dtype(parameter)
    if given:
        yield from _sizes("in", given[0])
    yield from _sizes("out", made[0])
    yield "same_shape", bool(given) and _shape(given[0]) == _shape(made[0])


def _activation(seen: _Seen) -> str | None:
    """The activation that is fused into an operator, by its name in TFLite's schema."""
    from ai_edge_litert import schema_py_generated as schema

    fused = seen.option("fusedActivationFunction")
    return None if fused is None else _names(schema.ActivationFunctionType).get(fused)


def _sizes(side: str, tensor: Any) -> Told:
    n, h, w, c = _nhwc(tensor)
    yield from ((f"{side}_n", n), (f"{side}_h", h), (f"{side}_w", w), (f"{side}_c", c), (f"{side}_rows", h * w))


def _weighted(seen: _Seen) -> Told:
    weights, bias = seen.tensor(1), seen.tensor(3 if seen.kind == "TRANSPOSE_CONV" else 2)
    shape = _shape(weights)
    yield "weight_dtype", _dtype(weights)
    yield "weights_constant", seen.is_constant(1)
    yield "weight_sum", _weight_sum(seen)
    yield "weights_flat", math.prod(shape[1:-1]) == 1
    if bias is not None:
        yield "bias_dtype", _dtype(bias)
        yield "bias_constant", seen.is_constant(3 if seen.kind == "TRANSPOSE_CONV" else 2)
    if seen.kind in _CONVOLUTIONS:
        yield from _window(seen, *shape[1:3])
    if seen.kind == "TRANSPOSE_CONV":
        yield from _transposed(seen, *shape[1:3])


def _weight_sum(seen: _Seen) -> int | None:
    """The largest sum over the weights of one output of their distances from the zero point."""
    values, weights = seen.values(1), seen.tensor(1)
    if values is None or not scaled(weights) or not np.issubdtype(values.dtype, np.integer):
        return None
    axis = len(_shape(weights)) - 1 if seen.kind == "DEPTHWISE_CONV_2D" else 0
    apart = values.reshape(_shape(weights)).astype(np.int64) - int(weights.quantization.zeroPoint[0])
    return int(np.abs(np.moveaxis(apart, axis, 0)).reshape(_shape(weights)[axis], -1).sum(1).max())


def _window(seen: _Seen, height: int, width: int) -> Told:
    stride_h, stride_w = int(seen.option("strideH") or 1), int(seen.option("strideW") or 1)
    yield from (("kernel_h", height), ("kernel_w", width), ("kernel_area", height * width))
    yield from (("stride_h", stride_h), ("stride_w", stride_w), ("stride", max(stride_h, stride_w)))
    dilation = (int(seen.option("dilationHFactor") or 1), int(seen.option("dilationWFactor") or 1))
    yield "dilation", max(dilation)
    yield "even_dilation", dilation[0] == dilation[1]
    valid = seen.option("padding") == 1
    yield "padding", "VALID" if valid else "SAME"
    given, made = _nhwc(seen.tensor(0)), _nhwc(seen.output)
    spans = [
        (made[axis] - 1) * stride + (size - 1) * steps + 1 - given[axis]
        for axis, stride, size, steps in ((1, stride_h, height, dilation[0]), (2, stride_w, width, dilation[1]))
    ]
    yield "padded", not valid and max(spans) > 0


def _transposed(seen: _Seen, height: int, width: int) -> Told:
    given, made = _nhwc(seen.tensor(2)), _nhwc(seen.output)
    stride_h, stride_w = int(seen.option("strideH")), int(seen.option("strideW"))
    yield from _sizes("in", seen.tensor(2))
    yield "strides", f"{stride_w}x{stride_h}"
    same = seen.option("padding") == 0
    grown = (0, 0) if same else (max(height - stride_h, 0), max(width - stride_w, 0))
    yield "whole", made[1] == given[1] * stride_h + grown[0] and made[2] == given[2] * stride_w + grown[1]


def _pooling(seen: _Seen) -> Told:
    yield from _window(seen, int(seen.option("filterHeight")), int(seen.option("filterWidth")))


def _reduction(seen: _Seen) -> Told:
    axes, shape = seen.values(1), _shape(seen.tensor(0))
    if axes is None:
        return
    reduced = sorted({int(axis) % len(shape) for axis in axes})
    yield "reduced", math.prod(shape[axis] for axis in reduced)
    yield "longest_reduced", max((shape[axis] for axis in reduced), default=1)
    yield "reduces_depth", len(shape) - 1 in reduced
    yield "reduces_batch", len(shape) == 4 and 0 in reduced
    yield "depth_by_4", shape[-1] % 4 == 0
    yield "flat", 1 in _nhwc(seen.tensor(0))[1:]


def _resize(seen: _Seen) -> Told:
    given, made = _nhwc(seen.tensor(0)), _nhwc(seen.output)
    corners = bool(seen.option("alignCorners"))
    less = 1 if corners else 0

    def factor(axis: int) -> float:
        return 1.0 if given[axis] == made[axis] else (made[axis] - less) / max(given[axis] - less, 1)

    yield "half_pixels", bool(seen.option("halfPixelCenters"))
    yield "both_modes", corners and bool(seen.option("halfPixelCenters"))
    yield "scale", max(factor(1), factor(2))
    yield "even_scale", factor(1) == factor(2)
    yield "line", (given[1] == made[1] == 1) or (given[2] == made[2] == 1)
    yield "point", given[1] == given[2] == 1
    yield (
        "power_of_two",
        all(f >= 1 and float(f).is_integer() and int(f) & (int(f) - 1) == 0 for f in (factor(1), factor(2))),
    )


def _transpose(seen: _Seen) -> Told:
    order, shape = seen.values(1), _shape(seen.tensor(0))
    if order is None:
        return
    # Axes in front that stay where they are, seen as one: what is left is an order of at most (N, H, W, C).
    lead = 4 - len(shape)
    padded = (*range(lead), *(int(axis) + lead for axis in order)) if lead >= 0 else tuple(int(axis) for axis in order)
    yield "order", "".join("NHWC"[axis] for axis in padded) if len(padded) == 4 else "other"
    n, h, w, c = _nhwc(seen.tensor(0))
    yield "nh", n * h
    yield "longest", max(h, w, c)
    yield "largest_plane", max(_planes(shape), default=1)


def _planes(shape: tuple[int, ...]) -> Iterator[int]:
    """The products of any two axes less than there are."""
    whole = math.prod(shape)
    for first_axis in range(len(shape)):
        for second in range(first_axis):
            yield whole // max(1, shape[first_axis] * shape[second])


def _product(seen: _Seen) -> Told:
    shape = _shape(seen.tensor(0))
    yield "inner", shape[-2] if seen.option("adjX") else shape[-1]


def _arg_max(seen: _Seen) -> Told:
    axis = seen.values(1)
    rank = len(_shape(seen.tensor(0)))
    yield "over_depth", None if axis is None else int(axis.ravel()[0]) % rank == rank - 1


def _strided_slice(seen: _Seen) -> Told:
    strides = seen.values(3)
    if strides is not None:
        yield "forward", bool((strides > 0).all())
        yield "largest_step", int(np.abs(strides).max())
        yield "outer_stride", max((abs(int(s)) for p, s in enumerate(strides) if p in (0, len(strides) - 1)), default=1)


def _split(seen: _Seen) -> Told:
    yield "splits_told", int(seen.option("numSplits") or 0) == len(seen.operator.outputs)


def _gather(seen: _Seen) -> Told:
    yield "axis_is_batch", int(seen.option("axis") or 0) == int(seen.option("batchDims") or 0)


def _dtype(tensor: Any) -> str:
    from ai_edge_litert import schema_py_generated as schema

    return _names(schema.TensorType).get(tensor.type, "unknown")


@functools.cache
def _names(enumeration: type) -> dict[int, str]:
    """What an enumeration of TFLite's schema calls its values."""
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _shape(tensor: Any) -> tuple[int, ...]:
    return () if tensor.shape is None else tuple(int(size) for size in tensor.shape)


def _signature(tensor: Any) -> tuple[int, ...]:
    """The shape, with -1 for a dimension that may change; nothing where none does."""
    return () if tensor.shapeSignature is None else tuple(int(size) for size in tensor.shapeSignature)


def _nhwc(tensor: Any) -> tuple[int, int, int, int]:
    shape = _shape(tensor)
    *front, h, w, c = (1, 1, 1, 1, *shape) if len(shape) < 4 else shape
    return math.prod(front), h, w, c


def _grid(tensor: Any) -> tuple[tuple[float, ...], tuple[int, ...]] | None:
    if not scaled(tensor):
        return None
    return tuple(map(float, tensor.quantization.scale)), tuple(map(int, tensor.quantization.zeroPoint))
