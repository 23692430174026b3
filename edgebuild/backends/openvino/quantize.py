"""A quantization plan into OpenVINO IR: NNCF places the FakeQuantize operators, the plan gives their ranges."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from edgebuild.backends.base import Exported, float_boundary, quiet
from edgebuild.backends.openvino.export import from_files, to_files
from edgebuild.backends.openvino.graph import tensor_name
from edgebuild.core.array import np
from edgebuild.core.errors import BuildError
from edgebuild.core.plan import Range, WeightGrid
from edgebuild.core.target import Int8Scheme

_LEVELS = 256


def quantize(model: Exported, ranges: Mapping[str, Range], keep_float: Collection[str], scheme: Int8Scheme) -> Exported:
    """Write int8: symmetric s8 weights, u8 or s8 activations, 7-bit weights where products saturate.

    Raises:
        BuildError: for activations of 16 bits, which neither NNCF writes nor OpenVINO's CPU computes with.
    """
    import nncf
    from nncf.quantization.advanced_parameters import (
        AdvancedQuantizationParameters,
        OverflowFix,
        QuantizationParameters,
    )

    preset = nncf.QuantizationPreset.PERFORMANCE if scheme.activation_symmetric else nncf.QuantizationPreset.MIXED
    fix = OverflowFix.ENABLE if scheme.dot_product == "saturating" else OverflowFix.DISABLE
    float_boundary(scheme, "openvino")
    if scheme.activation_bits != 8:
        raise BuildError(
            "quantize for openvino", f'int8.activation_dtype = "{scheme.activation_dtype}"', expected="u8 or s8"
        )
    with quiet("quantize for openvino"):
        read = from_files(model.files)
        quantized = nncf.quantize(
            read,
            nncf.Dataset([_zeros(read)]),
            subset_size=1,
            preset=preset,
            target_device=nncf.TargetDevice.CPU,
            ignored_scope=nncf.IgnoredScope(names=sorted(keep_float), validate=False) if keep_float else None,
            advanced_parameters=AdvancedQuantizationParameters(
                disable_bias_correction=True,
                overflow_fix=fix,
                weights_quantization_params=QuantizationParameters(
                    per_channel=scheme.weight_granularity == "per_channel"
                ),
            ),
        )
        _write_ranges(quantized, ranges, scheme.activation_symmetric)
        return Exported(to_files(quantized), model.signature)


def weight_grid(scheme: Int8Scheme) -> WeightGrid:
    """NNCF halves the range of 255 levels where products saturate, but not of depthwise convolutions.

    No channel's range is under a hundredth of the largest one's (``fix_zero_filters_symmetric`` of nncf 3.4).
    """
    return WeightGrid(steps=63.5 if scheme.dot_product == "saturating" else 127, least=0.01)


def _zeros(model: Any) -> dict[str, np.ndarray]:
    return {
        port.get_any_name(): np.zeros(list(port.get_shape()), port.get_element_type().to_dtype())
        for port in model.inputs
    }


def _write_ranges(model: Any, ranges: Mapping[str, Range], symmetric: bool) -> None:
    found = [op for op in model.get_ordered_ops() if op.get_type_name() == "FakeQuantize" and _source(op) in ranges]
    for group in _unified(found):
        low = min(ranges[_source(op)].low for op in group)
        high = max(ranges[_source(op)].high for op in group)
        limits = _grid(low, high, symmetric)
        for op in group:
            for slot, value in zip((1, 2, 3, 4), (*limits, *limits), strict=True):
                _set_constant(op, slot, value)


def _source(op: Any) -> str:
    """The tensor that a FakeQuantize reads, looking through those in front of it."""
    port = op.input_value(0)
    while port.get_node().get_type_name() == "FakeQuantize":
        port = port.get_node().input_value(0)
    return tensor_name(port)


def _unified(found: list[Any]) -> list[list[Any]]:
    """FakeQuantize operators that feed one Concat must share their range; the others stand alone."""
    groups: dict[str, list[Any]] = {}
    for op in found:
        users = [user.get_node() for user in op.output(0).get_target_inputs()]
        concat = next((user for user in users if user.get_type_name() == "Concat"), op)
        groups.setdefault(concat.get_friendly_name(), []).append(op)
    return list(groups.values())


def _grid(low: float, high: float, symmetric: bool) -> tuple[float, float]:
    """The range moved so that zero is exactly on its grid of 256 levels."""
    if symmetric and low < 0:
        step = max(-low, high) / (_LEVELS // 2 - 1)
        return -(_LEVELS // 2) * step, (_LEVELS // 2 - 1) * step
    step = (high - low) / (_LEVELS - 1)
    zero_point = round(-low / step)
    return -zero_point * step, (_LEVELS - 1 - zero_point) * step


def _set_constant(op: Any, slot: int, value: float) -> None:
    from openvino import opset13

    old = op.input_value(slot).get_node()
    new = opset13.constant(np.full(list(old.get_output_shape(0)), value, np.float32))
    new.set_friendly_name(old.get_friendly_name())
    op.input(slot).replace_source_output(new.output(0))
