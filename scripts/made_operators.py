"""TFLite operators on either side of every limit that an accelerator's rules name, many between, and some drawn."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from families import gathered

from edgebuild.backends.litert.flatbuffer import write

NUMPY = {
    "INT8": np.int8, "UINT8": np.uint8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "FLOAT32": np.float32,
    "BOOL": np.bool_,
}  # fmt: skip
SAME, VALID = 0, 1


@dataclass(frozen=True)
class Tensor:
    """A tensor: constant where it has data, scaled where it has scales."""

    shape: tuple[int, ...]
    dtype: str = "INT8"
    scales: tuple[float, ...] = (0.05,)
    zero: int = 0
    data: np.ndarray | None = None
    axis: int = 0
    open_axes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Made:
    """One operator: its name, kind, tensors, and its options by the names of TFLite's schema."""

    name: str
    kind: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    options: tuple[tuple[str, Any], ...] = ()
    table: str = ""

    def __str__(self) -> str:
        shown = [f"{t.dtype}{list(t.shape)}" for t in (*self.inputs, *self.outputs)]
        return f"{self.kind} {self.name}: {', '.join(shown)} {dict(self.options)}"


@dataclass
class _File:
    model: Any = field(default_factory=schema.ModelT)
    codes: list[str] = field(default_factory=list)


def model_of(operators: Sequence[Made]) -> bytes:
    """A model with these operators side by side; each computes a tensor of its own name."""
    file = _File()
    model = file.model
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], []
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs, graph.name = [], [], [], [], b"main"
    for made in operators:
        operator = schema.OperatorT()
        operator.opcodeIndex = _code(file, made.kind)
        given = [_add(model, graph, f"{made.name}/in{place}", one) for place, one in enumerate(made.inputs)]
        operator.inputs = np.array(given, np.int32)
        outs = [
            _add(model, graph, made.name if place == 0 else f"{made.name}/out{place}", one)
            for place, one in enumerate(made.outputs)
        ]
        operator.outputs = np.array(outs, np.int32)
        graph.inputs += [index for index, one in zip(given, made.inputs, strict=True) if one.data is None]
        graph.outputs += outs
        if made.table:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, made.table)
            operator.builtinOptions = getattr(schema, f"{made.table}T")()
            for name, value in made.options:
                assert hasattr(operator.builtinOptions, name), (made.table, name)
                setattr(operator.builtinOptions, name, value)
        graph.operators.append(operator)
    model.subgraphs = [graph]
    return write(model)


def _code(file: _File, kind: str) -> int:
    if kind not in file.codes:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
        file.model.operatorCodes.append(code)
        file.codes.append(kind)
    return file.codes.index(kind)


def _add(model: Any, graph: Any, name: str, made: Tensor) -> int:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = (
        name.encode(),
        np.array(made.shape, np.int32),
        getattr(schema.TensorType, made.dtype),
    )
    tensor.buffer = 0
    if made.open_axes:
        open_shape = [-1 if axis in made.open_axes else size for axis, size in enumerate(made.shape)]
        tensor.shapeSignature = np.array(open_shape, np.int32)
    if made.data is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(made.data, NUMPY[made.dtype]).tobytes(), np.uint8)
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
    if made.scales:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = np.array(made.scales, np.float32)
        tensor.quantization.zeroPoint = np.array([made.zero] * len(made.scales), np.int64)
        tensor.quantization.quantizedDimension = made.axis
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _integers(values: Any, dtype: str = "INT32") -> Tensor:
    data = np.asarray(values, NUMPY[dtype])
    return Tensor(data.shape, dtype, scales=(), data=data)


def _side(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    reach = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == SAME else max(1, (size - reach) // stride + 1)


def convolution(  # noqa: PLR0913, PLR0917 - all that a rule may ask about
    name: str, side: tuple[int, int] = (12, 12), channels: tuple[int, int] = (4, 8), kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1), dilation: int = 1, padding: int = SAME, dtype: str = "INT8",
    weights: str = "INT8", fill: int = 1, bias: str = "INT32", per_channel: bool = True, constant_bias: bool = True,
    batch: int = 1, constant_weights: bool = True, scales: tuple[float, ...] = (0.05,),
) -> Made:  # fmt: skip
    shape = (channels[1], *kernel, channels[0])
    own = tuple(0.01 for _ in range(channels[1])) if per_channel else (0.01,)
    given = (
        Tensor((batch, *side, channels[0]), dtype, scales),
        Tensor(shape, weights, own, data=np.full(shape, fill) if constant_weights else None),
        Tensor((channels[1],), bias, own, data=np.zeros(channels[1]) if constant_bias else None),
    )
    out = tuple(_side(side[a], kernel[a], stride[a], dilation, padding) for a in (0, 1))
    options = (
        ("padding", padding), ("strideH", stride[0]), ("strideW", stride[1]), ("dilationHFactor", dilation),
        ("dilationWFactor", dilation),
    )  # fmt: skip
    made = Tensor((batch, *out, channels[1]), dtype, scales)
    return Made(name, "CONV_2D", given, (made,), options, "Conv2DOptions")


def depthwise(  # noqa: PLR0913, PLR0917 - all that a rule may ask about
    name: str, side: tuple[int, int] = (12, 12), channels: int = 8, kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1), dilation: int = 1, padding: int = SAME, multiplier: int = 1, dtype: str = "INT8",
    weights: str = "INT8", bias: str = "INT32", constant: bool = True,
) -> Made:  # fmt: skip
    outputs = channels * multiplier
    shape, own = (1, *kernel, outputs), tuple(0.01 for _ in range(outputs))
    kept = Tensor(shape, weights, own, data=np.ones(shape), axis=3) if constant else Tensor(shape, weights, (0.01,))
    given = (
        Tensor((1, *side, channels), dtype), kept,
        Tensor((outputs,), bias, own, data=np.zeros(outputs)),
    )  # fmt: skip
    out = tuple(_side(side[a], kernel[a], stride[a], dilation, padding) for a in (0, 1))
    options = (
        ("padding", padding), ("strideH", stride[0]), ("strideW", stride[1]), ("depthMultiplier", multiplier),
        ("dilationHFactor", dilation), ("dilationWFactor", dilation),
    )  # fmt: skip
    return Made(
        name, "DEPTHWISE_CONV_2D", given, (Tensor((1, *out, outputs), dtype),), options, "DepthwiseConv2DOptions"
    )


