"""ONNX models of single nodes, as onnxruntime's quantizer writes them: Q and DQ around everything that is scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgebuild.backends.onnxruntime.export import OPSET

QUANTIZED = {
    "UINT8": np.uint8, "INT8": np.int8, "UINT16": np.uint16, "INT16": np.int16, "INT32": np.int32,
}  # fmt: skip


PLAIN = {**QUANTIZED, "FLOAT": np.float32, "FLOAT16": np.float16, "INT64": np.int64, "BOOL": np.bool_}


_MIDDLE = {"UINT8": 128, "UINT16": 32768}


FREE = ("FLOAT", "FLOAT16", "BOOL", "PLAIN_INT32", "PLAIN_INT64")
"""Dtypes that stand without scales."""


IMAGE = (1, 8, 6, 6)


@dataclass(frozen=True)
class Value:
    """What a node reads or writes: scaled integers behind Q and DQ where it has scales, constant where it has data."""

    shape: tuple[int | str, ...]
    dtype: str = "UINT8"
    scales: tuple[float, ...] = (0.05,)
    zero: int | None = None
    data: np.ndarray | None = None
    axis: int = 0

    @property
    def scaled(self) -> bool:
        return bool(self.scales)

    def __str__(self) -> str:
        kept = "" if self.data is None else " constant"
        return f"{'' if self.scaled else 'plain '}{self.dtype}[{', '.join(map(str, self.shape))}]{kept}"


@dataclass(frozen=True)
class Made:
    """One node: its name, kind, what it reads (None: left out) and writes, and its attributes."""

    name: str
    kind: str
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value, ...]
    attributes: tuple[tuple[str, Any], ...] = ()
    domain: str = ""

    def __str__(self) -> str:
        values = ", ".join(str(value) for value in (*self.inputs, *self.outputs) if value is not None)
        return f"{self.kind} {self.name}: {values} {dict(self.attributes)}"


def model_of(nodes: Sequence[Made]) -> bytes:
    """A model with these nodes side by side, each between its own inputs and outputs."""
    graph = onnx.GraphProto(name="main")
    for made in nodes:
        _add(graph, made)
    domains = {"": OPSET, "com.microsoft": 1, **{made.domain: 1 for made in nodes if made.domain}}
    opsets = [helper.make_opsetid(domain, version) for domain, version in domains.items()]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def _add(graph: Any, made: Made) -> None:
    given = [
        "" if value is None else _read(graph, f"{made.name}/in{place}", value)
        for place, value in enumerate(made.inputs)
    ]
    written = [f"{made.name}/out{place}" for place in range(len(made.outputs))]
    attributes = dict(made.attributes)
    graph.node.append(helper.make_node(made.kind, given, written, name=made.name, domain=made.domain, **attributes))
    for name, value in zip(written, made.outputs, strict=True):
        _write(graph, name, value)


def _read(graph: Any, name: str, value: Value) -> str:
    """The name under which a node reads a value."""
    if value.data is not None:
        kept = np.asarray(value.data, PLAIN[value.dtype])
        graph.initializer.append(numpy_helper.from_array(kept, name))
        return _linear(graph, "DequantizeLinear", name, name, value) if value.scaled else name
    kind = TensorProto.FLOAT if value.scaled else getattr(TensorProto, value.dtype)
    graph.input.append(helper.make_tensor_value_info(name, kind, value.shape))
    return _through(graph, name, value) if value.scaled else name


def _write(graph: Any, name: str, value: Value) -> None:
    kind = TensorProto.FLOAT if value.scaled else getattr(TensorProto, value.dtype)
    shown = _through(graph, name, value) if value.scaled else name
    graph.output.append(helper.make_tensor_value_info(shown, kind, value.shape))


def _through(graph: Any, name: str, value: Value) -> str:
    return _linear(graph, "DequantizeLinear", _linear(graph, "QuantizeLinear", name, name, value), name, value)


def _linear(graph: Any, kind: str, read: str, name: str, value: Value) -> str:
    """Add a Q or a DQ; what it writes."""
    zero = _MIDDLE.get(value.dtype, 0) if value.zero is None else value.zero
    scales = np.array(value.scales if len(value.scales) > 1 else value.scales[0], np.float32)
    for part, kept in (("scale", scales), ("zero", np.full_like(scales, zero, QUANTIZED[value.dtype]))):
        if all(one.name != f"{name}/{part}" for one in graph.initializer):
            graph.initializer.append(numpy_helper.from_array(kept, f"{name}/{part}"))
    made = f"{name}/{kind}"
    axis = {"axis": value.axis} if len(value.scales) > 1 else {}
    node = helper.make_node(kind, [read, f"{name}/scale", f"{name}/zero"], [made], name=made, **axis)
    graph.node.append(node)
    return made


def plain(shape: tuple[int | str, ...], dtype: str = "FLOAT") -> Value:
    return Value(shape, dtype, scales=())


def numbers(values: Any, dtype: str = "INT64") -> Value:
    """A constant parameter."""
    data = np.asarray(values, PLAIN[dtype])
    return Value(data.shape, dtype, scales=(), data=data)


def typed(shape: Sequence[int | str], dtype: str) -> Value:
    """Scaled where it is an integer, plain where it is not."""
    return plain(tuple(shape), dtype.removeprefix("PLAIN_")) if dtype in FREE else Value(tuple(shape), dtype)


def _reach(size: int, kernel: int, stride: int, dilation: int, pads: int) -> int:
    return (size + pads - (kernel - 1) * dilation - 1) // stride + 1


def convolution(  # noqa: PLR0913, PLR0917 - all that a rule may ask about
    name: str, side: tuple[int, ...] = (12, 12), channels: tuple[int, int] = (4, 8), kernel: tuple[int, ...] = (3, 3),
    stride: int = 1, dilation: int = 1, group: int = 1, pads: int = 1, auto_pad: str = "", dtype: str = "UINT8",
    weights: str = "INT8", per_channel: bool = True, bias: str = "INT32", constant: bool = True, batch: int | str = 1,
    constant_bias: bool = True, zero: int = 0, axis: int = 0,
) -> Made:  # fmt: skip
    shape = (channels[1], channels[0] // group, *kernel)
    weight = _weight(shape, weights, axis if per_channel else None, zero, constant)
    given = [typed((batch, channels[0], *side), dtype), weight]
    if bias:
        given.append(_bias(channels[1], bias, per_channel, constant_bias))
    room = 2 * pads
    out = [_reach(s, k, stride, dilation, room) for s, k in zip(side, kernel, strict=True)]
    if auto_pad.startswith("SAME"):
        out = [-(-s // stride) for s in side]
    attributes = {"strides": [stride] * len(kernel), "dilations": [dilation] * len(kernel), "group": group}
    attributes |= {"auto_pad": auto_pad} if auto_pad else {"pads": [pads] * 2 * len(kernel)}
    made = typed((batch, channels[1], *out), dtype)
    return Made(name, "Conv", tuple(given), (made,), tuple(attributes.items()))


def _weight(shape: tuple[int, ...], dtype: str, axis: int | None, zero: int = 0, constant: bool = True) -> Value:
    data = np.ones(shape) if constant else None
    if dtype in FREE:
        return Value(shape, dtype, (), data=data)
    scales = (0.01,) if axis is None else tuple([0.01] * shape[axis])
    return Value(shape, dtype, scales, zero, data, axis or 0)


def _bias(size: int, dtype: str, per_channel: bool, constant: bool = True) -> Value:
    data = np.zeros(size) if constant else None
    if dtype in FREE:
        return Value((size,), dtype, (), data=data)
    return Value((size,), dtype, tuple([0.0005] * size) if per_channel and size > 1 else (0.0005,), 0, data)


def transposed(  # noqa: PLR0913, PLR0917 - all that a rule may ask about
    name: str, side: tuple[int, ...] = (6, 6), channels: tuple[int, int] = (4, 8), kernel: tuple[int, ...] = (2, 2),
    stride: int = 2, dilation: int = 1, group: int = 1, pads: int = 0, extra: int = 0, dtype: str = "UINT8",
    weights: str = "INT8", axis: int | None = 1, auto_pad: str = "",
) -> Made:  # fmt: skip
    given = (
        typed((1, channels[0], *side), dtype),
        _weight((channels[0], channels[1] // group, *kernel), weights, axis),
        _bias(channels[1], "FLOAT" if weights == "FLOAT" else "INT32", per_channel=False),
    )
    out = [stride * (s - 1) + extra + (k - 1) * dilation + 1 - 2 * pads for s, k in zip(side, kernel, strict=True)]
    attributes = {
        "strides": [stride] * len(kernel), "dilations": [dilation] * len(kernel), "group": group,
        "output_padding": [extra] * len(kernel),
    }  # fmt: skip
    attributes |= {"auto_pad": auto_pad} if auto_pad else {"pads": [pads] * 2 * len(kernel)}
    if auto_pad.startswith("SAME"):
        out = [s * stride for s in side]
    made = typed((1, channels[1], *out), dtype)
    return Made(name, "ConvTranspose", given, (made,), tuple(attributes.items()))


def pooling(  # noqa: PLR0913, PLR0917 - all that a rule may ask about
    name: str, kind: str, side: tuple[int, ...] = (12, 12), kernel: tuple[int, ...] = (2, 2), stride: int = 2,
    pads: int = 0, dilation: int = 1, ceil: bool = False, dtype: str = "UINT8", counted: bool = False,
    auto_pad: str = "", channels: int = 4, indices: bool = False,
) -> Made:  # fmt: skip
    out = [
        _reach(s + (stride - 1 if ceil else 0), k, stride, dilation, 2 * pads)
        for s, k in zip(side, kernel, strict=True)
    ]
    if auto_pad.startswith("SAME"):
        out = [-(-s // stride) for s in side]
    attributes: dict[str, Any] = {
        "kernel_shape": list(kernel),
        "strides": [stride] * len(kernel),
        "ceil_mode": int(ceil),
    }
    attributes |= {"auto_pad": auto_pad} if auto_pad else {"pads": [pads] * 2 * len(kernel)}
    if dilation != 1:
        attributes["dilations"] = [dilation] * len(kernel)
    if kind == "AveragePool":
        attributes["count_include_pad"] = int(counted)
    made = (typed((1, channels, *out), dtype),)
    if indices:
        made = (*made, plain((1, channels, *out), "INT64"))
    return Made(name, kind, (typed((1, channels, *side), dtype),), made, tuple(attributes.items()))


def unary(
    name: str, kind: str, shape: tuple[int | str, ...] = (1, 8, 6, 6), dtype: str = "UINT8", out: str = "",
    to: tuple[int | str, ...] = (), **attributes: Any,
) -> Made:  # fmt: skip
    return Made(name, kind, (typed(shape, dtype),), (typed(to or shape, out or dtype),), tuple(attributes.items()))


def binary(
    name: str, kind: str, shapes: tuple[tuple[int, ...], ...] = ((1, 8, 6, 6), (1, 8, 6, 6)), dtype: str = "UINT8",
    out: str = "", constant: bool = False, other: str = "", **attributes: Any,
) -> Made:  # fmt: skip
    given = [typed(shapes[0], dtype), *(typed(shape, other or dtype) for shape in shapes[1:])]
    if constant:
        given[1] = replace(given[1], data=np.ones(shapes[1]))
    made = typed(np.broadcast_shapes(*shapes), out or dtype)
    return Made(name, kind, tuple(given), (made,), tuple(attributes.items()))


def reduction(
    name: str, kind: str, shape: tuple[int, ...] = (1, 8, 6, 6), axes: tuple[int, ...] = (2, 3), keep: bool = True,
    dtype: str = "UINT8", constant: bool = True, **attributes: Any,
) -> Made:  # fmt: skip
    reduced = {axis % len(shape) for axis in axes} or (
        {*range(len(shape))} if not attributes.get("noop_with_empty_axes") else set()
    )
    out = tuple(1 if axis in reduced else size for axis, size in enumerate(shape) if keep or axis not in reduced)
    over = numbers(axes) if constant else plain((len(axes),), "INT64")
    return Made(
        name, kind, (typed(shape, dtype), over), (typed(out, dtype),), (("keepdims", int(keep)), *attributes.items())
    )


def index_of(
    name: str, kind: str, shape: tuple[int, ...] = (1, 8, 6, 6), dtype: str = "UINT8", **attributes: Any
) -> Made:
    axis = attributes.get("axis", 0) % len(shape)
    out = tuple(1 if place == axis else size for place, size in enumerate(shape))
    if not attributes.get("keepdims", 1):
        out = tuple(size for place, size in enumerate(shape) if place != axis)
    return Made(name, kind, (typed(shape, dtype),), (plain(out, "INT64"),), tuple(attributes.items()))


def product(
    name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]] = ((1, 4, 8), (1, 8, 6)), dtype: str = "UINT8",
    weights: str = "", axis: int | None = None, constant: bool = False,
) -> Made:  # fmt: skip
    second = _weight(shapes[1], weights or "INT8", axis) if constant else typed(shapes[1], weights or dtype)
    shape = np.matmul(np.empty(shapes[0], np.bool_), np.empty(shapes[1], np.bool_)).shape
    return Made(name, "MatMul", (typed(shapes[0], dtype), second), (typed(shape, dtype),))


def dense(  # noqa: PLR0913, PLR0917 - all that a rule may ask about
    name: str, rows: int = 2, size: tuple[int, int] = (16, 8), dtype: str = "UINT8", weights: str = "INT8",
    per_channel: bool = False, turned: bool = True, constant: bool = True, bias: str = "INT32", **attributes: Any,
) -> Made:  # fmt: skip
    shape = size[::-1] if turned else size
    weight = _weight(shape, weights, (0 if turned else 1) if per_channel else None, constant=constant)
    given = [typed((size[0], rows) if attributes.get("transA") else (rows, size[0]), dtype), weight]
    if bias:
        given.append(_bias(size[1], bias, per_channel))
    made = typed((rows, size[1]), dtype)
    return Made(name, "Gemm", tuple(given), (made,), (("transB", int(turned)), *attributes.items()))


def resize(  # noqa: PLR0913, PLR0917 - all that a rule may ask about
    name: str, mode: str = "linear", coordinates: str = "half_pixel", nearest: str = "", side: tuple[int, ...] = (4, 4),
    to: tuple[int, ...] = (8, 8), dtype: str = "UINT8", by_scales: bool = False, lead: tuple[int, ...] = (1, 4),
    **attributes: Any,
) -> Made:  # fmt: skip
    out = (*lead, *to)
    scales = [1.0] * len(lead) + [after / before for before, after in zip(side, to, strict=True)]
    sizes = (numbers(scales, "FLOAT"),) if by_scales else (None, numbers(out))
    told = {
        "mode": mode,
        "coordinate_transformation_mode": coordinates,
        **({"nearest_mode": nearest} if nearest else {}),
    }
    given = (typed((*lead, *side), dtype), None, *sizes)
    return Made(name, "Resize", given, (typed(out, dtype),), (*told.items(), *attributes.items()))


def normed(
    name: str, kind: str, shape: tuple[int, ...] = IMAGE, dtype: str = "UINT8", constant: bool = True,
    parameters: str = "", offsets: str = "", outputs: int = 1, **attributes: Any,
) -> Made:  # fmt: skip
    axis = attributes.get("axis", -1) % len(shape)
    own = shape[axis:] if kind == "LayerNormalization" else (shape[1],)
    parameters = parameters or ("FLOAT" if dtype in FREE else "UINT8")
    count = 4 if kind == "BatchNormalization" else 2
    dtypes = (parameters, *([offsets or parameters] * (count - 1)))
    kept = [replace(typed(own, dtype), data=np.ones(own) if constant else None) for dtype in dtypes]
    made = [typed(shape, dtype)]
    made += [plain((*shape[:axis], *([1] * (len(shape) - axis)))) for _ in range(outputs - 1)]
    return Made(name, kind, (typed(shape, dtype), *kept), tuple(made), tuple(attributes.items()))


def moved(
    name: str, kind: str, shape: tuple[int, ...], out: tuple[int, ...], *parameters: Value | None,
    dtype: str = "UINT8", **attributes: Any,
) -> Made:  # fmt: skip
    """A node that moves values: its output has the dtype and the scale of its input."""
    return Made(name, kind, (typed(shape, dtype), *parameters), (typed(out, dtype),), tuple(attributes.items()))


def pad(
    name: str,
    shape: tuple[int, ...] = IMAGE,
    widths: tuple[int, ...] = (0, 0, 1, 2, 0, 0, 1, 0),
    mode: str = "constant",
    dtype: str = "UINT8",
    value: Any = None,
    constant: bool = True,
    axes: tuple[int, ...] = (),
) -> Made:
    if axes:
        pass
    kept = numbers(widths) if constant else plain((len(widths),), "INT64")
    rank = len(shape)
    out = list(shape)
    for place, axis in enumerate(axes or range(rank)):
        out[axis] += widths[place] + widths[place + len(widths) // 2]
    more = (value,) if value is not None else ()
    more = (*(more or (None,)), numbers(axes)) if axes else more
    return Made(name, "Pad", (typed(shape, dtype), kept, *more), (typed(out, dtype),), (("mode", mode),))


def split(
    name: str,
    sizes: tuple[int, ...],
    shape: tuple[int, ...] = IMAGE,
    axis: int = 1,
    dtype: str = "UINT8",
    constant: bool = True,
    told: bool = True,
) -> Made:
    place = axis % len(shape)
    made = tuple(typed((*shape[:place], size, *shape[place + 1 :]), dtype) for size in sizes)
    if not told:
        return Made(name, "Split", (typed(shape, dtype),), made, (("axis", axis), ("num_outputs", len(sizes))))
    kept = numbers(sizes) if constant else plain((len(sizes),), "INT64")
    return Made(name, "Split", (typed(shape, dtype), kept), made, (("axis", axis),))


def sliced(
    name: str,
    starts: tuple[int, ...],
    ends: tuple[int, ...],
    steps: tuple[int, ...],
    shape: tuple[int, ...] = IMAGE,
    dtype: str = "UINT8",
    constant: bool = True,
) -> Made:
    out = tuple(len(range(*slice(*each).indices(size))) for size, *each in zip(shape, starts, ends, steps, strict=True))
    axes = tuple(range(len(shape)))
    given = [numbers(each) if constant else plain((len(shape),), "INT64") for each in (starts, ends)]
    return Made(name, "Slice", (typed(shape, dtype), *given, numbers(axes), numbers(steps)), (typed(out, dtype),))


def top(
    name: str,
    shape: tuple[int, ...] = IMAGE,
    count: int = 2,
    dtype: str = "UINT8",
    constant: bool = True,
    **attributes: Any,
) -> Made:
    axis = attributes.get("axis", -1) % len(shape)
    out = (*shape[:axis], count, *shape[axis + 1 :])
    k = numbers((count,)) if constant else plain((1,), "INT64")
    return Made(
        name, "TopK", (typed(shape, dtype), k), (typed(out, dtype), plain(out, "INT64")), tuple(attributes.items())
    )


def clip(
    name: str,
    dtype: str = "UINT8",
    shape: tuple[int, ...] = IMAGE,
    low: float | None = 0,
    high: float | None = 6,
    constant: bool = True,
) -> Made:
    own = dtype[6:] if dtype.startswith("PLAIN_") else "FLOAT"
    ends = [None if each is None else numbers(each, own) if constant else plain((), own) for each in (low, high)]
    return Made(name, "Clip", (typed(shape, dtype), *ends), (typed(shape, dtype),))


def recurrent(
    name: str,
    kind: str,
    direction: str = "forward",
    dtype: str = "UINT8",
    length: int = 3,
    batch: int = 1,
    **attributes: Any,
) -> Made:
    ways, gates, size, hidden = 1 + (direction == "bidirectional"), {"LSTM": 4, "GRU": 3, "RNN": 1}[kind], 8, 4
    first = attributes.get("layout", 0)
    weights = "FLOAT" if dtype in FREE else "INT8"
    given = (
        typed((batch, length, size) if first else (length, batch, size), dtype),
        _weight((ways, gates * hidden, size), weights, None),
        _weight((ways, gates * hidden, hidden), weights, None),
        numbers(np.zeros((ways, 2 * gates * hidden)), "FLOAT"),
    )
    made = typed((batch, length, ways, hidden) if first else (length, ways, batch, hidden), dtype)
    told = {"direction": direction, "hidden_size": hidden, **attributes}
    return Made(name, kind, given, (made,), tuple(told.items()))
