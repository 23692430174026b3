"""The table of instructions, and the model with one layer more that has to be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Counts = Mapping[tuple[str, str, str], Sequence[int]]
"""(processor, model, precision) to the count of each boot."""

SHARE = 0.01


def spread(counts: Sequence[int]) -> float:
    """How far the largest count is above the smallest, as a share."""
    return max(counts) / min(counts) - 1.0


def table(counts: Counts, cpus: Sequence[str]) -> str:
    """A line for each model and precision: instructions on each processor with their spread over boots, and ratios."""
    first, second = cpus
    heads = ["model", "precision", *(f"{cpu}, spread" for cpu in cpus), f"{second} / {first}", "float / int8"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for model in sorted({model for _, model, _ in counts}):
        for precision in ("float32", "int8"):
            cells = [_cell(counts.get((cpu, model, precision))) for cpu in cpus]
            ratios = [
                _ratio(counts.get((second, model, precision)), counts.get((first, model, precision))),
                _ratio(counts.get((first, model, "float32")), counts.get((first, model, "int8")))
                if precision == "int8"
                else "",
            ]
            lines.append("| " + " | ".join([model, precision, *cells, *ratios]) + " |")
    return "\n".join(lines)


def _cell(counts: Sequence[int] | None) -> str:
    return f"{sorted(counts)[len(counts) // 2]:,}, {100 * spread(counts):.3f} %" if counts else "–"


def _ratio(above: Sequence[int] | None, below: Sequence[int] | None) -> str:
    if not above or not below:
        return "–"
    low, high = min(above) / max(below), max(above) / min(below)
    return f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.3f} to {high:.3f}"


def with_one_layer_more(data: bytes, share: float = SHARE) -> tuple[bytes, float]:
    """An ONNX model with one more convolution of about that share of its products, and the share.

    It is a 1 x 1 convolution in groups, behind the last feature map; of what it computes nothing is asked.
    """
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper, shape_inference

    model = shape_inference.infer_shapes(onnx.load_from_string(data))
    shapes = {value.name: _shape(value) for value in (*model.graph.value_info, *model.graph.input)}
    shapes |= {value.name: _shape(value) for value in model.graph.output}
    shapes |= {weight.name: tuple(weight.dims) for weight in model.graph.initializer}
    total = sum(_products(node, shapes) for node in model.graph.node)
    pools = ("GlobalAveragePool", "AveragePool", "ReduceMean")
    at, pool = next((n, node) for n, node in enumerate(model.graph.node) if node.op_type in pools)
    _, channels, height, width = shapes[pool.input[0]]
    full = channels * channels * height * width
    groups = min((g for g in range(1, channels + 1) if channels % g == 0), key=lambda g: abs(full / g - share * total))
    weight = np.full((channels, channels // groups, 1, 1), groups / channels, np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weight, "one_more.weight"))
    added = helper.make_node("Conv", [pool.input[0], "one_more.weight"], ["one_more"], "one_more", group=groups)
    pool.input[0] = "one_more"
    model.graph.node.insert(at, added)
    return model.SerializeToString(), full / groups / total


def renamed(data: bytes) -> bytes:
    """The same ONNX model under another name: other bytes, nothing else to compute."""
    import onnx

    model = onnx.load_from_string(data)
    model.graph.name = "the_same_again"
    renamed_model: bytes = model.SerializeToString()
    return renamed_model


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(dimension.dim_value or 1 for dimension in value.type.tensor_type.shape.dim)


def _products(node: Any, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Multiplications of a convolution or a matrix product; 0 for other nodes."""
    if node.op_type not in {"Conv", "Gemm", "MatMul"}:
        return 0
    each = _size(shapes[node.output[0]][2:]) if node.op_type == "Conv" else 1
    return _size(shapes[node.input[1]]) * each


def _size(shape: Sequence[int]) -> int:
    product = 1
    for length in shape:
        product *= length
    return product