def dense(  # noqa: PLR0913, PLR0917 - all that a rule may ask about
    name: str, size: tuple[int, int] = (16, 8), rows: int = 1, dtype: str = "INT8", weights: str = "INT8",
    bias: str = "INT32", constant: bool = True, fill: int = 1, shape: tuple[int, ...] = (),
) -> Made:  # fmt: skip
    shape = shape or (size[1], size[0])
    given = (
        Tensor((rows, size[0]), dtype),
        Tensor(shape, weights, (0.01,), data=np.full(shape, fill) if constant else None),
        Tensor((size[1],), bias, (0.0005,), data=np.zeros(size[1])),
    )  # fmt: skip
    return Made(name, "FULLY_CONNECTED", given, (Tensor((rows, size[1]), dtype),), (), "FullyConnectedOptions")


def pooling(
    name: str, kind: str, side: tuple[int, int] = (16, 16), kernel: tuple[int, int] = (2, 2),
    stride: tuple[int, int] = (2, 2), padding: int = VALID, dtype: str = "INT8", channels: int = 4,
) -> Made:  # fmt: skip
    out = tuple(_side(side[a], kernel[a], stride[a], 1, padding) for a in (0, 1))
    options = (
        ("padding", padding), ("strideH", stride[0]), ("strideW", stride[1]), ("filterHeight", kernel[0]),
        ("filterWidth", kernel[1]),
    )  # fmt: skip
    given, made = Tensor((1, *side, channels), dtype), Tensor((1, *out, channels), dtype)
    return Made(name, kind, (given,), (made,), options, "Pool2DOptions")


def reduction(
    name: str, kind: str, shape: tuple[int, ...], axes: tuple[int, ...], dtype: str = "INT8", keep: bool = False,
    constant: bool = True,
) -> Made:  # fmt: skip
    reduced = {axis % len(shape) for axis in axes}
    out = tuple(1 if axis in reduced else size for axis, size in enumerate(shape) if keep or axis not in reduced)
    over = _integers(axes) if constant else Tensor((len(axes),), "INT32", ())
    given = (Tensor(shape, dtype), over)
    return Made(name, kind, given, (Tensor(out or (1,), dtype),), (("keepDims", keep),), "ReducerOptions")


def unary(  # noqa: PLR0913, PLR0917 - all that a rule may ask about
    name: str, kind: str, shape: tuple[int, ...] = (1, 6, 6, 8), dtype: str = "INT8", out: str = "", table: str = "",
    options: tuple[tuple[str, Any], ...] = (), scales: tuple[float, ...] = (0.05,), out_scales: tuple[float, ...] = (),
    open_axes: tuple[int, ...] = (), zero: int = 0,
) -> Made:  # fmt: skip
    given = Tensor(shape, dtype, scales, zero, open_axes=open_axes)
    made = Tensor(shape, out or dtype, out_scales or (0.04,), open_axes=open_axes)
    return Made(name, kind, (given,), (made,), options, table)


def binary(  # noqa: PLR0913, PLR0917 - all that a rule may ask about
    name: str, kind: str, shapes: tuple[tuple[int, ...], tuple[int, ...]] = ((1, 6, 6, 8), (1, 6, 6, 8)),
    dtype: str = "INT8", table: str = "", same_scale: bool = True, constant: bool = False, zero: int = 0,
    scaled: bool = True,
) -> Made:  # fmt: skip
    own = (0.05,) if scaled else ()
    second = np.ones(shapes[1]) if constant else None
    other = Tensor(shapes[1], dtype, ((0.05,) if same_scale else (0.02,)) if scaled else (), zero, data=second)
    out = tuple(np.broadcast_shapes(*shapes))
    given = (Tensor(shapes[0], dtype, own, zero), other)
    return Made(name, kind, given, (Tensor(out, dtype, own, zero),), (), table)


def transpose(
    name: str, shape: tuple[int, ...], order: tuple[int, ...], dtype: str = "INT8", constant: bool = True
) -> Made:
    perm = _integers(order) if constant else Tensor((len(order),), "INT32", ())
    out = tuple(shape[axis] for axis in order)
    return Made(name, "TRANSPOSE", (Tensor(shape, dtype), perm), (Tensor(out, dtype),), (), "TransposeOptions")


def resize(
    name: str, kind: str, side: tuple[int, int], to: tuple[int, int], corners: bool = False, half: bool = False,
    dtype: str = "INT8",
) -> Made:  # fmt: skip
    given = (Tensor((1, *side, 4), dtype), _integers(to))
    table = "ResizeBilinearOptions" if kind == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
    options = (("alignCorners", corners), ("halfPixelCenters", half))
    return Made(name, kind, given, (Tensor((1, *to, 4), dtype),), options, table)


