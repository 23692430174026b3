"""Looking inside an ONNX model: its operators, and every tensor it computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edgebuild.backends.base import Files
from edgebuild.core.array import Tensors, np
from edgebuild.core.origin import RuntimeOp
from edgebuild.core.signature import Signature

_MOVES = ("Constant", "Identity", "Cast", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Shape")
QDQ = ("QuantizeLinear", "DequantizeLinear")
"""What says in which integers other nodes compute."""
_NO_COMPUTE = frozenset((*_MOVES, *QDQ))


def operators(files: Files) -> tuple[RuntimeOp, ...]:
    """The nodes of the main graph; initializers are not among an operator's inputs."""
    import onnx

    graph = onnx.load_from_string(first(files)).graph
    constants = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" or _dequantizes_constant(node, constants):
            constants |= set(node.output)
    return _in_order(
        RuntimeOp(
            name=node.name,
            kind=node.op_type,
            compute=node.op_type not in _NO_COMPUTE,
            inputs=tuple(name for name in node.input if name and name not in constants),
            outputs=tuple(name for name in node.output if name),
        )
        for node in graph.node
        if not constants.issuperset(node.output)
    )


def _in_order(ops: Iterable[RuntimeOp]) -> tuple[RuntimeOp, ...]:
    """Each operator after those that it reads from: the quantizer writes its own at the end of the file.

    Operators are told apart by what they write: onnxruntime gives no names to what it makes of a function.
    """
    given = tuple(ops)
    made_by = {name: op for op in given for name in op.outputs}
    done: dict[tuple[str, ...], RuntimeOp] = {}
    stack = list(reversed(given))
    while stack:
        op = stack[-1]
        missing = [made_by[name] for name in op.inputs if name in made_by and made_by[name].outputs not in done]
        if missing and op.outputs not in done:
            stack += missing[::-1]
            continue
        done.setdefault(stack.pop().outputs, op)
    return tuple(done.values())


def _dequantizes_constant(node: object, constants: set[str]) -> bool:
    return getattr(node, "op_type", "") == "DequantizeLinear" and getattr(node, "input", [""])[0] in constants


_INTEGER = frozenset((*QDQ, "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"))


def is_quantized(files: Files) -> bool:
    """Whether any node quantizes or computes in integers."""
    return any(op.kind in _INTEGER for op in operators(files))


def float_operators(files: Files) -> tuple[RuntimeOp, ...]:
    """Compute nodes with an input or a weight that no DequantizeLinear gives: nothing for onnxruntime to fuse there."""
    found = operators(files)
    dequantized = {name for op in found if op.kind == "DequantizeLinear" for name in op.outputs}
    passing = {op.outputs[0]: op.inputs[:1] for op in found if not op.compute and op.outputs}
    plain = _with_plain_weights(files)
    return tuple(
        op
        for op in found
        if op.compute
        and (
            op.name in plain
            or not all(name in dequantized or passing.get(name, ("",))[0] in dequantized for name in op.inputs)
        )
    )


_WEIGHTED = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul"))


def _with_plain_weights(files: Files) -> set[str]:
    """Names of layers whose weight is stored in float."""
    import onnx

    graph = onnx.load_from_string(first(files)).graph
    plain = {tensor.name for tensor in graph.initializer}
    return {node.name for node in graph.node if node.op_type in _WEIGHTED and node.input[1] in plain}


def observe(files: Files, samples: Iterable[Tensors]) -> Iterator[dict[str, np.ndarray]]:
    """Run with every node's outputs as graph outputs and no graph optimization."""
    import onnx
    import onnxruntime

    model = onnx.load_from_string(first(files))
    present = {output.name for output in model.graph.output}
    for name in (name for node in model.graph.node for name in node.output if name):
        if name not in present:
            model.graph.output.append(onnx.ValueInfoProto(name=name))
            present.add(name)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for sample in samples:
        values = session.run(names, dict(sample))
        yield dict(sample) | {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


def tensor_names(files: Files, signature: Signature) -> tuple[dict[str, str], dict[str, str]]:
    """Inputs keep their names; outputs are told by their place."""
    import onnx

    outputs = [output.name for output in onnx.load_from_string(first(files)).graph.output]
    return _own_names(signature), {spec.name: name for spec, name in zip(signature.outputs, outputs, strict=True)}


def _own_names(signature: Signature) -> dict[str, str]:
    return {spec.name: spec.name for spec in signature.inputs}


def first(files: Files) -> bytes:
    """The bytes of the file that the runtime opens."""
    return next(iter(files.values()))
