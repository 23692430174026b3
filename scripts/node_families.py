"""ONNX nodes on either side of every limit that an accelerator's rules name, many between, and some drawn."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from families import gathered
from made_nodes import (
    IMAGE,
    Made,
    Value,
    binary,
    clip,
    convolution,
    dense,
    index_of,
    moved,
    normed,
    numbers,
    pad,
    plain,
    pooling,
    product,
    recurrent,
    reduction,
    resize,
    sliced,
    split,
    top,
    transposed,
    typed,
    unary,
)
from onnx import TensorProto

SMOOTH = (
    "Abs", "Asin", "Atan", "Ceil", "Cos", "Elu", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity",
    "LeakyRelu", "Log", "LogSoftmax", "Neg", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Softmax",
    "Softplus", "Sqrt", "Tan", "Tanh", "ThresholdedRelu",
)  # fmt: skip
"""Kinds with one input."""
ELSEWHERE = ("Acos", "Acosh", "Asinh", "Atanh", "Celu", "Cosh", "Erf", "Hardmax", "Mish", "Shrink", "Sinh", "Softsign")
"""Kinds with one input that few accelerators have."""
PAIRED = ("Add", "Div", "Max", "Min", "Mul", "Sub")
COMPARED = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
REDUCED = ("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum")
DTYPES = ("UINT8", "INT8", "UINT16", "INT16", "FLOAT")
SHAPES = ((16,), (4, 16), (1, 4, 16), (1, 8, 6, 6), (1, 4, 6, 4, 6), (1, 2, 3, 2, 3, 4))
"""One of each rank."""
FIVE, SIX = SHAPES[4], SHAPES[5]
FLOATS: dict[str, Any] = {"dtype": "FLOAT", "weights": "FLOAT", "bias": "FLOAT"}


def all_nodes() -> tuple[Made, ...]:
    """All of them, each of a name of its own."""
    return gathered(FAMILIES)


def _convolutions() -> Iterator[Made]:
    for kernel, stride in itertools.product((1, 3, 5), (1, 2, 3, 5)):
        yield convolution(f"conv_k{kernel}_s{stride}", kernel=(kernel, kernel), stride=stride, pads=kernel // 2)
    for group, channels in ((2, (4, 8)), (4, (4, 4)), (4, (4, 8)), (8, (16, 16)), (3, (6, 9))):
        yield convolution(f"conv_g{group}_{channels[1]}", group=group, channels=channels)
    for dilation in (2, 3):
        yield convolution(f"conv_d{dilation}", dilation=dilation)
        yield convolution(f"conv_dw_d{dilation}", dilation=dilation, group=4, channels=(4, 4))
    for auto_pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        yield convolution(f"conv_{auto_pad}", auto_pad=auto_pad, pads=0, stride=1 if auto_pad == "VALID" else 2)
    for batch in (2, 8, "N"):
        yield convolution(f"conv_batch{batch}", batch=batch)
    for bias in ("", "FLOAT", "INT8", "UINT8"):
        yield convolution(f"conv_bias_{bias}", bias=bias)


def _convolution_ranks() -> Iterator[Made]:
    for side in ((12,), (8, 8, 8)):
        axes, channels, kernel = len(side), (4, 4), (3,) * len(side)
        for stride, group in itertools.product((1, 2), (1, 4)):
            yield convolution(f"conv{axes}_s{stride}_g{group}", side, channels, kernel, stride, group=group)
        for dilation in (1, 2):
            yield convolution(
                f"conv{axes}_UINT16_d{dilation}", side, channels, kernel, dilation=dilation, dtype="UINT16"
            )
            yield convolution(f"conv{axes}_FLOAT_d{dilation}", side, channels, kernel, dilation=dilation, **FLOATS)
            yield convolution(f"conv{axes}_d{dilation}", side, channels, kernel, dilation=dilation)


def _weight_dtypes() -> Iterator[Made]:
    for dtype, weights in itertools.product(DTYPES, ("INT8", "UINT8", "INT16", "UINT16", "FLOAT")):
        bias = "FLOAT" if "FLOAT" in {dtype, weights} else "INT32"
        zero = {"UINT8": 128, "UINT16": 32768}.get(weights, 0)
        yield convolution(
            f"conv_{dtype}_{weights}", dtype=dtype, weights=weights, bias=bias, per_channel=False, zero=zero
        )
        yield dense(f"gemm_{dtype}_{weights}", dtype=dtype, weights=weights, bias=bias)
        yield product(f"matmul_{dtype}_{weights}", dtype=dtype, weights=weights)
        yield product(f"matmul_{dtype}_{weights}_constant", ((4, 8), (8, 6)), dtype, weights, constant=True)
    for weights in ("INT16", "UINT16"):
        yield dense(f"gemm_rows_{weights}", 3, dtype="UINT16", weights=weights, turned=False)
    for dtype, group, stride in itertools.product(("UINT8", "INT8", "UINT16", "INT16"), (1, 4), (1, 2)):
        name = f"conv_{dtype}_g{group}_s{stride}"
        yield convolution(name, channels=(4, 4), group=group, stride=stride, dtype=dtype)
    yield convolution("conv_dw_INT16_FLOAT", channels=(4, 4), group=4, dtype="INT16", weights="FLOAT", bias="FLOAT")


def _weight_scales() -> Iterator[Made]:
    for dtype, weights, axis in itertools.product(("UINT8", "UINT16"), ("INT8", "UINT8"), (0, 1)):
        zero = 128 if weights == "UINT8" else 0
        yield convolution(f"conv_axis{axis}_{dtype}_{weights}", dtype=dtype, weights=weights, axis=axis, zero=zero)
    for zero, per_channel in itertools.product((0, 1, 5), (True, False)):
        yield convolution(f"conv_zero{zero}_{per_channel:d}", zero=zero, per_channel=per_channel)
        name = f"conv_uint8_zero{zero}_{per_channel:d}"
        yield convolution(name, zero=128 + zero, per_channel=per_channel, weights="UINT8")
    for dtype, per_channel in itertools.product(("UINT8", "UINT16"), (True, False)):
        yield convolution(
            f"conv_computed_{dtype}_{per_channel:d}", dtype=dtype, constant=False, per_channel=per_channel
        )
    for axis, side in itertools.product((0, 1, None), ((6,), (6, 6))):
        yield transposed(f"tconv{len(side)}_axis{axis}", side=side, kernel=(2,) * len(side), axis=axis)
    for shape in ((8, 6), (3, 8, 6), (2, 3, 8, 6)):
        for axis in range(len(shape)):
            given = ((*shape[:-2], 4, 8), shape)
            yield product(f"matmul{len(shape)}_axis{axis}", given, axis=axis, constant=True)
            yield product(f"matmul{len(shape)}_axis{axis}_UINT16", given, "UINT16", axis=axis, constant=True)
    for turned, constant, per_channel in itertools.product((True, False), repeat=3):
        name = f"gemm_turned{turned:d}_constant{constant:d}_channels{per_channel:d}"
        yield dense(name, per_channel=per_channel, turned=turned, constant=constant)


def _transposed() -> Iterator[Made]:
    for kernel, stride in itertools.product((1, 2, 3, 4), (1, 2, 3)):
        yield transposed(f"tconv_k{kernel}_s{stride}", kernel=(kernel, kernel), stride=stride)
    for group, given, made in (
        (2, 4, 8), (2, 2, 2), (2, 2, 4), (2, 4, 2), (2, 8, 16), (3, 3, 3), (3, 3, 6), (3, 6, 6), (4, 4, 4), (4, 4, 8),
        (4, 8, 8), (8, 8, 8), (3, 9, 3),
    ):  # fmt: skip
        yield transposed(f"tconv_g{group}_{given}_{made}", group=group, channels=(given, made))
    for dilation, side in itertools.product((1, 2, 3), ((6,), (6, 6))):
        yield transposed(f"tconv{len(side)}_d{dilation}", side=side, kernel=(3,) * len(side), dilation=dilation)
    for pads, extra in ((1, 0), (1, 1), (0, 1), (2, 0)):
        yield transposed(f"tconv_p{pads}_e{extra}", kernel=(4, 4), pads=pads, extra=extra)
    for auto_pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        yield transposed(f"tconv_{auto_pad}", auto_pad=auto_pad)
    for dtype, weights in itertools.product(DTYPES, ("INT8", "INT16", "FLOAT")):
        yield transposed(f"tconv_{dtype}_{weights}", dtype=dtype, weights=weights, axis=None)
    yield transposed("tconv3", side=(4, 4, 4), kernel=(2, 2, 2))


def _pools() -> Iterator[Made]:
    for kind, short in (("AveragePool", "avg"), ("MaxPool", "max")):
        for kernel, stride in itertools.product((1, 2, 3, 5), (1, 2, 3)):
            yield pooling(f"{short}_k{kernel}_s{stride}", kind, kernel=(kernel, kernel), stride=stride)
        for pads in (0, 1):
            yield pooling(f"{short}_p{pads}_ceil", kind, (13, 13), kernel=(3, 3), pads=pads, ceil=True)
            yield pooling(f"{short}_p{pads}_counted", kind, kernel=(3, 3), pads=pads, counted=True)
        for dilation, side in itertools.product((1, 2, 3), ((12,), (12, 12))):
            yield pooling(f"{short}{len(side)}_d{dilation}", kind, side, (3,) * len(side), dilation=dilation)
        for side, dtype in itertools.product(((12,), (12, 12), (6, 6, 6)), DTYPES):
            yield pooling(f"{short}{len(side)}_{dtype}", kind, side, (2,) * len(side), dtype=dtype)
        for auto_pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
            yield pooling(f"{short}_{auto_pad}", kind, kernel=(3, 3), auto_pad=auto_pad)
        for size in (64, 256, 257):
            yield pooling(f"{short}_large{size}", kind, (size, size), (size, size), 1, channels=1)
    for side in ((12,), (12, 12)):
        yield pooling(f"max{len(side)}_indices", "MaxPool", side, (2,) * len(side), indices=True)
    for p in (1, 2, 3, 4):
        yield unary(f"lp_pool_{p}", "LpPool", to=(1, 8, 3, 3), kernel_shape=[2, 2], strides=[2, 2], p=p)


def _global_pools() -> Iterator[Made]:
    for kind in ("GlobalAveragePool", "GlobalMaxPool"):
        for dtype in DTYPES:
            yield unary(f"{kind}_{dtype}", kind, dtype=dtype, to=(1, 8, 1, 1))
        for side in ((6,), (6, 6), (6, 6, 6), (257, 257)):
            yield unary(f"{kind}_{'x'.join(map(str, side))}", kind, (1, 8, *side), to=(1, 8, *([1] * len(side))))


def _elements() -> Iterator[Made]:
    for kind in SMOOTH:
        for dtype in DTYPES[1:]:
            yield unary(f"{kind}_{dtype}", kind, dtype=dtype)
        for shape in SHAPES:
            yield unary(f"{kind}_rank{len(shape)}", kind, shape)
        yield unary(f"{kind}_rank5_FLOAT", kind, FIVE, "FLOAT")
        yield unary(f"{kind}_to_FLOAT", kind, out="FLOAT")
        yield unary(f"{kind}_INT16_to_FLOAT", kind, dtype="INT16", out="FLOAT")
        yield unary(f"{kind}_INT16_to_UINT8", kind, dtype="INT16", out="UINT8")
    for kind in ("Gelu", "HardSigmoid"):
        for dtype in DTYPES[1:]:
            yield unary(f"{kind}_rank5_{dtype}_again", kind, FIVE, dtype)
        yield unary(f"{kind}_rank5_to_FLOAT", kind, FIVE, out="FLOAT")
        yield unary(f"{kind}_rank4_FLOAT", kind, IMAGE, "FLOAT")
    for kind in ELSEWHERE:
        for dtype in ("UINT8", "INT8", "FLOAT"):
            yield unary(f"{kind}_{dtype}", kind, dtype=dtype)
    for kind, dtype in itertools.product(("Abs", "Identity", "Neg", "Relu", "Sign"), ("PLAIN_INT32", "PLAIN_INT64")):
        if (kind, dtype) != ("Relu", "PLAIN_INT64"):  # not in onnxruntime
            yield unary(f"{kind}_{dtype}", kind, dtype=dtype)


def _scales() -> Iterator[Made]:
    """Scales for each channel, and outputs of another scale than the input's."""
    for kind in ("Exp", "HardSwish", "Relu", "Tanh"):
        given = Value(IMAGE, scales=(0.05,) * 8, axis=1)
        yield Made(f"{kind}_channels", kind, (given,), (Value(IMAGE),))
        yield unary(f"{kind}_open", kind, ("N", 8, 6, 6))
        yield Made(f"{kind}_other_scale", kind, (Value(IMAGE),), (replace(Value(IMAGE), scales=(0.02,)),))
    for kind in ("Add", "Mul"):
        given = (Value(IMAGE), Value(IMAGE, scales=(0.05,) * 8, axis=1))
        yield Made(f"{kind}_channels", kind, given, (Value(IMAGE),))
    other = replace(Value(IMAGE), scales=(0.02,))
    flat, turned, less = (replace(other, shape=shape) for shape in ((1, 8, 36), (1, 6, 6, 8), (1, 8, 3, 3)))
    yield Made("reshape_scale", "Reshape", (Value(IMAGE), numbers((1, 8, 36))), (flat,))
    yield Made("transpose_scale", "Transpose", (Value(IMAGE),), (turned,), (("perm", [0, 2, 3, 1]),))
    yield Made("concat_scale", "Concat", (Value(IMAGE), other), (Value((1, 16, 6, 6)),), (("axis", 1),))
    yield Made("max_scale", "MaxPool", (Value(IMAGE),), (less,), (("kernel_shape", [2, 2]), ("strides", [2, 2])))


