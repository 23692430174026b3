"""OpenVINO: its PyTorch frontend, NNCF's quantizer."""

import sys

from edgebuild.backends.openvino.cut import cut
from edgebuild.backends.openvino.emulate import emulated
from edgebuild.backends.openvino.export import adopt, export
from edgebuild.backends.openvino.graph import facts, float_operators, is_quantized, observe, operators, tensor_names
from edgebuild.backends.openvino.quantize import quantize, weight_grid

# Unasked, both report every conversion to a server, from processes that they fork. Both do without this package.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

DISTRIBUTIONS = ("torch", "openvino", "nncf")
FOREIGN = ("onnx", "tflite")
CLIPS = True

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
