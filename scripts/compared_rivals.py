"""What a user would pick instead: torch-pruning, and then the runtime's own quantizer, at their best settings."""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

Images = NDArray[np.float32]
"""(N, C, H, W), as the model takes them."""

_MOST = 0.95
"""Of no layer goes more, as of none of ours: else global pruning cuts networks in two."""


@dataclass(frozen=True)
class Method:
    """A way to prune with torch-pruning.

    Attributes:
        everywhere: whether channels of all layers are ranked together; else of each layer goes the same share.
        reduction: what a channel's norm is of: the "first" layer that it is in (L2), or the "mean" over all weights
            that go with it (the group norm of Fang et al., "DepGraph", CVPR 2023).
    """

    everywhere: bool
    reduction: str


METHODS = {
    "uniform, L2": Method(False, "first"),
    "uniform, group norm": Method(False, "mean"),
    "global, L2": Method(True, "first"),
    "global, group norm": Method(True, "mean"),
}


def pruned(dense: nn.Module, method: Method, ratio: float, round_to: int, image: Images) -> nn.Module:
    """A copy with a share of the channels gone; the class scores stay."""
    import torch
    import torch_pruning

    module = copy.deepcopy(dense)
    head = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)][-1]
    pruner = torch_pruning.pruner.BasePruner(
        module,
        torch.from_numpy(image),
        importance=torch_pruning.importance.MagnitudeImportance(p=2, group_reduction=method.reduction),
        global_pruning=method.everywhere,
        pruning_ratio=ratio,
        max_pruning_ratio=_MOST,
        round_to=round_to,
        ignored_layers=[head],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pruner.step()
    return module.eval()


def widths(module: nn.Module) -> dict[str, list[int]]:
    """Of each layer's weight, its shape."""
    return {name: list(value.shape) for name, value in module.named_parameters() if value.ndim > 1}


def macs(module: nn.Module, image: Images) -> float:
    """Multiplications with an addition, as torch-pruning counts them."""
    import torch
    import torch_pruning

    return float(torch_pruning.utils.count_ops_and_params(module, torch.from_numpy(image))[0])


def awake(module: nn.Module, images: Images) -> nn.Module:
    """A copy to take times of, whose normalizations are new and fit the images: no layer is zero for all of them.

    One that is gets a scale from ai-edge-quantizer that XNNPACK refuses; of a few channels left of an untrained layer
    all may be so.
    """
    import torch

    module = copy.deepcopy(module)
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_parameters()
            layer.momentum = None
    with torch.no_grad():
        module.train()(torch.from_numpy(images))
    return module.eval()


def quantized(runtime: str, module: nn.Module, images: Images, *, one: bool = False) -> Iterator[tuple[str, bytes]]:
    """The model in int8 by each of the settings that there is to choose from, or by the first one.

    Args:
        images: to calibrate with.
        one: whether a single one will do.
    """
    ways = _WAYS[runtime]
    exact = _EXPORTS[runtime](module, images[:1])
    for name in list(ways)[: 1 if one else None]:
        yield name, ways[name](module, exact, images)


def scores(runtime: str, model: bytes, images: Images) -> NDArray[np.float32]:
    """(N, classes), of one image after the other, in the runtime itself."""
    return np.concatenate(_RUNS[runtime](model, images))


def shape_of(runtime: str, model: bytes) -> tuple[int, ...]:
    """Of the model's input."""
    if runtime == "onnxruntime":
        return tuple(_session(model).get_inputs()[0].shape)
    return tuple(int(size) for size in _interpreter(model).get_input_details()[0]["shape"])


def _session(model: bytes) -> Any:
    """As edgebuild's runner opens it: sums of products do not clip where the processor lacks VNNI."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _interpreter(model: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _run_onnx(model: bytes, images: Images) -> list[Any]:
    session = _session(model)
    name = session.get_inputs()[0].name
    return [session.run(None, {name: image[None]})[0] for image in images]


def _run_litert(model: bytes, images: Images) -> list[Any]:
    interpreter = _interpreter(model)
    took, gave = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    found = []
    for image in _last(images):
        interpreter.set_tensor(took, image[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(gave).copy())
    return found


def _last(images: Images) -> Images:
    """Channels last, as mobile runtimes want them."""
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def _to_onnx(module: nn.Module, image: Images) -> bytes:
    import torch

    program = torch.onnx.export(module, (torch.from_numpy(image),), dynamo=True, external_data=False, verbose=False)
    assert program is not None
    return bytes(program.model_proto.SerializeToString())


def _to_tflite(module: nn.Module, image: Images) -> bytes:
    import litert_torch
    import torch

    turned = litert_torch.to_channel_last_io(module, args=[0])
    return bytes(litert_torch.convert(turned, (torch.from_numpy(_last(image)),)).model_content())


def _static(method: str) -> Callable[[nn.Module, bytes, Images], bytes]:
    """``quantize_static`` of onnxruntime, after its own preprocessing: per channel, s8 weights and u8 activations."""

    def make(_: nn.Module, exact: bytes, images: Images) -> bytes:
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        with tempfile.TemporaryDirectory() as folder:
            given, ready, made = (Path(folder) / f"{name}.onnx" for name in ("given", "ready", "made"))
            given.write_bytes(exact)
            quant_pre_process(given, ready)
            quantize_static(
                ready, made, _reader(ready, images), quant_format=QuantFormat.QDQ, per_channel=True,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                calibrate_method=getattr(CalibrationMethod, method),
            )  # fmt: skip
            return made.read_bytes()

    return make


def _reader(model: Path, images: Images) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    name = _session(model.read_bytes()).get_inputs()[0].name

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(images)

        def get_next(self) -> dict[str, Images] | None:
            image = next(self._left, None)
            return None if image is None else {name: image[None]}

    return Reader()


def _ai_edge(count: int | None) -> Callable[[nn.Module, bytes, Images], bytes]:
    """ai-edge-quantizer's own recipe for static int8, with floats at the boundary as ours has.

    Its ranges are moving averages, so that it matters how many images come by.
    """

    def make(_: nn.Module, exact: bytes, images: Images) -> bytes:
        from ai_edge_quantizer import qtyping, quantizer, recipe
        from ai_edge_quantizer.algorithm_manager import AlgorithmName

        writer = quantizer.Quantizer(bytearray(exact), recipe.static_wi8_ai8())
        for boundary in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
            writer.update_quantization_recipe(".*", boundary, algorithm_key=AlgorithmName.NO_QUANTIZE)
        (signature, ports), *_ = _interpreter(exact).get_signature_list().items()
        name = ports["inputs"][0]
        found = writer.calibrate({signature: [{name: image[None]} for image in _last(images[:count])]}, num_threads=1)
        return bytes(writer.quantize(found, enable_progress_report=False, enable_progress_bar=False).quantized_model)

    return make


_EXPORTS: Mapping[str, Callable[[nn.Module, Images], bytes]] = {"onnxruntime": _to_onnx, "litert": _to_tflite}
_RUNS: Mapping[str, Callable[[bytes, Images], list[Any]]] = {"onnxruntime": _run_onnx, "litert": _run_litert}
_WAYS: Mapping[str, Mapping[str, Callable[[nn.Module, bytes, Images], bytes]]] = {
    "onnxruntime": {name.lower(): _static(name) for name in ("MinMax", "Percentile", "Entropy")},
    "litert": {"all": _ai_edge(None), "64": _ai_edge(64)},
}
