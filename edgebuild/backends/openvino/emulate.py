"""An int8 model that every processor computes alike: rounded to the same grids, with sums in float that never clip.

OpenVINO runs integer kernels where it finds FakeQuantize. On x86 without VNNI those sum pairs of u8 x s8 products in
16 bits, which clip; Intel's NPUs and newer processors do not. Written out, the operator is rounding and nothing more.
"""

from __future__ import annotations

from typing import Any

from edgebuild.backends.base import Files, quiet
from edgebuild.backends.openvino.export import from_files, to_files


def emulated(files: Files) -> Files:
    """The same model with each FakeQuantize written out in float operators; one that has none comes back as it is."""
    with quiet("emulate openvino"):
        model = from_files(files)
        found = [op for op in model.get_ordered_ops() if op.get_type_name() == "FakeQuantize"]
        for op in found:
            replacement = _written_out(op)
            replacement.set_friendly_name(op.get_friendly_name())
            op.output(0).replace(replacement.output(0))
        return to_files(model) if found else files


def _written_out(op: Any) -> Any:
    """The operator's definition: cut off to the input's range, round to one of so many levels, scale to the output's.

    FakeQuantize-1, https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs/quantization/fake-quantize-1.html
    """
    from openvino import opset13 as ops

    value, low, high, low_out, high_out = (op.input_value(slot) for slot in range(5))
    last = ops.constant(float(op.get_attributes()["levels"] - 1), dtype="float32")
    inside = ops.minimum(ops.maximum(value, low), high)
    level = ops.divide(ops.multiply(ops.subtract(inside, low), last), ops.subtract(high, low))
    share = ops.divide(ops.round(level, "half_to_even"), last)
    return ops.add(ops.multiply(share, ops.subtract(high_out, low_out)), low_out)