def pad(
    name: str, kind: str, widths: tuple[tuple[int, int], ...], shape: tuple[int, ...] = (1, 6, 6, 8),
    dtype: str = "INT8", parameter: str = "INT32", constant: bool = True,
) -> Made:  # fmt: skip
    over = _integers(widths, parameter) if constant else Tensor((len(widths), 2), parameter, ())
    out = tuple(size + sum(width) for size, width in zip(shape, widths, strict=True))
    table = {"PAD": "PadOptions", "MIRROR_PAD": "MirrorPadOptions"}[kind]
    return Made(name, kind, (Tensor(shape, dtype), over), (Tensor(out, dtype),), (), table)


def strided_slice(
    name: str, shape: tuple[int, ...], begin: tuple[int, ...], end: tuple[int, ...], steps: tuple[int, ...],
    dtype: str = "INT8",
) -> Made:  # fmt: skip
    out = tuple(len(range(*slice(*each).indices(size))) for size, *each in zip(shape, begin, end, steps, strict=True))
    given = (Tensor(shape, dtype), _integers(begin), _integers(end), _integers(steps))
    return Made(name, "STRIDED_SLICE", given, (Tensor(out, dtype),), (), "StridedSliceOptions")


def transposed(  # noqa: PLR0913, PLR0917 - all that a rule may ask about
    name: str, side: tuple[int, int] = (6, 6), kernel: tuple[int, int] = (2, 2), stride: tuple[int, int] = (2, 2),
    padding: int = SAME, extra: int = 0, dtype: str = "INT8", weights: str = "INT8", channels: tuple[int, int] = (4, 8),
) -> Made:  # fmt: skip
    grown = [side[a] * stride[a] + (0 if padding == SAME else max(kernel[a] - stride[a], 0)) + extra for a in (0, 1)]
    shape, own = (channels[1], *kernel, channels[0]), tuple(0.01 for _ in range(channels[1]))
    out = (1, *grown, channels[1])
    given = (
        _integers(out), Tensor(shape, weights, own, data=np.ones(shape)), Tensor((1, *side, channels[0]), dtype),
        Tensor((channels[1],), "INT32", own, data=np.zeros(channels[1])),
    )  # fmt: skip
    options = (("padding", padding), ("strideH", stride[0]), ("strideW", stride[1]))
    return Made(name, "TRANSPOSE_CONV", given, (Tensor(out, dtype),), options, "TransposeConvOptions")


def product(name: str, rows: int = 4, inner: int = 8, columns: int = 6, dtype: str = "INT8", batch: int = 1) -> Made:
    given = (Tensor((batch, rows, inner), dtype), Tensor((batch, inner, columns), dtype))
    return Made(name, "BATCH_MATMUL", given, (Tensor((batch, rows, columns), dtype),), (), "BatchMatMulOptions")


def gather(name: str, axis: int, batch: int, dtype: str = "INT8") -> Made:
    shape = (1, 6, 7, 8)
    indices = Tensor((*shape[:batch], 3), "INT32", data=np.zeros((*shape[:batch], 3)))
    out = (*shape[:axis], 3, *shape[axis + 1 :])
    options = (("axis", axis), ("batchDims", batch))
    return Made(name, "GATHER", (Tensor(shape, dtype), indices), (Tensor(out, dtype),), options, "GatherOptions")


def arg_max(name: str, shape: tuple[int, ...], axis: int, dtype: str = "INT8", out: str = "INT32") -> Made:
    left = tuple(size for place, size in enumerate(shape) if place != axis % len(shape))
    given = (Tensor(shape, dtype), _integers(axis))
    options = (("outputType", getattr(schema.TensorType, out)),)
    return Made(name, "ARG_MAX", given, (Tensor(left, out, ()),), options, "ArgMaxOptions")


def concatenation(name: str, dtype: str = "INT8", axis: int = 3, same_scale: bool = True) -> Made:
    given = (Tensor((1, 6, 6, 8), dtype), Tensor((1, 6, 6, 8), dtype, (0.05,) if same_scale else (0.02,)))
    out = tuple(size * 2 if place == axis else size for place, size in enumerate((1, 6, 6, 8)))
    return Made(name, "CONCATENATION", given, (Tensor(out, dtype),), (("axis", axis),), "ConcatenationOptions")