def _pairs() -> Iterator[Made]:
    wide = ((IMAGE, (1, 8, 1, 1)), ((1, 1, 6, 6), IMAGE), (IMAGE, (6,)), (IMAGE, ()), ((8, 6, 1), (1, 6, 6)))
    for kind in PAIRED:
        for dtype in (*DTYPES, "PLAIN_INT32", "PLAIN_INT64"):
            yield binary(f"{kind}_{dtype}", kind, dtype=dtype)
        for shape in SHAPES:
            yield binary(f"{kind}_rank{len(shape)}", kind, (shape, shape))
        for number, shapes in enumerate(wide):
            yield binary(f"{kind}_wide{number}", kind, shapes)
        for dtype, shape in itertools.product(("UINT8", "UINT16", "FLOAT"), ((1,), (6,))):
            yield binary(f"{kind}_{dtype}_constant{shape[0]}", kind, (IMAGE, shape), dtype, constant=True)
        yield binary(f"{kind}_rank5_FLOAT", kind, (FIVE, FIVE), "FLOAT")
        yield binary(f"{kind}_rank4_FLOAT", kind, dtype="FLOAT")
        yield binary(f"{kind}_mixed", kind, other="UINT16")
        yield binary(f"{kind}_mixed_out", kind, out="UINT16")
    for kind, dtype in itertools.product(("Add", "Max", "Min"), ("UINT8", "INT8", "UINT16")):
        yield binary(f"{kind}_{dtype}_constant_all", kind, dtype=dtype, constant=True)
    for kind, count in itertools.product(("Max", "Mean", "Min", "Sum"), (1, 2, 3, 4)):
        yield binary(f"{kind}_of{count}", kind, (IMAGE,) * count)


