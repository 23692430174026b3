"""A quantization plan into ONNX, by onnxruntime's own QDQ quantizer with ranges from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from edgebuild.backends.base import Exported, float_boundary, quiet
from edgebuild.backends.onnxruntime.export import FILE, canonical_bytes
from edgebuild.backends.onnxruntime.graph import first
from edgebuild.backends.onnxruntime.integer_bias import write_biases
from edgebuild.backends.onnxruntime.plain_reads import biases_read_in_float, makers_of, read_plainly
from edgebuild.core.array import np
from edgebuild.core.plan import Range, WeightGrid
from edgebuild.core.target import Int8Scheme

_ACTIVATIONS = {"u8": "QUInt8", "s8": "QInt8", "u16": "QUInt16", "s16": "QInt16"}


def quantize(model: Exported, ranges: Mapping[str, Range], keep_float: Collection[str], scheme: Int8Scheme) -> Exported:
    """Write Q/DQ nodes. Weights: symmetric s8, by the scheme's granularity, 7 bits where products saturate.

    Every operator that onnxruntime has an integer kernel for is quantized unless kept float. With 16-bit activations
    that kernel is the accelerator's: onnxruntime itself computes them in float between the rounding.
    """
    import onnx
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    float_boundary(scheme, "onnxruntime")
    factor = {"quant_type": QuantType.QUInt8, "symmetric": False}
    with quiet("quantize for onnxruntime"):
        data = {
            name: TensorData(lowest=np.float32(limits.low), highest=np.float32(limits.high))
            for name, limits in ranges.items()
        }
        exact = onnx.load_from_string(first(model.files))
        biases = biases_read_in_float(exact, keep_float)
        kept, makers = {*keep_float, *biases}, makers_of(exact)
        quantizer = QDQQuantizer(
            exact,
            per_channel=scheme.weight_granularity == "per_channel",
            reduce_range=scheme.dot_product == "saturating",
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType[_ACTIVATIONS[scheme.activation_dtype]],
            tensors_range=TensorsData(CalibrationMethod.MinMax, data),
            nodes_to_quantize=None,
            nodes_to_exclude=sorted(kept),
            op_types_to_quantize=sorted(set(QDQRegistry) | set(QLinearOpsRegistry)),
            extra_options={
                "WeightSymmetric": scheme.weight_symmetric,
                "ActivationSymmetric": scheme.activation_symmetric,
                "TensorQuantOverrides": {name: [factor] for name in _layer_norm_factors(exact)},
            },
        )
        quantizer.quantize_model()
        if kept:
            read_plainly(quantizer.model.model, kept, makers)
            write_biases(quantizer.model.model, biases)
        return Exported({FILE: canonical_bytes(quantizer.model.model)}, model.signature)


def _layer_norm_factors(model: Any) -> list[str]:
    """What layer normalizations multiply with: u8 where other weights are s8, since Qualcomm's HTP takes no other.

    onnxruntime itself has no integer kernel for them, and computes them in float either way.
    """
    return [node.input[1] for node in model.graph.node if node.op_type == "LayerNormalization"]


def weight_grid(scheme: Int8Scheme) -> WeightGrid:
    """What ``reduce_range`` means where products saturate."""
    return WeightGrid(steps=64, depthwise=64) if scheme.dot_product == "saturating" else WeightGrid()