def split(name: str, pieces: int, told: int = 0, dtype: str = "INT8") -> Made:
    given = (_integers(3), Tensor((1, 4, 4, 8), dtype))
    made = tuple(Tensor((1, 4, 4, 8 // pieces), dtype) for _ in range(pieces))
    return Made(name, "SPLIT", given, made, (("numSplits", told or pieces),), "SplitOptions")


def reshape(name: str, shape: tuple[int, ...], to: tuple[int, ...], dtype: str = "INT8") -> Made:
    given = (Tensor(shape, dtype), _integers(to))
    return Made(name, "RESHAPE", given, (Tensor(to, dtype),), (("newShape", np.array(to, np.int32)),), "ReshapeOptions")


ELEMENTWISE = {
    "ABS": "AbsOptions", "EXP": "ExpOptions", "GELU": "GeluOptions", "HARD_SWISH": "HardSwishOptions",
    "LEAKY_RELU": "LeakyReluOptions", "NEG": "NegOptions", "SOFTMAX": "SoftmaxOptions", "QUANTIZE": "QuantizeOptions",
    "ELU": "", "LOG": "", "LOGISTIC": "", "RELU": "", "RELU6": "", "RELU_0_TO_1": "", "RELU_N1_TO_1": "", "RSQRT": "",
    "TANH": "",
}  # fmt: skip
BINARY = {
    "ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions", "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions", "SQUARED_DIFFERENCE": "SquaredDifferenceOptions",
}  # fmt: skip
ELSEWHERE = {
    "SIN": "", "COS": "CosOptions", "FLOOR": "", "ROUND": "", "SQRT": "", "SQUARE": "SquareOptions",
    "SIGN": "SignOptions", "CEIL": "",
}  # fmt: skip
"""Elementwise kinds that few accelerators have."""


def _options(kind: str) -> tuple[tuple[str, Any], ...]:
    return {"LEAKY_RELU": (("alpha", 0.1),), "SOFTMAX": (("beta", 1.0),)}.get(kind, ())


def all_operators() -> tuple[Made, ...]:
    """All of them, each of a name of its own."""
    return gathered(FAMILIES)


def _convolutions() -> Iterator[Made]:
    for stride, padding in itertools.product(range(1, 7), (SAME, VALID)):
        yield convolution(f"conv_s{stride}_p{padding}", stride=(stride, stride), padding=padding)
        yield convolution(f"conv_h{stride}_p{padding}", (24, 24), stride=(stride, 1), padding=padding)
        yield convolution(f"conv_w{stride}_p{padding}", (24, 24), stride=(1, stride), padding=padding)
    for stride, dilation in itertools.product((1, 2, 3, 4, 5), (2, 3)):
        for padding in (SAME, VALID):
            name = f"conv_s{stride}_d{dilation}_p{padding}"
            yield convolution(name, (24, 24), stride=(stride, stride), dilation=dilation, padding=padding)


def _convolution_windows() -> Iterator[Made]:
    for kernel in ((1, 1), (1, 7), (7, 1), (5, 5), (11, 11), (16, 16), (64, 1), (1, 64), (65, 1), (1, 65), (64, 64)):
        yield convolution(f"conv_k{kernel[0]}x{kernel[1]}", (70, 70), (1, 2), kernel, padding=VALID)
    for kernel in ((33, 3), (3, 33), (63, 2), (65, 65)):
        yield convolution(f"conv_k{kernel[0]}x{kernel[1]}_same", (70, 70), (1, 2), kernel)


def _convolution_dtypes() -> Iterator[Made]:
    for dtype, weights, bias in itertools.product(
        ("INT8", "UINT8", "INT16"), ("INT8", "UINT8", "INT16"), ("INT32", "INT64")
    ):
        if weights != "UINT8" or dtype == "UINT8":
            yield convolution(
                f"conv_{dtype}_{weights}_{bias}", dtype=dtype, weights=weights, bias=bias, per_channel=False
            )
    for bias in ("INT16", "INT8"):
        yield convolution(f"conv_bias_{bias}", bias=bias)
    yield convolution("conv_float", dtype="FLOAT32", weights="FLOAT32", bias="FLOAT32", scales=(), per_channel=False)
    yield convolution("conv_hybrid", dtype="FLOAT32", scales=(), per_channel=False)
    yield convolution("conv_int32", dtype="INT32", per_channel=False)
    yield convolution("conv_bias_computed", constant_bias=False)
    yield convolution("conv_weights_computed", constant_weights=False, per_channel=False)


def _convolution_sums() -> Iterator[Made]:
    for depth, fill in ((65535, 127), (65536, 127), (65537, 127), (65600, 127), (70000, 100), (65536, 1), (65537, 1)):
        yield convolution(f"conv_sum_{depth}_{fill}", (1, 1), (depth, 1), (1, 1), fill=fill, per_channel=False)
    for batch in (2, 3):
        yield convolution(f"conv_batch{batch}", batch=batch)
    yield convolution("conv_no_scale", scales=())
    yield convolution("conv_zero_scale", scales=(0.0,))
    yield convolution("conv_per_axis_input", scales=(0.1, 0.2, 0.1, 0.2))


def _depthwise() -> Iterator[Made]:
    for stride, padding in itertools.product(range(1, 6), (SAME, VALID)):
        yield depthwise(f"dw_s{stride}_p{padding}", stride=(stride, stride), padding=padding)
    for stride in (2, 3, 4, 5):
        yield depthwise(f"dw_w{stride}", stride=(1, stride))
        yield depthwise(f"dw_h{stride}", stride=(stride, 1))
    yield depthwise("dw_weights_computed", constant=False)
    for multiplier, channels in itertools.product((1, 2, 4), (1, 3)):
        yield depthwise(f"dw_m{multiplier}_c{channels}", channels=channels, multiplier=multiplier)
    for kernel in ((1, 1), (5, 5), (9, 9), (64, 1), (65, 1), (1, 65)):
        yield depthwise(f"dw_k{kernel[0]}x{kernel[1]}", (70, 70), 2, kernel, padding=VALID)
    for dilation in (2, 4, 8):
        yield depthwise(f"dw_d{dilation}", (24, 24), dilation=dilation)
    for dtype, weights, bias in (
        ("INT16", "INT8", "INT64"), ("INT16", "INT8", "INT32"), ("INT8", "INT16", "INT32"), ("INT32", "INT8", "INT32"),
        ("FLOAT32", "INT8", "INT32"), ("INT8", "INT8", "INT16"), ("INT8", "INT8", "INT64"),
    ):  # fmt: skip
        yield depthwise(f"dw_{dtype}_{weights}_{bias}", dtype=dtype, weights=weights, bias=bias)


def _dense() -> Iterator[Made]:
    for size in ((1, 1), (16, 8), (640, 128), (1000, 10), (3, 7), (4096, 16)):
        yield dense(f"fc_{size[0]}x{size[1]}", size)
    for rows in (1, 2, 7, 64):
        yield dense(f"fc_rows{rows}", rows=rows)
    yield dense("fc_INT32_rows", rows=3, dtype="INT32")
    for shape in ((8, 1, 1, 16), (8, 2, 1, 8), (8, 2, 2, 4)):
        yield dense(f"fc_weights_{'x'.join(map(str, shape))}", shape=shape)
    for dtype, weights, bias in (
        ("UINT8", "UINT8", "INT32"), ("INT16", "INT8", "INT64"), ("INT16", "INT8", "INT32"), ("INT8", "INT16", "INT32"),
        ("INT32", "INT8", "INT32"), ("FLOAT32", "INT8", "INT32"), ("INT8", "INT8", "INT16"), ("INT8", "INT8", "INT64"),
    ):  # fmt: skip
        yield dense(f"fc_{dtype}_{weights}_{bias}", dtype=dtype, weights=weights, bias=bias)
    for depth in (65535, 65536, 65537, 66000):
        yield dense(f"fc_sum_{depth}", (depth, 1), fill=127)


def _pools() -> Iterator[Made]:
    for kind, short in (("AVERAGE_POOL_2D", "avg"), ("MAX_POOL_2D", "max")):
        for stride, padding in itertools.product(range(1, 6), (SAME, VALID)):
            yield pooling(f"{short}_s{stride}_p{padding}", kind, (24, 24), (4, 4), (stride, stride), padding)
        for kernel, padding in itertools.product(
            ((7, 7), (8, 8), (9, 8), (8, 9), (9, 9), (16, 16), (1, 9), (9, 1)), (SAME, VALID)
        ):
            yield pooling(f"{short}_k{kernel[0]}x{kernel[1]}_p{padding}", kind, (24, 24), kernel, (1, 1), padding)
        for kernel in ((255, 2), (256, 2), (257, 2), (300, 1), (256, 256), (256, 257), (2, 300), (1, 512)):
            side = (max(kernel[0], 8), max(kernel[1], 8))
            yield pooling(f"{short}_k{kernel[0]}x{kernel[1]}", kind, side, kernel, (1, 1), VALID, channels=1)
        for stride in (3, 4, 5):
            yield pooling(f"{short}_padded{stride}", kind, (22, 22), (4, 4), (stride, stride), SAME)
        for dtype in ("UINT8", "INT16", "INT32", "FLOAT32"):
            yield pooling(f"{short}_{dtype}", kind, dtype=dtype)


def _reductions() -> Iterator[Made]:
    image = (1, 8, 8, 16)
    for axes, keep in itertools.product(((1, 2), (1,), (2,), (3,), (1, 2, 3), (2, 3), (1, 3)), (False, True)):
        yield reduction(f"mean_{''.join(map(str, axes))}_{keep}", "MEAN", image, axes, keep=keep)
    for shape in ((1, 1, 8, 16), (1, 8, 1, 16), (1, 8, 8, 1)):
        for axes in ((3,), (2, 3), (1, 3), (1, 2, 3)):
            name = f"mean_{'x'.join(map(str, shape))}_{''.join(map(str, axes))}"
            yield reduction(name, "MEAN", shape, axes, keep=True)


def _reduced_sizes() -> Iterator[Made]:
    image = (1, 8, 8, 16)
    for side in (4095, 4096, 4097, 5000):
        yield reduction(f"mean_w{side}", "MEAN", (1, 1, side, 2), (1, 2), keep=True)
        yield reduction(f"mean_h{side}", "MEAN", (1, side, 1, 2), (1, 2), keep=True)
        yield reduction(f"mean_c{side}", "MEAN", (1, 1, 2, side), (3,), keep=True)
    for h, w, dtype in (
        (256, 256, "INT16"), (256, 257, "INT16"), (300, 300, "INT16"), (128, 256, "INT16"), (256, 256, "UINT8"),
        (2049, 4096, "UINT8"), (2400, 4000, "UINT8"), (256, 300, "INT8"),
    ):  # fmt: skip
        yield reduction(f"mean_{dtype}_{h}x{w}", "MEAN", (1, h, w, 1), (1, 2), dtype, keep=True)
    for dtype in ("UINT8", "INT16", "INT32", "FLOAT32"):
        yield reduction(f"mean_{dtype}", "MEAN", image, (1, 2), dtype)
    yield reduction("mean_INT32_row", "MEAN", (1, 1, 8, 16), (2,), "INT32")
    for batch in (2, 4):
        yield reduction(f"mean_batch{batch}", "MEAN", (batch, 8, 8, 16), (1, 2))
    for shape, axes in (((8, 16), (1,)), ((8, 16), (0,)), ((1, 8, 16), (1,)), ((1, 8, 16), (2,)), ((2, 8, 16), (1,))):
        yield reduction(f"mean_rank{'x'.join(map(str, shape))}_{axes[0]}", "MEAN", shape, axes)
    yield reduction("mean_computed_axes", "MEAN", image, (1, 2), constant=False)


def _other_reductions() -> Iterator[Made]:
    image = (1, 8, 8, 16)
    for kind in ("SUM", "REDUCE_MAX", "REDUCE_MIN"):
        for axes in ((3,), (1, 2), (1,), (2,)):
            yield reduction(f"{kind.lower()}_{''.join(map(str, axes))}", kind, image, axes, keep=True)
        for dtype in ("UINT8", "INT16", "INT32"):
            yield reduction(f"{kind.lower()}_{dtype}", kind, image, (3,), dtype, keep=True)
    for depth in (126, 127, 128, 200):
        yield arg_max(f"argmax_c{depth}", (1, 4, 4, depth), -1)
    for axis in (1, 2, 3):
        yield arg_max(f"argmax_axis{axis}", (1, 4, 4, 16), axis)
    yield arg_max("argmax_int64", (1, 4, 4, 16), -1, out="INT64")
    yield arg_max("argmax_uint8", (1, 4, 4, 16), -1, dtype="UINT8")
    yield arg_max("argmax_int16", (1, 4, 4, 16), -1, dtype="INT16")
    yield arg_max("argmax_int16_small", (1, 1, 2, 4), -1, dtype="INT16")


def _elements() -> Iterator[Made]:
    for kind, table in {**ELEMENTWISE, **ELSEWHERE}.items():
        for dtype in ("INT8", "UINT8", "INT16", "INT32", "FLOAT32"):
            own = () if dtype == "FLOAT32" else (1 / 256,) if kind == "SOFTMAX" else (0.04,)
            made = unary(f"{kind}_{dtype}", kind, dtype=dtype, table=table, options=_options(kind), out_scales=own)
            yield made
        yield unary(f"{kind}_no_scale", kind, table=table, options=_options(kind), scales=())
        yield unary(f"{kind}_per_axis", kind, table=table, options=_options(kind), scales=tuple([0.1] * 8))
        yield unary(f"{kind}_open", kind, table=table, options=_options(kind), open_axes=(1,))
        for dtype in ("INT8", "UINT8", "INT16"):
            own = (1 / 256,) if kind == "SOFTMAX" else (0.04,)
            name = f"{kind}_{dtype}_rank2"
            yield unary(name, kind, (4, 16), dtype, table=table, options=_options(kind), out_scales=own)


def _pairs() -> Iterator[Made]:
    for kind, table in BINARY.items():
        for dtype in ("INT8", "UINT8", "INT16", "INT32", "INT64", "FLOAT32"):
            yield binary(f"{kind}_{dtype}", kind, dtype=dtype, table=table, scaled=dtype != "FLOAT32")
        yield binary(f"{kind}_scales", kind, table=table, same_scale=False)
        yield binary(f"{kind}_uint8_scales", kind, dtype="UINT8", table=table, same_scale=False)
        yield binary(f"{kind}_constant", kind, table=table, constant=True)
        yield binary(f"{kind}_zero_point", kind, dtype="INT32", table=table, zero=3)
        for number, shapes in enumerate(
            (((1, 6, 6, 8), (1, 1, 1, 8)), ((1, 6, 6, 8), (1, 6, 6, 1)), ((1, 1, 1, 8), (1, 6, 6, 8)), ((6, 8), (8,)))
        ):
            yield binary(f"{kind}_broadcast{number}", kind, shapes, table=table)
    for rows in ((255, 257), (256, 256), (65535, 1), (65536, 1), (65537, 1), (300, 300)):
        yield unary(
            f"softmax_{rows[0]}x{rows[1]}",
            "SOFTMAX",
            (1, *rows, 2),
            table="SoftmaxOptions",
            options=_options("SOFTMAX"),
            out_scales=(1 / 256,),
        )


def _transposes() -> Iterator[Made]:
    image = (1, 6, 7, 8)
    for number, order in enumerate(itertools.permutations((1, 2, 3))):
        for dtype in ("INT8", "INT16", "INT32"):
            yield transpose(f"transpose_{''.join(map(str, order))}_{dtype}", image, (0, *order), dtype)
        yield transpose(f"transpose_batch_{number}", (2, 6, 7, 8), (0, *order))
    for order in ((1, 0, 2, 3), (3, 2, 1, 0), (2, 0, 1, 3)):
        yield transpose(f"transpose_{''.join(map(str, order))}", (2, 6, 7, 8), order)
    for order in ((1, 0), (0, 1)):
        yield transpose(f"transpose2_{order[0]}", (16, 9), order)
    for order in itertools.permutations((0, 1, 2)):
        yield transpose(f"transpose3_{''.join(map(str, order))}", (5, 6, 8), order)
    for side in (16384, 16385, 65536, 65537):
        yield transpose(f"transpose_long_c{side}", (1, 2, 3, side), (0, 2, 1, 3))
        yield transpose(f"transpose_int32_c{side}", (1, 2, 3, side), (0, 2, 1, 3), "INT32")
        yield transpose(f"transpose_long_w{side}", (1, 2, side, 3), (0, 1, 3, 2))
    for order in ((0, 2, 1, 3), (0, 1, 3, 2)):
        yield transpose(f"transpose_computed_{order[1]}", image, order, constant=False)
    for rank in (8, 9, 10):
        shape = (*(1 for _ in range(rank - 3)), 3, 4, 5)
        yield transpose(f"transpose_rank{rank}", shape, (*range(rank - 2), rank - 1, rank - 2))
    yield transpose("transpose_rank5", (1, 2, 3, 4, 5), (0, 1, 3, 2, 4))


def _resizes() -> Iterator[Made]:
    for kind, corners, half in itertools.product(
        ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), (False, True), (False, True)
    ):
        short = f"{kind.split('_')[1].lower()}_{corners:d}{half:d}"
        for factor in (1, 2, 3, 4, 8, 16):
            size = (4 - corners) * factor + corners
            yield resize(f"{short}_x{factor}", kind, (4, 4), (size, size), corners, half)
        yield resize(f"{short}_uneven", kind, (4, 4), (8, 16), corners, half)
        yield resize(f"{short}_point", kind, (1, 1), (5, 7), corners, half)
        yield resize(f"{short}_line", kind, (1, 4), (1, (4 - corners) * 2 + corners), corners, half)
        yield resize(f"{short}_down", kind, (8, 8), (4, 4), corners, half)


def _cuts() -> Iterator[Made]:
    image = (1, 6, 7, 8)
    for widths in (
        ((0, 0), (1, 1), (2, 0), (0, 0)),
        ((0, 0), (0, 0), (0, 0), (0, 3)),
        ((1, 0), (0, 0), (0, 0), (0, 0)),
    ):
        yield pad(f"pad_{''.join(f'{a}{b}' for a, b in widths)}", "PAD", widths)
        yield pad(f"mirror_{''.join(f'{a}{b}' for a, b in widths)}", "MIRROR_PAD", widths)
    edges = ((0, 0), (1, 1), (1, 1), (0, 0))
    for dtype, parameter in (("UINT8", "INT32"), ("INT16", "INT32"), ("INT32", "INT32"), ("INT8", "INT64")):
        yield pad(f"pad_{dtype}_{parameter}", "PAD", edges, dtype=dtype, parameter=parameter)
        yield pad(f"mirror_{dtype}_{parameter}", "MIRROR_PAD", edges, dtype=dtype, parameter=parameter)
    yield pad("pad_computed", "PAD", edges, constant=False)
    yield pad("mirror_computed", "MIRROR_PAD", edges, constant=False)
    for parameter in ("INT16", "INT8"):
        yield pad(f"pad_by_{parameter}", "PAD", edges, parameter=parameter)
        yield pad(f"mirror_by_{parameter}", "MIRROR_PAD", edges, parameter=parameter)
    for steps in ((1, 1, 1, 1), (1, 2, 2, 1), (1, 3, 1, 1), (1, 1, 1, 2), (1, -1, 1, 1)):
        begin, end = ((0, 5, 0, 0), (1, 0, 7, 8)) if steps[1] < 0 else ((0, 0, 0, 0), image)
        yield strided_slice(f"stride_{'_'.join(map(str, steps))}", image, begin, end, steps)
    for dtype in ("UINT8", "INT16", "INT32"):
        yield strided_slice(f"stride_{dtype}", image, (0, 1, 1, 0), (1, 5, 6, 8), (1, 1, 1, 1), dtype)


def _joins() -> Iterator[Made]:
    image = (1, 6, 7, 8)
    for dtype in ("INT8", "UINT8", "INT16", "INT32", "FLOAT32"):
        yield concatenation(f"concat_{dtype}", dtype)
        yield split(f"split_{dtype}", 2, dtype=dtype)
        yield reshape(f"reshape_{dtype}", image, (1, 42, 8), dtype)
    for axis in (1, 2, 3):
        yield concatenation(f"concat_axis{axis}", axis=axis, same_scale=False)
    yield split("split_4", 4)
    for axis, batch in ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)):
        yield gather(f"gather_{axis}_{batch}", axis, batch)
    yield split("split_told_more", 2, told=4)
    yield split("split_told_fewer", 4, told=2)