def _other_pairs() -> Iterator[Made]:
    for kind in ("Mean", "Pow", "PRelu", "Sum"):
        for dtype in DTYPES:
            yield binary(f"{kind}_{dtype}", kind, dtype=dtype, constant=kind == "PRelu")
        for shape in SHAPES:
            yield binary(f"{kind}_rank{len(shape)}", kind, (shape, shape), constant=kind == "PRelu")
    for shapes in ((IMAGE, (8, 1, 1)), (IMAGE, (1,)), ((4, 16), (16,)), ((1, 4, 16), (4, 1))):
        name = f"PRelu{len(shapes[0])}_{'x'.join(map(str, shapes[1]))}"
        yield binary(name, "PRelu", shapes, constant=True)
        yield binary(f"{name}_UINT16", "PRelu", shapes, "UINT16", constant=True)
        yield binary(f"{name}_INT16", "PRelu", shapes, "INT16", constant=True)


def _truths() -> Iterator[Made]:
    for kind in COMPARED:
        for dtype in (*DTYPES, "PLAIN_INT32", "PLAIN_INT64"):
            yield binary(f"{kind}_{dtype}", kind, dtype=dtype, out="BOOL")
        for shape in (FIVE, SIX):
            yield binary(f"{kind}_rank{len(shape)}", kind, (shape, shape), out="BOOL")
    for kind in ("And", "Or", "Xor"):
        yield binary(f"{kind}_BOOL", kind, dtype="BOOL")
    yield unary("Not_BOOL", "Not", dtype="BOOL")
    for dtype in ("UINT8", "INT8", "UINT16", "FLOAT", "PLAIN_INT32", "PLAIN_INT64"):
        yield binary(f"Mod_{dtype}", "Mod", dtype=dtype, fmod=int("PLAIN" not in dtype))
        if "PLAIN" in dtype:
            yield binary(f"Mod_{dtype}_f", "Mod", dtype=dtype, fmod=1)


def _products() -> Iterator[Made]:
    for lead in ((), (1,), (1, 2), (1, 2, 2), (1, 1, 2, 2), (1, 1, 1, 2, 2)):
        shapes = ((*lead, 4, 8), (*lead, 8, 6))
        yield product(f"matmul_rank{len(lead) + 2}", shapes)
        yield product(f"matmul_rank{len(lead) + 2}_constant", shapes, constant=True)
    wide = (
        ((8,), (8,)), ((8,), (8, 6)), ((4, 8), (8,)), ((1, 4, 8), (8, 6)), ((2, 4, 8), (1, 8, 6)),
        ((1, 3, 4, 8), (8, 6)), ((1, 2, 4, 8), (2, 8, 6)),
    )  # fmt: skip
    for number, shapes in enumerate(wide):
        yield product(f"matmul_wide{number}", shapes)
        yield product(f"matmul_wide{number}_constant", shapes, constant=True)
    for rows, turned in itertools.product((1, 2, 64), (True, False)):
        yield dense(f"gemm_rows{rows}_{turned:d}", rows, turned=turned)
    for bias in ("", "FLOAT", "INT8"):
        yield dense(f"gemm_bias_{bias}", bias=bias)
    for alpha, beta in ((1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.0), (1.0, 0.5), (1.0, 2.0)):
        yield dense(f"gemm_alpha{alpha}_beta{beta}", alpha=alpha, beta=beta)
        yield dense(f"gemm_alpha{alpha}_beta{beta}_FLOAT", alpha=alpha, beta=beta, **FLOATS)
    yield dense("gemm_first_turned", transA=1)


