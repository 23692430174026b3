"""A compiled int8 ONNX model on its compiler's simulator, whole and operator by operator, against this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
from onnx.utils import Extractor

from edgebuild.compilers import find_compiler
from edgebuild.quant.numerics import sqnr_db

Values = dict[str, np.ndarray]
_ROUNDED = "QuantizeLinear"


@dataclass(frozen=True)
class Layer:
    """What is computed between one rounding and those before it; ``kind``: the operator whose answer is rounded."""

    rounded: str
    kind: str
    model: onnx.ModelProto
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Apart:
    """How far a layer's integers on the simulator are from exact ones, given the exact ones before it."""

    layer: Layer
    steps: int
    share: float


@dataclass(frozen=True)
class Found:
    """A model's layers alone, and the SQNR of its outputs against exact ones, in dB.

    Exact: in float between the roundings. ``simulated`` is the simulator's; ``expected`` is what comes of exact
    layers whose integers are at random as often one step off as those of the simulator's layers alone.
    """

    layers: tuple[Apart, ...]
    simulated: float
    expected: float


def look(model: onnx.ModelProto, samples: Values, compiler: str, options: Mapping[str, str]) -> Found:
    """Run a model of quantized operators whole and by layers.

    Args:
        samples: by the graph's input names, (N, …) each, as the model takes them.

    Raises:
        BuildError: the compiler is not installed, or it failed on a layer.
    """
    layers = list(_layers(model))
    exact = dict(samples)
    for layer in layers:
        exact[layer.rounded] = _host(layer, exact)
    found = tuple(_apart(layer, exact, compiler, options) for layer in layers)
    rounded = _simulate(model, samples, compiler, options)
    right = _outputs(model, exact)
    return Found(found, sqnr_db(right, rounded), sqnr_db(right, _outputs(model, _shaken(found, samples))))


def _layers(model: onnx.ModelProto) -> Iterator[Layer]:
    """In the graph's order; the first roundings, of the model's inputs alone, are layers too."""
    model = onnx.shape_inference.infer_shapes(model)
    writers, constant = _writers(model), _constants(model)
    extract = Extractor(model)
    for node in model.graph.node:
        if node.op_type != _ROUNDED or node.input[0] in constant:
            continue
        before = writers.get(node.input[0])
        inputs = tuple(sorted(_sources(node, writers, constant)))
        part = extract.extract_model(list(inputs), [node.output[0]])
        yield Layer(node.output[0], before.op_type if before else "input", part, inputs)


def _sources(node: onnx.NodeProto, writers: Mapping[str, onnx.NodeProto], constant: set[str]) -> set[str]:
    """The rounded tensors and model inputs that an operator's answer is computed from."""
    found, open_ = set[str](), [name for name in node.input if name and name not in constant]
    while open_:
        name = open_.pop()
        writer = writers.get(name)
        if writer is None or writer.op_type == _ROUNDED:
            found.add(name)
        else:
            open_ += [each for each in writer.input if each and each not in constant]
    return found


def _host(layer: Layer, values: Values) -> np.ndarray:
    return _run(layer.model, {name: values[name] for name in layer.inputs})


def _run(model: onnx.ModelProto, values: Values) -> np.ndarray:
    """The one output, sample by sample, each operator in float by itself."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    count = len(next(iter(values.values())))
    rows = [session.run(None, {name: value[n : n + 1] for name, value in values.items()})[0] for n in range(count)]
    return np.concatenate(rows)


def _simulate(model: onnx.ModelProto, values: Values, compiler: str, options: Mapping[str, str]) -> np.ndarray:
    module = find_compiler(compiler)
    assert module.SIMULATE is not None
    made = module.compile({"model.onnx": model.SerializeToString()}, options)
    return module.SIMULATE(made.files, options, values)[0]


def _apart(layer: Layer, exact: Values, compiler: str, options: Mapping[str, str]) -> Apart:
    made = _simulate(layer.model, {name: exact[name] for name in layer.inputs}, compiler, options)
    steps = np.abs(made.astype(np.int64) - exact[layer.rounded].astype(np.int64))
    return Apart(layer, int(steps.max()), float((steps > 0).mean()))


def _shaken(found: tuple[Apart, ...], samples: Values) -> Values:
    """Every layer exact from what was before it, and then as often one step off as on the simulator."""
    random, values = np.random.default_rng(0), dict(samples)
    for each in found:
        right = _host(each.layer, values)
        steps = random.choice([-1, 0, 1], right.shape, p=[each.share / 2, 1 - each.share, each.share / 2])
        limits = np.iinfo(right.dtype)
        values[each.layer.rounded] = np.clip(right + steps, limits.min, limits.max).astype(right.dtype)
    return values


def _outputs(model: onnx.ModelProto, values: Values) -> np.ndarray:
    """The model's first output, from its rounded tensors."""
    output, writers, constant = model.graph.output[0].name, _writers(model), _constants(model)
    if output in values:
        return values[output]
    sources = sorted(_sources(writers[output], writers, constant))
    last = Extractor(onnx.shape_inference.infer_shapes(model)).extract_model(sources, [output])
    return _run(last, {name: values[name] for name in sources})


def _writers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def _constants(model: onnx.ModelProto) -> set[str]:
    return {tensor.name for tensor in model.graph.initializer}