def _products() -> Iterator[Made]:
    for stride, padding in itertools.product(((1, 1), (2, 2), (2, 1), (1, 2), (3, 3), (4, 4)), (SAME, VALID)):
        name = f"tconv_{stride[0]}{stride[1]}_p{padding}"
        yield transposed(name, stride=stride, padding=padding, kernel=(3, 3))
        yield transposed(f"{name}_row", (1, 6), (1, 3), stride, padding)
        yield transposed(f"{name}_column", (6, 1), (3, 1), stride, padding)
    for extra in (1, 2):
        yield transposed(f"tconv_extra{extra}", extra=extra)
        yield transposed(f"tconv_extra{extra}_valid", padding=VALID, kernel=(3, 3), extra=extra)
    for dtype, weights in (("INT16", "INT8"), ("INT32", "INT8"), ("INT8", "INT16"), ("FLOAT32", "INT8")):
        yield transposed(f"tconv_{dtype}_{weights}", dtype=dtype, weights=weights)
    for dtype in ("INT8", "UINT8", "INT16", "INT32", "FLOAT32"):
        yield product(f"matmul_{dtype}", dtype=dtype)
    for size in (65535, 65536, 65537, 70000):
        yield product(f"matmul_columns{size}", 1, 2, size)
        yield product(f"matmul_inner{size}", 1, size, 1)
    for batch in (2, 5):
        yield product(f"matmul_batch{batch}", batch=batch)