def _equations() -> Iterator[Made]:
    sizes = {"b": 1, "h": 2, "i": 4, "j": 8, "k": 6}
    for equation in (
        "bij,bjk->bik", "bhij,bhjk->bhik", "bij,bkj->bik", "bhij,bhkj->bhik", "ij,jk->ik", "i,j->ij", "bij->bji",
        "bij->bij", "bi,bi->b", "bhij,hkj->bhik", "bhij,ikj->bhik", "bihj,bkhj->bhik", "bhik,bkhj->bihj",
        "bij,bik->bjk",
    ):  # fmt: skip
        read, _, written = equation.partition("->")
        given = tuple(Value(tuple(sizes[axis] for axis in part)) for part in read.split(","))
        made = Value(tuple(sizes[axis] for axis in written))
        yield Made(f"einsum_{equation}", "Einsum", given, (made,), (("equation", equation),))
    given = (Value((1, 4, 8)), Value((1, 8, 6)))
    for equation in ("abc,acd->abd", "x y z, x z w -> x y w"):
        name = f"einsum_{equation.replace(' ', '')}"
        yield Made(name, "Einsum", given, (Value((1, 4, 6)),), (("equation", equation),))


def _reductions() -> Iterator[Made]:
    for kind in REDUCED:
        for axes, keep in itertools.product(((2, 3), (1,), (-1,), (1, 2, 3), (0, 1, 2, 3)), (True, False)):
            yield reduction(f"{kind}_{'_'.join(map(str, axes))}_{keep:d}", kind, axes=axes, keep=keep)
        for dtype in (*DTYPES[1:], "PLAIN_INT32", "PLAIN_INT64"):
            yield reduction(f"{kind}_{dtype}", kind, dtype=dtype)
        for shape in SHAPES:
            yield reduction(f"{kind}_rank{len(shape)}", kind, shape, (-1,))
            yield reduction(f"{kind}_rank{len(shape)}_less", kind, shape, (-1,), keep=False)
        for dtype in ("UINT16", "FLOAT"):
            yield reduction(f"{kind}_rank5_{dtype}", kind, FIVE, (-1,), dtype=dtype)
        yield reduction(f"{kind}_computed", kind, constant=False)
        yield reduction(f"{kind}_all", kind, axes=())
        yield reduction(f"{kind}_nothing", kind, axes=(), noop_with_empty_axes=1)
    for kind, dtype in itertools.product(
        ("ReduceProd", "ReduceL1", "ReduceLogSum", "ReduceLogSumExp"), ("UINT8", "FLOAT")
    ):
        yield reduction(f"{kind}_{dtype}", kind, dtype=dtype)
        yield reduction(f"{kind}_{dtype}_last", kind, axes=(-1,), dtype=dtype)


def _indices() -> Iterator[Made]:
    for kind in ("ArgMax", "ArgMin"):
        for axis, keep in itertools.product((0, 1, 3), (0, 1)):
            yield index_of(f"{kind}_{axis}_{keep}", kind, axis=axis, keepdims=keep)
        for dtype in DTYPES[1:]:
            yield index_of(f"{kind}_{dtype}", kind, dtype=dtype, axis=1)
        for shape in SHAPES:
            yield index_of(f"{kind}_rank{len(shape)}", kind, shape, axis=-1)
        for last, dtype in itertools.product((0, 1), ("UINT8", "FLOAT")):
            yield index_of(f"{kind}_last{last}_{dtype}", kind, axis=1, select_last_index=last, dtype=dtype)
    for dtype in (*DTYPES, "PLAIN_INT32", "PLAIN_INT64"):
        yield top(f"topk_{dtype}", dtype=dtype)
    for shape in SHAPES:
        yield top(f"topk_rank{len(shape)}", shape, 1)
    for axis, largest, ordered in ((1, 1, 1), (2, 1, 1), (-1, 0, 1), (-1, 1, 0)):
        yield top(f"topk_{axis}_{largest}_{ordered}", axis=axis, largest=largest, sorted=ordered)
    for dtype in ("UINT8", "FLOAT"):
        yield top(f"topk_computed_{dtype}", constant=False, dtype=dtype)


def _norms() -> Iterator[Made]:
    for kind in ("BatchNormalization", "InstanceNormalization", "LayerNormalization"):
        for dtype in DTYPES:
            yield normed(f"{kind}_{dtype}", kind, dtype=dtype)
        for shape in ((1, 8, 6), IMAGE, (1, 8, 4, 4, 4)):
            yield normed(f"{kind}_rank{len(shape)}", kind, shape)
            yield normed(f"{kind}_rank{len(shape)}_FLOAT", kind, shape, "FLOAT")
        for constant, shape in itertools.product((True, False), ((1, 8, 6), IMAGE)):
            yield normed(f"{kind}_constant{constant:d}_{len(shape)}", kind, shape, constant=constant)
        for factors, offsets in itertools.product(("FLOAT", "INT8", "UINT8"), ("FLOAT", "INT8", "UINT8", "INT32")):
            yield normed(f"{kind}_by_{factors}_{offsets}", kind, parameters=factors, offsets=offsets)
            name = f"{kind}_UINT16_by_{factors}_{offsets}"
            yield normed(name, kind, dtype="UINT16", parameters=factors, offsets=offsets)


