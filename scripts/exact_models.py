"""Edits of an ONNX model: one layer more, which has to be told apart, and another name, which must not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgebuild.core.errors import ConfigError

SHARE = 0.01
_POOLS = ("GlobalAveragePool", "AveragePool", "ReduceMean")


def with_one_layer_more(data: bytes, share: float = SHARE) -> tuple[bytes, float]:
    """An ONNX model with one more convolution of about that share of its products, and the share.

    It is a 1 x 1 convolution in groups, behind the last feature map; of what it computes nothing is asked.

    Raises:
        ConfigError: no pooling ends the model's feature maps, so there is no place for it.
    """
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper, shape_inference

    model = shape_inference.infer_shapes(onnx.load_from_string(data))
    shapes = _shapes(model)
    total = sum(_products(node, shapes) for node in model.graph.node)
    at, pool = _first_pool(model, shapes)
    _, channels, height, width = shapes[pool.input[0]]
    full = channels * channels * height * width
    groups = min((g for g in range(1, channels + 1) if channels % g == 0), key=lambda g: abs(full / g - share * total))
    weight = np.full((channels, channels // groups, 1, 1), groups / channels, np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weight, "one_more.weight"))
    added = helper.make_node("Conv", [pool.input[0], "one_more.weight"], ["one_more"], "one_more", group=groups)
    pool.input[0] = "one_more"
    model.graph.node.insert(at, added)
    return model.SerializeToString(), full / groups / total


def with_detour(data: bytes, share: float) -> bytes:
    """An ONNX model with two more convolutions of about that share of its products, to few channels and back.

    Raises:
        ConfigError: as above.
    """
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper, shape_inference

    model = shape_inference.infer_shapes(onnx.load_from_string(data))
    shapes = _shapes(model)
    total = sum(_products(node, shapes) for node in model.graph.node)
    at, pool = _first_pool(model, shapes)
    _, channels, height, width = shapes[pool.input[0]]
    between = max(1, round(share * total / (2 * channels * height * width)))
    for name, shape in (("there", (between, channels, 1, 1)), ("back", (channels, between, 1, 1))):
        weight = np.full(shape, 1 / shape[1], np.float32)
        model.graph.initializer.append(numpy_helper.from_array(weight, f"{name}.weight"))
    model.graph.node.insert(at, helper.make_node("Conv", [pool.input[0], "there.weight"], ["there"], "there"))
    model.graph.node.insert(at + 1, helper.make_node("Conv", ["there", "back.weight"], ["back"], "back"))
    pool.input[0] = "back"
    longer: bytes = model.SerializeToString()
    return longer


def renamed(data: bytes) -> bytes:
    """The same ONNX model under another name: other bytes, nothing else to compute."""
    import onnx

    model = onnx.load_from_string(data)
    model.graph.name = "the_same_again"
    renamed_model: bytes = model.SerializeToString()
    return renamed_model


def _first_pool(model: Any, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, Any]:
    """The first node that pools images, and its place."""
    for at, node in enumerate(model.graph.node):
        if node.op_type in _POOLS and len(shapes.get(node.input[0], ())) == 4:
            return at, node
    kinds = ", ".join(sorted({node.op_type for node in model.graph.node}))
    raise ConfigError(
        f"model {model.graph.name}", f"has no layer that pools images; its layers are {kinds}",
        expected=f"one of {', '.join(_POOLS)}, to put one more layer before it",
    )  # fmt: skip


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Of all values and weights, by name."""
    shapes = {value.name: _shape(value) for value in (*model.graph.value_info, *model.graph.input)}
    shapes |= {value.name: _shape(value) for value in model.graph.output}
    return shapes | {weight.name: tuple(weight.dims) for weight in model.graph.initializer}


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