FAMILIES = (
    _convolutions, _convolution_windows, _convolution_dtypes, _convolution_sums, _depthwise, _dense, _pools,
    _reductions, _reduced_sizes, _other_reductions, _elements, _pairs, _transposes, _resizes, _cuts, _joins, _products,
)  # fmt: skip


def drawn_operators(seed: int, count: int) -> tuple[Made, ...]:
    """So many operators of kinds and sizes drawn at random, which no rule was written after."""
    rng = random.Random(seed)
    return tuple(rng.choice(_DRAWS)(f"drawn{number}", rng) for number in range(count))


Draw = Callable[[str, random.Random], Made]


def _two(rng: random.Random, least: int, most: int) -> tuple[int, int]:
    return rng.randint(least, most), rng.randint(least, most)


def _dtype(rng: random.Random) -> str:
    return rng.choices(("INT8", "UINT8", "INT16", "INT32", "FLOAT32"), (10, 2, 3, 1, 1))[0]


def _draw_convolution(name: str, rng: random.Random) -> Made:
    dtype = _dtype(rng)
    return convolution(
        name, _two(rng, 12, 40), _two(rng, 1, 24), _two(rng, 1, 6), _two(rng, 1, 5), rng.choice((1, 1, 2)),
        rng.choice((SAME, VALID)), dtype, "UINT8" if dtype == "UINT8" else "INT8",
        bias=rng.choice(("INT32", "INT64")) if dtype == "INT16" else "INT32", per_channel=dtype != "UINT8",
        batch=rng.choice((1, 1, 1, 2)), scales=() if dtype == "FLOAT32" else (rng.uniform(0.001, 0.2),),
    )  # fmt: skip