def _other_norms() -> Iterator[Made]:
    for shape, axis in (
        ((4, 16), 0),
        ((4, 16), 1),
        ((1, 4, 16), 1),
        ((1, 4, 16), -1),
        (IMAGE, 1),
        (IMAGE, 2),
        (IMAGE, 3),
    ):
        yield normed(f"layer{len(shape)}_axis{axis}", "LayerNormalization", shape, axis=axis)
        yield normed(f"layer{len(shape)}_axis{axis}_FLOAT", "LayerNormalization", shape, "FLOAT", axis=axis)
    yield normed("layer_outputs", "LayerNormalization", dtype="FLOAT", outputs=3)
    for shape, groups in itertools.product((IMAGE, (1, 8, 6), (1, 8, 2, 2, 2)), (2, 4)):
        if len(shape) == 5:
            yield normed(f"group{groups}_rank5_FLOAT", "GroupNormalization", shape, "FLOAT", num_groups=groups)
            continue
        yield normed(f"group{groups}_rank{len(shape)}", "GroupNormalization", shape, num_groups=groups)
        yield normed(f"group{groups}_rank{len(shape)}_FLOAT", "GroupNormalization", shape, "FLOAT", num_groups=groups)
    for dtype in DTYPES:
        yield unary(f"lrn_{dtype}", "LRN", dtype=dtype, size=3)
        yield unary(f"lp_{dtype}", "LpNormalization", dtype=dtype, axis=-1, p=2)
    for size in (1, 5):
        yield unary(f"lrn_size{size}", "LRN", size=size)
    for p, axis in itertools.product((1, 2), (1, -1)):
        yield unary(f"lp{p}_axis{axis}", "LpNormalization", axis=axis, p=p)
    for shape in (SHAPES[2], FIVE, SIX):
        yield unary(f"lp_rank{len(shape)}", "LpNormalization", shape, axis=-1, p=2)


def _moves() -> Iterator[Made]:
    for dtype in (*DTYPES, "BOOL", "PLAIN_INT32"):
        yield moved(f"reshape_{dtype}", "Reshape", IMAGE, (1, 8, 36), numbers((1, 8, 36)), dtype=dtype)
        yield moved(f"transpose_{dtype}", "Transpose", IMAGE, (1, 6, 6, 8), dtype=dtype, perm=[0, 2, 3, 1])
        yield moved(f"squeeze_{dtype}", "Squeeze", (1, 8, 6), (8, 6), numbers((0,)), dtype=dtype)
        yield moved(f"unsqueeze_{dtype}", "Unsqueeze", (8, 6), (1, 8, 6), numbers((0,)), dtype=dtype)
        yield moved(f"flatten_{dtype}", "Flatten", IMAGE, (1, 288), dtype=dtype)
        yield moved(f"expand_{dtype}", "Expand", (1, 8, 1, 6), IMAGE, numbers(IMAGE), dtype=dtype)
        yield moved(f"tile_{dtype}", "Tile", IMAGE, (1, 16, 6, 6), numbers((1, 2, 1, 1)), dtype=dtype)
        yield moved(f"gather_{dtype}", "Gather", IMAGE, (1, 3, 6, 6), numbers((0, 2, 4)), dtype=dtype, axis=1)
        yield sliced(f"slice_{dtype}", (0, 1, 1, 0), (1, 8, 5, 6), (1, 1, 2, 1), dtype=dtype)
        given = (typed(IMAGE, dtype), typed(IMAGE, dtype))
        yield Made(f"concat_{dtype}", "Concat", given, (typed((1, 16, 6, 6), dtype),), (("axis", 1),))
        yield pad(f"pad_{dtype}", dtype=dtype)
        yield split(f"split_{dtype}", (4, 4), dtype=dtype)
    for dtype in DTYPES:
        yield moved(f"depth_{dtype}", "DepthToSpace", IMAGE, (1, 2, 12, 12), dtype=dtype, blocksize=2)
        yield moved(f"space_{dtype}", "SpaceToDepth", IMAGE, (1, 32, 3, 3), dtype=dtype, blocksize=2)
    yield moved("depth_crd", "DepthToSpace", IMAGE, (1, 2, 12, 12), blocksize=2, mode="CRD")


def _moves_by_rank() -> Iterator[Made]:
    for shape in SHAPES:
        rank, last, front = len(shape), shape[-1], shape[:-1]
        yield moved(f"reshape_rank{rank}", "Reshape", shape, (math.prod(shape),), numbers((-1,)))
        yield moved(f"reshape_to{rank}", "Reshape", (math.prod(shape),), shape, numbers(shape))
        yield moved(f"transpose_rank{rank}", "Transpose", shape, shape[::-1], perm=list(range(rank))[::-1])
        yield moved(f"squeeze_to{rank}", "Squeeze", (1, *shape), shape, numbers((0,)))
        yield moved(f"unsqueeze_to{rank + 1}", "Unsqueeze", shape, (1, *shape), numbers((0,)))
        yield moved(f"expand_rank{rank}", "Expand", (*front, 1), shape, numbers(shape))
        yield moved(f"tile_rank{rank}", "Tile", shape, (*front, 2 * last), numbers((*([1] * (rank - 1)), 2)))
        yield sliced(f"slice_rank{rank}", (0,) * rank, (*front, 3), (1,) * rank, shape)
        yield moved(f"gather_rank{rank}", "Gather", shape, (*front, 2), numbers((0, 1)), axis=rank - 1)
        yield pad(f"pad_rank{rank}", shape, (*([0] * (rank - 1)), 1) * 2)
        given = (Value(shape), Value(shape))
        yield Made(f"concat_rank{rank}", "Concat", given, (Value((*front, 2 * last)),), (("axis", -1),))
        yield split(f"split_rank{rank}", (1, last - 1), shape, -1)
        yield Made(f"where_rank{rank}", "Where", (plain(shape, "BOOL"), *given), (Value(shape),))
        yield clip(f"clip_rank{rank}", shape=shape)
        yield Made(f"cumsum_rank{rank}", "CumSum", (Value(shape), numbers(0)), (Value(shape),))


def _computed_parameters() -> Iterator[Made]:
    two, ones = (1, 2, 6, 6), (1, 1, 1, 1)
    for dtype in ("UINT8", "FLOAT"):
        yield moved(f"reshape_computed_{dtype}", "Reshape", ones, (1, 1), plain((2,), "INT64"), dtype=dtype)
        for kind in ("Expand", "Tile"):
            yield moved(f"{kind}_computed_{dtype}", kind, IMAGE, IMAGE, plain((4,), "INT64"), dtype=dtype)
        yield pad(f"pad_computed_{dtype}", constant=False, dtype=dtype)
        yield pad(f"pad_value_computed_{dtype}", dtype=dtype, value=typed((), dtype))
        yield split(f"split_computed_{dtype}", (1, 1), two, constant=False, dtype=dtype)
        yield sliced(f"slice_computed_{dtype}", (0, 0, 1, 1), (1, 8, 4, 4), (1, 1, 1, 1), constant=False, dtype=dtype)
        yield clip(f"clip_computed_{dtype}", dtype, constant=False)
        given = (typed(IMAGE, dtype), plain((), "INT64"))
        yield Made(f"cumsum_computed_{dtype}", "CumSum", given, (typed(IMAGE, dtype),))
    for kind, out in (("Squeeze", (8, 6)), ("Unsqueeze", (8, 1, 1, 6))):
        yield moved(f"{kind}_computed", kind, (8, 1, 6), out, plain((1,), "INT64"))


