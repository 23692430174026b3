"""ONNX Runtime: torch's ONNX exporter, onnxruntime's QDQ quantizer."""

from edgebuild.backends.base import emulated
from edgebuild.backends.onnxruntime.cut import cut
from edgebuild.backends.onnxruntime.export import adopt, export
from edgebuild.backends.onnxruntime.facts import facts
from edgebuild.backends.onnxruntime.graph import float_operators, is_quantized, observe, operators, tensor_names
from edgebuild.backends.onnxruntime.quantize import quantize, weight_grid

DISTRIBUTIONS = ("torch", "onnx", "onnxscript", "onnxruntime", "onnx-ir")
FOREIGN = ("onnx",)
CLIPS = False

__all__ = [
    "CLIPS",
    "DISTRIBUTIONS",
    "FOREIGN",
    "adopt",
    "cut",
    "emulated",
    "export",
    "facts",
    "float_operators",
    "is_quantized",
    "observe",
    "operators",
    "quantize",
    "tensor_names",
    "weight_grid",
]