def _draw_depthwise(name: str, rng: random.Random) -> Made:
    channels = rng.randint(1, 24)
    return depthwise(
        name, _two(rng, 12, 40), channels, _two(rng, 1, 6), _two(rng, 1, 5), rng.choice((1, 1, 2)),
        rng.choice((SAME, VALID)), rng.choice((1, 2, 3)) if channels == 1 else 1, rng.choice(("INT8", "INT8", "INT16")),
    )  # fmt: skip


def _draw_dense(name: str, rng: random.Random) -> Made:
    return dense(name, _two(rng, 1, 300), rng.randint(1, 9), rng.choice(("INT8", "INT8", "INT16", "FLOAT32")))


def _draw_pooling(name: str, rng: random.Random) -> Made:
    kind = rng.choice(("AVERAGE_POOL_2D", "MAX_POOL_2D"))
    side = _two(rng, 12, 40)
    dtype = rng.choice(("INT8", "UINT8", "INT16", "INT8", "INT32"))
    return pooling(name, kind, side, _two(rng, 1, 12), _two(rng, 1, 5), rng.choice((SAME, VALID)), dtype)


def _draw_reduction(name: str, rng: random.Random) -> Made:
    axes = tuple(sorted(rng.sample((1, 2, 3), rng.randint(1, 3))))
    shape = (1, *(rng.choice((1, 3, 7, 16, 33)) for _ in range(3)))
    dtype = rng.choice(("INT8", "INT8", "UINT8", "INT16", "FLOAT32"))
    return reduction(name, "MEAN", shape, axes, dtype, keep=rng.random() < 0.5)