def _paddings() -> Iterator[Made]:
    for mode in ("constant", "reflect", "edge", "wrap"):
        for number, widths in enumerate(((0, 0, 1, 1, 0, 0, 1, 1), (0, 1, 0, 0, 0, 2, 0, 0), (0, 0, 5, 5, 0, 0, 5, 5))):
            yield pad(f"pad_{mode}_{number}", widths=widths, mode=mode)
        for number, widths in enumerate(((0, 0, -1, 0, 0, 0, 0, 0), (0, 0, 0, -1, 0, 0, -1, 0))):
            yield pad(f"pad_{mode}_less{number}", widths=widths, mode=mode)
        for dtype in ("UINT16", "FLOAT"):
            yield pad(f"pad_{mode}_{dtype}", mode=mode, dtype=dtype)
    for mode, dtype in itertools.product(("constant", "reflect", "edge"), ("UINT8", "UINT16", "FLOAT")):
        yield pad(f"pad5_{mode}_{dtype}", (1, 2, 3, 4, 5), (0, 0, 0, 1, 1, 0, 0, 0, 1, 1), mode, dtype)
        yield pad(f"pad3_{mode}_{dtype}", (3, 4, 5), (1, 0, 0, 1, 0, 0), mode, dtype)
    yield pad("pad_value", value=replace(Value(()), data=np.array(3)))
    yield pad("pad_value_FLOAT", dtype="FLOAT", value=numbers(3.0, "FLOAT"))
    yield pad("pad_axes", widths=(1, 1, 1, 1), axes=(2, 3))
    yield pad("pad_axis", widths=(1, 1), axes=(3,))
    yield pad("pad_axis_FLOAT", widths=(1, 1), axes=(3,), dtype="FLOAT")
    for sizes in ((4, 4), (2, 6), (1, 2, 5), (8,)):
        yield split(f"split_{'_'.join(map(str, sizes))}", sizes)
    yield split("split_even", (4, 4), told=False)
    yield split("split_uneven", (3, 3, 2), told=False)


def _cuts() -> Iterator[Made]:
    for steps in ((1, 1, 1, 1), (1, 1, 2, 2), (1, 3, 1, 2)):
        yield sliced(f"slice_{'_'.join(map(str, steps))}", (0, 0, 0, 0), IMAGE, steps)
    for axis, step in itertools.product((1, 3), (-1, -2)):
        starts, ends, steps = ([*each] for each in ((0, 0, 0, 0), IMAGE, (1, 1, 1, 1)))
        starts[axis], ends[axis], steps[axis] = IMAGE[axis] - 1, -IMAGE[axis] - 1, step
        yield sliced(f"slice_back{axis}{step}", tuple(starts), tuple(ends), tuple(steps))
    for axis in (0, 1, 2, 3):
        out = (math.prod(IMAGE[:axis]), math.prod(IMAGE[axis:]))
        yield moved(f"flatten_axis{axis}", "Flatten", IMAGE, out, axis=axis)
    for axis, indices in itertools.product((1, 3), ((0, 0), (-1, 0))):
        out = (*IMAGE[:axis], len(indices), *IMAGE[axis + 1 :])
        yield moved(f"gather_{axis}_{indices[0]}", "Gather", IMAGE, out, numbers(indices), axis=axis)
    table = replace(Value((32, 8)), data=np.ones((32, 8)))
    for dtype in ("INT64", "INT32"):
        yield Made(f"embedding_{dtype}", "Gather", (table, plain((1, 5), dtype)), (Value((1, 5, 8)),))
        at = (plain((2, 16), dtype), numbers(np.zeros((2, 16)), dtype))
        yield moved(f"elements_computed_{dtype}", "GatherElements", (4, 16), (2, 16), at[0], axis=0)
        yield moved(f"elements_{dtype}", "GatherElements", (4, 16), (2, 16), at[1], axis=0)
    for dtype in ("UINT8", "FLOAT"):
        yield moved(f"gather_nd_{dtype}", "GatherND", (4, 16), (2, 16), numbers(((0,), (1,))), dtype=dtype)
        deep = ((2, 4, 16), (2, 16), numbers(((0,), (1,))))
        yield moved(f"gather_nd_batch_{dtype}", "GatherND", *deep, dtype=dtype, batch_dims=1)
    yield moved("scatter_nd", "ScatterND", (4, 16), (4, 16), numbers(((0,), (1,))), Value((2, 16)))
    yield moved("scatter_elements", "ScatterElements", (4, 16), (4, 16), numbers(np.zeros((1, 16))), Value((1, 16)))


def _resizes() -> Iterator[Made]:
    coordinates = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric")
    for mode, across in itertools.product(("linear", "cubic"), coordinates):
        for side, to in (((4, 4), (8, 8)), ((8, 8), (4, 4)), ((4, 4), (7, 9))):
            yield resize(f"{mode}_{across}_{to[0]}", mode, across, side=side, to=to)
    rounded = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    for across, nearest in itertools.product(coordinates, rounded):
        for sides in (1, 2, 3):
            name = f"nearest{sides}_{across}_{nearest}"
            yield resize(name, "nearest", across, nearest, (4,) * sides, (8,) * sides)
        yield resize(f"nearest_{across}_{nearest}_FLOAT", "nearest", across, nearest, dtype="FLOAT")
    for mode, dtype in itertools.product(("linear", "nearest", "cubic"), DTYPES):
        yield resize(f"{mode}_{dtype}", mode, dtype=dtype)
    for sides, across in itertools.product((1, 3), coordinates[:4]):
        yield resize(f"linear{sides}_{across}", "linear", across, "", (4,) * sides, (8,) * sides)
    for mode, by_scales in itertools.product(("linear", "nearest"), (True, False)):
        yield resize(f"{mode}_scales{by_scales:d}", mode, to=(8, 9), by_scales=by_scales)
    for mode in ("linear", "cubic"):
        yield resize(f"{mode}_antialias", mode, to=(3, 3), antialias=1)
    for across in ("half_pixel", "asymmetric"):
        yield resize(f"linear_flat_{across}", "linear", across, lead=())
        yield resize(f"nearest_flat_{across}", "nearest", across, "floor", lead=())
        yield resize(f"linear_channels_{across}", "linear", across, lead=(1,))
        yield resize(f"nearest_channels_{across}", "nearest", across, "floor", lead=(1,))


