"""TFLite operators of further kinds: comparing, moving, choosing. The common ones are made in made_operators.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from families import gathered
from made_operators import Made, Tensor, all_operators, binary, pad

IMAGE = (1, 6, 7, 8)
COMPARISONS = {
    "EQUAL": "EqualOptions", "NOT_EQUAL": "NotEqualOptions", "LESS": "LessOptions", "LESS_EQUAL": "LessEqualOptions",
    "GREATER": "GreaterOptions", "GREATER_EQUAL": "GreaterEqualOptions",
}  # fmt: skip
LOGIC = {"LOGICAL_AND": "LogicalAndOptions", "LOGICAL_OR": "LogicalOrOptions"}
DTYPES = ("INT8", "UINT8", "INT16", "INT32", "FLOAT32")


def every_operator() -> tuple[Made, ...]:
    """The common ones and these, each of a name of its own."""
    return gathered((all_operators, *FAMILIES))


def _scales(dtype: str) -> tuple[float, ...]:
    return () if dtype in {"FLOAT32", "BOOL"} else (0.05,)


def _constant(values: Any, dtype: str = "INT32") -> Tensor:
    data = np.asarray(values)
    return Tensor(data.shape, dtype, (), data=data)


def _comparisons() -> Iterator[Made]:
    for kind, table in COMPARISONS.items():
        for dtype in DTYPES:
            given = tuple(Tensor(IMAGE, dtype, _scales(dtype)) for _ in range(2))
            yield Made(f"{kind}_{dtype}", kind, given, (Tensor(IMAGE, "BOOL", ()),), (), table)
        apart = (Tensor(IMAGE), Tensor(IMAGE, scales=(0.02,)))
        yield Made(f"{kind}_scales", kind, apart, (Tensor(IMAGE, "BOOL", ()),), (), table)
        row = (Tensor(IMAGE), Tensor((1, 1, 1, 8)))
        yield Made(f"{kind}_broadcast", kind, row, (Tensor(IMAGE, "BOOL", ()),), (), table)


def _logic() -> Iterator[Made]:
    flags = Tensor(IMAGE, "BOOL", ())
    for kind, table in LOGIC.items():
        yield Made(kind, kind, (flags, flags), (flags,), (), table)
        yield Made(f"{kind}_broadcast", kind, (flags, Tensor((1, 1, 1, 8), "BOOL", ())), (flags,), (), table)
    yield Made("LOGICAL_NOT", "LOGICAL_NOT", (flags,), (flags,), (), "LogicalNotOptions")
    for kind in ("REDUCE_ALL", "REDUCE_ANY"):
        for axis in (1, 3):
            out = tuple(1 if place == axis else size for place, size in enumerate(IMAGE))
            made = Tensor(out, "BOOL", ())
            name = f"{kind}_{axis}"
            yield Made(name, kind, (flags, _constant([axis])), (made,), (("keepDims", True),), "ReducerOptions")


def _casts() -> Iterator[Made]:
    for given in (*DTYPES, "BOOL"):
        for to in ("INT8", "INT16", "INT32", "FLOAT32", "BOOL"):
            if given != to:
                pair = Tensor(IMAGE, given, _scales(given)), Tensor(IMAGE, to, ())
                yield Made(f"cast_{given}_{to}", "CAST", pair[:1], pair[1:], (), "CastOptions")


def _divisions() -> Iterator[Made]:
    for dtype in DTYPES:
        yield binary(f"div_{dtype}", "DIV", dtype=dtype, table="DivOptions", scaled=dtype != "FLOAT32")
    yield binary("div_constant", "DIV", dtype="INT32", table="DivOptions", constant=True)


def _shapes() -> Iterator[Made]:
    for dtype in DTYPES:
        scales = _scales(dtype)
        flat, deep = Tensor((6, 8), dtype, scales), Tensor((1, 6, 8), dtype, scales)
        yield Made(f"expand_{dtype}", "EXPAND_DIMS", (flat, _constant([0])), (deep,), (), "ExpandDimsOptions")
        dims = (("squeezeDims", np.array([0], np.int32)),)
        yield Made(f"squeeze_{dtype}", "SQUEEZE", (deep,), (flat,), dims, "SqueezeOptions")
        both = Tensor((2, 6, 8), dtype, scales)
        pack = (("valuesCount", 2), ("axis", 0))
        yield Made(f"pack_{dtype}", "PACK", (flat, flat), (both,), pack, "PackOptions")
        unpack = (("num", 2), ("axis", 0))
        yield Made(f"unpack_{dtype}", "UNPACK", (both,), (flat, flat), unpack, "UnpackOptions")
        times = Tensor((1, 12, 7, 8), dtype, scales)
        yield Made(f"tile_{dtype}", "TILE", (Tensor(IMAGE, dtype, scales), _constant([1, 2, 1, 1])), (times,))
    computed = Tensor((3,), "INT32", ())
    yield Made("reshape_computed", "RESHAPE", (Tensor(IMAGE), computed), (Tensor((1, 42, 8)),), (), "ReshapeOptions")
    yield Made("tile_batch", "TILE", (Tensor(IMAGE), _constant([3, 1, 1, 1])), (Tensor((3, 6, 7, 8)),))


def _slices() -> Iterator[Made]:
    for dtype in DTYPES:
        given, made = Tensor(IMAGE, dtype, _scales(dtype)), Tensor((1, 4, 4, 8), dtype, _scales(dtype))
        begin, size = _constant([0, 1, 1, 0]), _constant([1, 4, 4, 8])
        yield Made(f"slice_{dtype}", "SLICE", (given, begin, size), (made,), (), "SliceOptions")
        halves = tuple(Tensor((1, 6, 7, depth), dtype, _scales(dtype)) for depth in (3, 5))
        cut = (given, _constant([3, 5]), _constant(3))
        yield Made(f"splitv_{dtype}", "SPLIT_V", cut, halves, (("numSplits", 2),), "SplitVOptions")
    begin, size = Tensor((4,), "INT32", ()), _constant([1, 4, 4, 8])
    yield Made("slice_computed", "SLICE", (Tensor(IMAGE), begin, size), (Tensor((1, 4, 4, 8)),), (), "SliceOptions")
    for axes in ([0], [1], [2], [3], [1, 2]):
        for dtype in ("INT8", "INT16", "INT32"):
            given = (Tensor(IMAGE, dtype), _constant(axes))
            name = f"reverse_{''.join(map(str, axes))}_{dtype}"
            yield Made(name, "REVERSE_V2", given, (Tensor(IMAGE, dtype),), (), "ReverseV2Options")


def _choices() -> Iterator[Made]:
    for kind, table in (("SELECT", "SelectOptions"), ("SELECT_V2", "SelectV2Options")):
        for dtype in DTYPES:
            one = Tensor(IMAGE, dtype, _scales(dtype))
            yield Made(f"{kind}_{dtype}", kind, (Tensor(IMAGE, "BOOL", ()), one, one), (one,), (), table)
        apart = (Tensor(IMAGE, "BOOL", ()), Tensor(IMAGE), Tensor(IMAGE, scales=(0.02,)))
        yield Made(f"{kind}_scales", kind, apart, (Tensor(IMAGE),), (), table)
    for dtype in ("INT8", "INT16", "INT32", "FLOAT32"):
        places, out = _constant([[0], [2]]), Tensor((4, 8), dtype, _scales(dtype))
        given = (places, Tensor((2, 8), dtype, _scales(dtype)), _constant([4, 8]))
        yield Made(f"scatter_{dtype}", "SCATTER_ND", given, (out,), (), "ScatterNdOptions")


def _edges() -> Iterator[Made]:
    edges = ((0, 0), (1, 1), (1, 1), (0, 0))
    for dtype in DTYPES:
        made = pad(f"padv2_{dtype}", "PAD", edges, dtype=dtype)
        value = Tensor((1,), dtype, _scales(dtype), data=np.zeros(1))
        given = tuple(Tensor(each.shape, each.dtype, _scales(dtype)) for each in made.inputs[:1])
        outs = tuple(Tensor(each.shape, each.dtype, _scales(dtype)) for each in made.outputs)
        yield Made(made.name, "PADV2", (*given, made.inputs[1], value), outs, (), "PadV2Options")
        slope = Tensor((1, 1, 8), dtype, _scales(dtype), data=np.ones((1, 1, 8)))
        image = Tensor(IMAGE, dtype, _scales(dtype))
        yield Made(f"prelu_{dtype}", "PRELU", (image, slope), (image,))
    flat = Tensor((6, 8), "INT32")
    yield Made("prelu_INT32_flat", "PRELU", (flat, Tensor((8,), "INT32", data=np.ones(8))), (flat,))
    computed = Tensor((1, 1, 8))
    yield Made("prelu_computed", "PRELU", (Tensor(IMAGE), computed), (Tensor(IMAGE),))


FAMILIES = (_comparisons, _logic, _casts, _divisions, _shapes, _slices, _choices, _edges)
NEVER_MADE = ("ASSIGN_VARIABLE", "READ_VARIABLE", "UNIDIRECTIONAL_SEQUENCE_LSTM")
"""Kinds with a state between calls, which a single operator has not."""
assert all(hasattr(schema.BuiltinOperator, kind) for kind in (*COMPARISONS, *LOGIC, *NEVER_MADE))
