"""Looking inside an OpenVINO model: its operators, and every tensor it computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from edgebuild.backends.base import Files
from edgebuild.backends.openvino.export import from_files
from edgebuild.core.array import Tensors, np
from edgebuild.core.operator import Operator
from edgebuild.core.origin import RuntimeOp
from edgebuild.core.signature import Signature

EXACT = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
"""CPUs with bf16 would otherwise compute in it, and parity checks would see that."""

_NO_COMPUTE = frozenset(
    ["Reshape", "Transpose", "Squeeze", "Unsqueeze", "Convert", "ConvertLike", "ShapeOf", "FakeQuantize", "Broadcast"]
)


def operators(files: Files) -> tuple[RuntimeOp, ...]:
    """The computing operators, named by their friendly names; what folds to a constant is left out."""
    model = from_files(files)
    folded = _folded(model)
    return tuple(
        RuntimeOp(
            name=op.get_friendly_name(),
            kind=op.get_type_name(),
            compute=op.get_type_name() not in _NO_COMPUTE,
            inputs=tuple(tensor_name(port.get_source_output()) for port in op.inputs() if not _constant(port, folded)),
            outputs=tuple(tensor_name(port) for port in op.outputs()),
        )
        for op in computing(model)
    )


def facts(files: Files) -> tuple[Operator, ...]:
    """The operators, each with whether its shapes are fixed: what the rules of Intel's NPU ask for."""
    return tuple(
        Operator(name=op.get_friendly_name(), kind=op.get_type_name(), facts={"fixed": _is_fixed(op)})
        for op in computing(from_files(files))
    )


def _is_fixed(op: Any) -> bool:
    return all(port.get_partial_shape().is_static for port in (*op.inputs(), *op.outputs()))


def is_quantized(files: Files) -> bool:
    """Whether any operator rounds to a grid of integers."""
    return any(op.kind == "FakeQuantize" for op in operators(files))


def float_operators(files: Files) -> tuple[RuntimeOp, ...]:
    """Convolutions and matrix products that read what no FakeQuantize gives, looking through layout changes."""
    found = operators(files)
    made_by = {name: op for op in found for name in op.outputs}

    def rounded(name: str) -> bool:
        op = made_by.get(name)
        while op is not None and op.kind in _PASSING and op.inputs:
            op = made_by.get(op.inputs[0])
        return op is not None and op.kind == "FakeQuantize"

    return tuple(op for op in found if op.kind in _INTEGER_KERNELS and not all(rounded(name) for name in op.inputs))


_PASSING = frozenset(["Reshape", "Transpose", "Squeeze", "Unsqueeze", "MaxPool", "Concat", "Pad"])
_INTEGER_KERNELS = frozenset(["Convolution", "GroupConvolution", "MatMul", "ConvolutionBackpropData"])


def observe(files: Files, samples: Iterable[Tensors]) -> Iterator[dict[str, np.ndarray]]:
    """Run with every operator's outputs as results, in float32."""
    import openvino

    model = from_files(files)
    labels = [tensor_name(result.input_value(0)) for result in model.get_results()]
    extra = []
    for op in computing(model):
        for port in op.outputs():
            if not any(user.get_node().get_type_name() == "Result" for user in port.get_target_inputs()):
                extra.append(port)
                labels.append(tensor_name(port))
    model.add_outputs(extra)
    request = openvino.Core().compile_model(model, "CPU", EXACT).create_infer_request()
    for sample in samples:
        request.infer(dict(sample))
        values = (np.array(request.get_output_tensor(index).data) for index in range(len(labels)))
        yield dict(sample) | dict(zip(labels, values, strict=True))


def tensor_names(files: Files, signature: Signature) -> tuple[dict[str, str], dict[str, str]]:
    """Inputs have the names that the export gave them; an output is what it is computed by."""
    results = [tensor_name(port.get_node().input_value(0)) for port in from_files(files).outputs]
    outputs = {spec.name: name for spec, name in zip(signature.outputs, results, strict=True)}
    return {spec.name: spec.name for spec in signature.inputs}, outputs


def computing(model: Any) -> list[Any]:
    """The operators in execution order that depend on an input."""
    folded = _folded(model)
    return [
        op
        for op in model.get_ordered_ops()
        if op.get_type_name() not in ("Parameter", "Result") and op.get_friendly_name() not in folded
    ]


def tensor_name(port: Any) -> str:
    """An operator's friendly name, with the port's number where it has several outputs."""
    node = port.get_node()
    name: str = node.get_friendly_name()
    return name if node.get_output_size() == 1 else f"{name}:{port.get_index()}"


def _folded(model: Any) -> set[str]:
    """Constants and operators on constants alone."""
    folded: set[str] = set()
    for op in model.get_ordered_ops():
        sources = [port.get_source_output().get_node().get_friendly_name() for port in op.inputs()]
        if op.get_type_name() == "Constant" or (sources and all(name in folded for name in sources)):
            folded.add(op.get_friendly_name())
    return folded


def _constant(port: Any, folded: set[str]) -> bool:
    node = port.get_source_output().get_node()
    if node.get_friendly_name() in folded:
        return True
    while node.get_type_name() in ("Convert", "Multiply", "Subtract", "Reshape") and node.get_input_size():
        node = node.input_value(0).get_node()
    return bool(node.get_type_name() == "Constant")