def _casts() -> Iterator[Made]:
    given = ("UINT8", "FLOAT", "PLAIN_INT32", "PLAIN_INT64", "BOOL", "FLOAT16")
    for before, after in itertools.product(given, ("FLOAT", "INT32", "INT64", "BOOL", "FLOAT16", "DOUBLE", "UINT8")):
        out, to = Value(IMAGE, after, ()), getattr(TensorProto, after)
        yield Made(f"cast_{before}_{after}", "Cast", (typed(IMAGE, before),), (out,), (("to", to),))


def _others() -> Iterator[Made]:
    for dtype in (*DTYPES, "PLAIN_INT32", "PLAIN_INT64"):
        image = typed(IMAGE, dtype)
        yield Made(f"where_{dtype}", "Where", (plain(IMAGE, "BOOL"), image, image), (image,))
        yield Made(f"cumsum_{dtype}", "CumSum", (image, numbers(1)), (image,))
        yield clip(f"clip_{dtype}", dtype)
    for low, high in ((0, None), (None, 6), (None, None)):
        yield clip(f"clip_{low}_{high}", low=low, high=high)
    for flag, kind, dtype in itertools.product((0, 1), ("exclusive", "reverse"), ("UINT8", "FLOAT")):
        image = typed(IMAGE, dtype)
        yield Made(f"cumsum_{kind}{flag}_{dtype}", "CumSum", (image, numbers(1)), (image,), ((kind, flag),))
    for kind, direction in itertools.product(("LSTM", "GRU", "RNN"), ("forward", "bidirectional", "reverse")):
        for dtype in ("UINT8", "FLOAT"):
            yield recurrent(f"{kind}_{direction}_{dtype}", kind, direction, dtype)
    for kind, dtype in itertools.product(("LSTM", "GRU"), ("UINT8", "FLOAT")):
        yield recurrent(f"{kind}_clip_{dtype}", kind, dtype=dtype, clip=3.0)
        yield recurrent(f"{kind}_batch2_{dtype}", kind, dtype=dtype, batch=2)
    for mode, padding, corners in itertools.product(
        ("linear", "nearest", "cubic"), ("zeros", "border", "reflection"), (0, 1)
    ):
        told = (("mode", mode), ("padding_mode", padding), ("align_corners", corners))
        given = (Value(IMAGE), Value((1, 4, 4, 2)))
        yield Made(f"grid_{mode}_{padding}_{corners}", "GridSample", given, (Value((1, 8, 4, 4)),), told)
    yield Made("is_nan", "IsNaN", (plain(IMAGE),), (plain(IMAGE, "BOOL"),))


def _elsewhere() -> Iterator[Made]:
    """Kinds of several inputs or none that move values, had or not."""
    yield Made("trilu", "Trilu", (Value((1, 6, 6)),), (Value((1, 6, 6)),))
    yield Made("size", "Size", (Value(IMAGE),), (plain((), "INT64"),))
    yield Made("shape", "Shape", (Value(IMAGE),), (plain((4,), "INT64"),))
    yield Made("dropout", "Dropout", (Value(IMAGE),), (Value(IMAGE),))
    yield Made("is_inf", "IsInf", (plain(IMAGE),), (plain(IMAGE, "BOOL"),))
    yield Made("constant_of_shape", "ConstantOfShape", (numbers((2, 3)),), (plain((2, 3)),))
    hot = (plain((2, 3), "INT64"), numbers(5), numbers((0, 1), "FLOAT"))
    yield Made("one_hot", "OneHot", hot, (plain((2, 3, 5)),))
    yield Made("range", "Range", (numbers(0), numbers(5), numbers(1)), (plain((5,), "INT64"),))
    yield Made("non_zero", "NonZero", (plain((3,), "BOOL"),), (plain((1, 3), "INT64"),))


FAMILIES: tuple[Callable[[], Iterator[Made]], ...] = (
    _convolutions, _convolution_ranks, _weight_dtypes, _weight_scales, _transposed, _pools, _global_pools, _elements,
    _scales, _pairs, _other_pairs, _truths, _products, _equations, _reductions, _indices, _norms, _other_norms, _moves,
    _moves_by_rank, _computed_parameters, _paddings, _cuts, _resizes, _casts, _others, _elsewhere,
)  # fmt: skip


def drawn_nodes(seed: int, count: int) -> tuple[Made, ...]:
    """So many nodes of kinds and sizes drawn at random, which no rule was written after."""
    rng = random.Random(seed)
    return tuple(rng.choice(_DRAWS)(f"drawn{number}", rng) for number in range(count))


Draw = Callable[[str, random.Random], Made]


def _dtype(rng: random.Random) -> str:
    return rng.choices(DTYPES, (10, 2, 4, 2, 2))[0]


def _shape(rng: random.Random, least: int = 1, most: int = 6) -> tuple[int, ...]:
    return tuple(rng.randint(1, 9) for _ in range(rng.randint(least, most)))


def _draw_convolution(name: str, rng: random.Random) -> Made:
    rank, group = rng.choice((1, 2, 2, 2, 3)), rng.choice((1, 1, 2, 4))
    channels = (group * rng.randint(1, 6), group * rng.randint(1, 6))
    side, kernel = tuple(rng.randint(9, 20) for _ in range(rank)), tuple(rng.randint(1, 4) for _ in range(rank))
    dtype = _dtype(rng)
    weights = "FLOAT" if dtype == "FLOAT" else rng.choice(("INT8", "INT8", "INT8", "UINT8", "INT16"))
    zero = rng.choice((128, 120)) if weights == "UINT8" else rng.choice((0, 0, 0, 0, 3))
    return convolution(
        name, side, channels, kernel, rng.randint(1, 3), rng.choice((1, 1, 2)), group, rng.randint(0, 1), "", dtype,
        weights, rng.random() < 0.6, "FLOAT" if dtype == "FLOAT" else rng.choice(("INT32", "INT32", "")),
        zero=zero, batch=rng.choice((1, 1, 2)),
    )  # fmt: skip


