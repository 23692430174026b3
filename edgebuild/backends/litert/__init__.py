"""LiteRT (TensorFlow Lite): litert-torch's converter, ai-edge-quantizer."""

from edgebuild.backends.base import emulated
from edgebuild.backends.litert.cut import cut
from edgebuild.backends.litert.export import adopt, export, tensor_names
from edgebuild.backends.litert.facts import facts
from edgebuild.backends.litert.graph import float_operators, is_quantized, observe, operators
from edgebuild.backends.litert.quantize import quantize, weight_grid

DISTRIBUTIONS = ("torch", "litert-torch", "litert-converter", "ai-edge-litert", "ai-edge-quantizer")
FOREIGN = ("tflite",)
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