def _draw_unary(name: str, rng: random.Random) -> Made:
    kind = rng.choice((*ELEMENTWISE, *ELSEWHERE))
    dtype, table = _dtype(rng), {**ELEMENTWISE, **ELSEWHERE}[kind]
    shape = tuple(rng.randint(1, 12) for _ in range(rng.randint(2, 4)))
    shape = (1, *shape[1:])
    own = () if dtype == "FLOAT32" else (rng.uniform(0.001, 0.2),)
    out = () if dtype == "FLOAT32" else (1 / 256,) if kind == "SOFTMAX" else (rng.uniform(0.001, 0.2),)
    return unary(name, kind, shape, dtype, table=table, options=_options(kind), scales=own, out_scales=out)


def _draw_binary(name: str, rng: random.Random) -> Made:
    kind, dtype = rng.choice(tuple(BINARY)), _dtype(rng)
    shape = (1, rng.randint(1, 9), rng.randint(1, 9), rng.randint(1, 24))
    other = tuple(size if rng.random() < 0.7 else 1 for size in shape)
    same = rng.random() < 0.6
    return binary(name, kind, (shape, other), dtype, BINARY[kind], same_scale=same, scaled=dtype != "FLOAT32")


def _draw_transpose(name: str, rng: random.Random) -> Made:
    rank = rng.randint(2, 5)
    shape = tuple(rng.randint(1, 12) for _ in range(rank))
    order = tuple(rng.sample(range(rank), rank))
    return transpose(name, shape, order, rng.choice(("INT8", "INT8", "INT16", "INT32")))


def _draw_resize(name: str, rng: random.Random) -> Made:
    kind = rng.choice(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"))
    side, factor, corners = _two(rng, 1, 12), rng.choice((1, 2, 2, 3, 4, 8)), rng.random() < 0.4
    to = [(size - corners) * factor + corners for size in side]
    if rng.random() < 0.3:
        to[0] += rng.randint(1, 3)
    return resize(name, kind, side, (to[0], to[1]), corners, rng.random() < 0.3)


def _draw_slice(name: str, rng: random.Random) -> Made:
    shape = (1, rng.randint(4, 12), rng.randint(4, 12), rng.randint(4, 12))
    begin = (0, *(rng.randint(0, 2) for _ in range(3)))
    end = (1, *(rng.randint(3, size) for size in shape[1:]))
    steps = (1, rng.choice((1, 1, 2)), rng.choice((1, 1, 2)), rng.choice((1, 1, 1, 2)))
    return strided_slice(name, shape, begin, end, steps, rng.choice(("INT8", "INT16", "INT32")))


def _draw_transposed(name: str, rng: random.Random) -> Made:
    stride = rng.choice(((1, 1), (2, 2), (2, 2), (2, 1), (3, 3)))
    return transposed(name, _two(rng, 1, 12), _two(rng, 1, 4), stride, rng.choice((SAME, VALID)))


_DRAWS: tuple[Draw, ...] = (
    _draw_convolution, _draw_convolution, _draw_depthwise, _draw_dense, _draw_pooling, _draw_reduction, _draw_unary,
    _draw_unary, _draw_binary, _draw_transpose, _draw_resize, _draw_slice, _draw_transposed,
)  # fmt: skip