def _draw_transposed(name: str, rng: random.Random) -> Made:
    rank, group = rng.choice((1, 2, 2, 3)), rng.choice((1, 1, 1, 2, 3))
    channels = (group * rng.randint(1, 4), group * rng.randint(1, 4))
    side, kernel = tuple(rng.randint(2, 8) for _ in range(rank)), tuple(rng.randint(1, 4) for _ in range(rank))
    stride, dtype = rng.randint(1, 3), rng.choice(("UINT8", "UINT8", "UINT16", "INT8"))
    axis = rng.choice((1, None))
    return transposed(name, side, channels, kernel, stride, rng.choice((1, 1, 1, 2)), group, dtype=dtype, axis=axis)


def _draw_pooling(name: str, rng: random.Random) -> Made:
    rank = rng.choice((1, 2, 2, 2, 3))
    side, kernel = tuple(rng.randint(8, 20) for _ in range(rank)), tuple(rng.randint(2, 4) for _ in range(rank))
    return pooling(
        name, rng.choice(("AveragePool", "MaxPool")), side, kernel, rng.randint(1, 3), rng.randint(0, 1),
        rng.choice((1, 1, 1, 2)), rng.random() < 0.3, _dtype(rng), channels=rng.randint(1, 16),
    )  # fmt: skip


def _draw_unary(name: str, rng: random.Random) -> Made:
    kind = rng.choice((*SMOOTH, *SMOOTH, *ELSEWHERE))
    return unary(name, kind, _shape(rng), _dtype(rng))


def _draw_binary(name: str, rng: random.Random) -> Made:
    kind, shape = rng.choice(PAIRED), _shape(rng)
    other = tuple(size if rng.random() < 0.7 else 1 for size in shape)
    return binary(name, kind, (shape, other), _dtype(rng), constant=rng.random() < 0.3)


def _draw_reduction(name: str, rng: random.Random) -> Made:
    shape = _shape(rng, 2)
    axes = tuple(sorted(rng.sample(range(len(shape)), rng.randint(1, len(shape)))))
    return reduction(name, rng.choice(REDUCED), shape, axes, rng.random() < 0.5, _dtype(rng))


def _draw_product(name: str, rng: random.Random) -> Made:
    lead, (rows, inner, columns) = _shape(rng, 0, 4), (rng.randint(1, 9) for _ in range(3))
    dtype = _dtype(rng)
    shapes = ((*lead, rows, inner), (*lead, inner, columns))
    return product(name, shapes, dtype, rng.choice((dtype, dtype, "INT8")), constant=rng.random() < 0.5)


def _draw_dense(name: str, rng: random.Random) -> Made:
    dtype, size = rng.choice(("UINT8", "UINT8", "UINT16", "INT8")), (rng.randint(1, 300), rng.randint(1, 100))
    per_channel, turned, alpha = rng.random() < 0.5, rng.random() < 0.5, rng.choice((1.0, 1.0, 1.0, 0.5))
    return dense(name, rng.randint(1, 9), size, dtype, per_channel=per_channel, turned=turned, alpha=alpha)


def _draw_resize(name: str, rng: random.Random) -> Made:
    mode = rng.choice(("linear", "linear", "nearest", "cubic"))
    coordinates = rng.choice(("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"))
    nearest = rng.choice(("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")) if mode == "nearest" else ""
    side = (rng.randint(2, 9), rng.randint(2, 9))
    to = tuple(size * rng.randint(1, 3) + rng.randint(0, 2) for size in side)
    return resize(name, mode, coordinates, nearest, side, to, rng.choice(("UINT8", "UINT8", "UINT16", "INT8")))


def _draw_move(name: str, rng: random.Random) -> Made:
    shape, dtype = _shape(rng, 2, 6), _dtype(rng)
    order = rng.sample(range(len(shape)), len(shape))
    if rng.random() < 0.5:
        return moved(name, "Transpose", shape, tuple(shape[axis] for axis in order), dtype=dtype, perm=order)
    out = (math.prod(shape[:2]), *shape[2:])
    return moved(name, "Reshape", shape, out, numbers(out), dtype=dtype)


def _draw_padding(name: str, rng: random.Random) -> Made:
    shape = tuple(rng.randint(4, 9) for _ in range(rng.randint(2, 6)))
    widths = tuple(rng.choice((0, 0, 1, 2)) for _ in range(2 * len(shape)))
    mode = rng.choice(("constant", "constant", "reflect", "edge", "wrap"))
    return pad(name, shape, widths, mode, _dtype(rng))


def _draw_slice(name: str, rng: random.Random) -> Made:
    shape = tuple(rng.randint(4, 9) for _ in range(rng.randint(2, 6)))
    starts, steps = tuple(rng.randint(0, 2) for _ in shape), tuple(rng.choice((1, 1, 2)) for _ in shape)
    return sliced(name, starts, shape, steps, shape, _dtype(rng))


def _draw_norm(name: str, rng: random.Random) -> Made:
    kind = rng.choice(("LayerNormalization", "InstanceNormalization", "BatchNormalization"))
    shape, dtype = _shape(rng, 3, 5), _dtype(rng)
    if kind == "LayerNormalization":
        return normed(name, kind, shape, dtype, axis=rng.choice((-1, -1, -1, -2)))
    return normed(name, kind, shape, dtype)


def _draw_index(name: str, rng: random.Random) -> Made:
    shape = _shape(rng, 1, 5)
    if rng.random() < 0.5:
        return index_of(name, rng.choice(("ArgMax", "ArgMin")), shape, _dtype(rng), axis=rng.randrange(len(shape)))
    return top(name, shape, 1, _dtype(rng), axis=rng.randrange(len(shape)))


_DRAWS: tuple[Draw, ...] = (
    _draw_convolution, _draw_convolution, _draw_transposed, _draw_pooling, _draw_unary, _draw_unary, _draw_unary,
    _draw_binary, _draw_binary, _draw_reduction, _draw_product, _draw_dense, _draw_resize, _draw_move, _draw_padding,
    _draw_slice, _draw_norm, _draw_index,
)  # fmt: skip
