"""Looking inside a TFLite model: its operators, and every tensor it computes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from edgebuild.backends.base import Files, OperatorRefused
from edgebuild.backends.litert.flatbuffer import operator_kind, read
from edgebuild.core.array import Tensors, np
from edgebuild.core.errors import BuildError
from edgebuild.core.origin import RuntimeOp

_NO_COMPUTE = frozenset(["QUANTIZE", "DEQUANTIZE", "RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "CAST", "SHAPE"])

_FAILED = re.compile(r"Node number (\d+) \(\w+\) failed to (?:prepare|invoke)")


def operators(files: Files) -> tuple[RuntimeOp, ...]:
    """The operators of the first subgraph, named by their first output tensor."""
    model = read(first(files))
    graph = model.subgraphs[0]
    computed = {index for operator in graph.operators for index in indices(operator.outputs)} | set(graph.inputs)

    def names(vector: Iterable[int] | None) -> tuple[str, ...]:
        return tuple(tensor_name(graph, index) for index in indices(vector) if index in computed)

    return tuple(
        RuntimeOp(
            name=names(operator.outputs)[0],
            kind=operator_kind(model, operator),
            compute=operator_kind(model, operator) not in _NO_COMPUTE,
            inputs=names(operator.inputs),
            outputs=names(operator.outputs),
        )
        for operator in graph.operators
        if indices(operator.outputs)
    )


def indices(vector: Iterable[int] | None) -> tuple[int, ...]:
    """The tensors that an operator names: a missing vector is empty, and -1 stands for an input that is left out."""
    return () if vector is None else tuple(int(index) for index in vector if index >= 0)


def read_one_graph(files: Files, reader: str) -> Any:
    """The object form of a model; one with branches or loops is refused.

    Raises:
        BuildError: with how many there are.
    """
    model = read(first(files))
    count = len(model.subgraphs)
    if count > 1:
        raise BuildError(
            "read the model", f"it has {count} subgraphs: branches or loops",
            expected=f"one, for {reader}", fix="replace control flow by torch.where",
        )  # fmt: skip
    return model


def is_quantized(files: Files) -> bool:
    """Whether any tensor is stored or computed in scaled integers."""
    graph = read(first(files)).subgraphs[0]
    return any(scaled(tensor) for tensor in graph.tensors)


def float_operators(files: Files) -> tuple[RuntimeOp, ...]:
    """Compute operators that read or give a float tensor."""
    floats = _float_tensors(files)
    return tuple(op for op in operators(files) if op.compute and floats & {*op.inputs, *op.outputs})


def _float_tensors(files: Files) -> set[str]:
    from ai_edge_litert import schema_py_generated as schema

    types = schema.TensorType
    kinds = {types.FLOAT16, types.FLOAT32, types.FLOAT64, types.BFLOAT16}
    graph = read(first(files)).subgraphs[0]
    return {tensor_name(graph, index) for index, tensor in enumerate(graph.tensors) if tensor.type in kinds}


def scaled(tensor: Any) -> bool:
    """Whether a tensor of the object form holds integers with a scale."""
    return (
        tensor.quantization is not None and tensor.quantization.scale is not None and len(tensor.quantization.scale) > 0
    )


def observe(files: Files, samples: Iterable[Tensors]) -> Iterator[dict[str, np.ndarray]]:
    """Run TFLite's reference resolver without delegates and with every tensor kept, integers as the reals they mean.

    Inputs are named as in the signature; a model without one has the tensors' own names.

    Raises:
        OperatorRefused: TFLite has no kernel for an operator with these dtypes; it says so when it runs, not before.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter: Any = Interpreter(
        model_content=first(files),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    with _naming_operators(files):
        interpreter.allocate_tensors()
    slots = _input_slots(interpreter)
    graph = read(first(files)).subgraphs[0]
    wanted = {index for operator in graph.operators for index in operator.outputs} | set(slots.values())
    for sample in samples:
        for name, value in sample.items():
            interpreter.set_tensor(slots[name], value)
        with _naming_operators(files):
            interpreter.invoke()
        yield {tensor_name(graph, index): _real(interpreter, graph, index) for index in sorted(wanted)}


@contextlib.contextmanager
def _naming_operators(files: Files) -> Iterator[None]:
    """TFLite tells the place of the operator that it fails on."""
    try:
        yield
    except RuntimeError as error:
        failed = _FAILED.search(str(error))
        if failed is None:
            raise
        reason = str(error)[: failed.start()].strip().rstrip(".")
        raise OperatorRefused("litert", operators(files)[int(failed[1])], reason) from error


def _real(interpreter: Any, graph: Any, index: int) -> np.ndarray:
    value: np.ndarray = interpreter.get_tensor(index).copy()
    quantization = graph.tensors[index].quantization
    if not scaled(graph.tensors[index]) or len(quantization.scale) != 1:
        return value
    real: np.ndarray = (value.astype(np.float32) - quantization.zeroPoint[0]) * np.float32(quantization.scale[0])
    return real


def _input_slots(interpreter: Any) -> dict[str, int]:
    details = interpreter.get_input_details()
    slots = {detail["name"]: int(detail["index"]) for detail in details}
    for key in interpreter.get_signature_list():
        for name, detail in interpreter.get_signature_runner(key).get_input_details().items():
            slots[name] = slots[detail["name"]]
        break
    return slots


def tensor_name(graph: Any, index: int) -> str:
    """What a tensor of the object form is called."""
    name: bytes = graph.tensors[index].name
    return name.decode(errors="replace")


def first(files: Files) -> bytes:
    """The bytes of the file that the runtime opens."""
    return next(iter(files.values()))
