"""Every runner session module, in a real process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edgebuild.bench.bench import Bench
from edgebuild.bench.given import Raw
from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import ConfigError, DeviceError, ModelRejected
from edgebuild.core.metric import Mode
from edgebuild.core.postprocess import Argmax, Sigmoid, Softmax, Threshold
from edgebuild.core.profile import Measuring
from edgebuild.core.signature import Normalize
from edgebuild.core.target import RuntimeOptions
from edgebuild.core.wire import Around
from edgebuild.devices.ship import RUNNER
from edgebuild.devices.transports.local import open_local
from edgebuild.steps.postprocess import PostProcess
from edgebuild.steps.preprocess import apply_steps

RUNTIMES = sorted(path.stem.removesuffix("_session") for path in RUNNER.glob("*_session.py"))
SHORT = Measuring(min_samples=20, min_seconds=0.0, warmup_seconds=0.1)
OPTIONS = RuntimeOptions()


def onnxruntime_model() -> dict[str, bytes]:
    """Y = X + X."""
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", value[:1], value[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return {"model.onnx": made.SerializeToString()}


def openvino_model() -> dict[str, bytes]:
    return onnxruntime_model()  # OpenVINO reads ONNX


def litert_model() -> dict[str, bytes]:
    root = os.environ.get("EDGEBUILD_DATA")
    if not root:
        pytest.skip("EDGEBUILD_DATA names no data folder")
    return {"model.tflite": (Path(root) / "foreign/tflite_micro/hello_world_float.tflite").read_bytes()}


MODELS: dict[str, Callable[[], dict[str, bytes]]] = {
    "onnxruntime": onnxruntime_model,
    "openvino": openvino_model,
    "litert": litert_model,
}


@pytest.fixture(params=[*RUNTIMES, "litert on tflite-runtime"])
def ready(request: pytest.FixtureRequest) -> Iterator[tuple[Bench, str, dict[str, bytes], np.ndarray]]:
    runtime, _, other = request.param.partition(" on ")
    python = os.environ.get("EDGEBUILD_TFLITE_RUNTIME_PYTHON") if other else None
    if other and not python:
        pytest.skip("EDGEBUILD_TFLITE_RUNTIME_PYTHON names no interpreter (scripts/tflite_runtime_env makes one)")
    width = 1 if runtime == "litert" else 4
    inputs = np.linspace(0, 3, 3 * width, dtype=np.float32).reshape(3, width)
    files = MODELS[runtime]()
    entry = DeviceEntry(name="other", transport="local", python=python) if python else None
    with Bench(open_local(entry)) as bench:
        yield bench, runtime, files, inputs


def test_every_mode(ready: tuple[Bench, str, dict[str, bytes], np.ndarray]) -> None:
    bench, runtime, files, inputs = ready
    assert bench.selftest(runtime)["runtime"]
    (found,) = bench.infer(runtime, files, {"any_name": inputs}, OPTIONS)
    expected, tolerance = (np.sin(inputs), 0.2) if runtime == "litert" else (inputs + inputs, 1e-6)
    np.testing.assert_allclose(found, expected, atol=tolerance)
    run = bench.latency_run(runtime, files, {"x": inputs}, OPTIONS, SHORT)
    assert len(run.samples_ns) >= 20
    assert all((run.load_ns, run.first_ns, run.warmup_ns))
    memory = bench.memory_run(runtime, files, None, OPTIONS).memory
    assert memory
    assert memory.floor
    assert memory.vm_hwm > 0.8 * memory.floor


def test_a_broken_model_is_the_models_fault_and_a_wrong_dtype_the_callers(
    ready: tuple[Bench, str, dict[str, bytes], np.ndarray],
) -> None:
    bench, runtime, files, inputs = ready
    with pytest.raises(ModelRejected, match="twice"):
        bench.infer(runtime, dict.fromkeys(files, b"no model"), {"x": inputs}, OPTIONS)
    with pytest.raises(ConfigError, match="float64"):
        bench.infer(runtime, files, {"x": inputs.astype(np.float64)}, OPTIONS)


def test_the_steps_around_a_model_are_made_on_the_device(
    ready: tuple[Bench, str, dict[str, bytes], np.ndarray],
) -> None:
    """The answer is that of the same steps here; a Python without pydantic or edgebuild has them from the runner."""
    bench, runtime, files, inputs = ready
    raw = np.clip(np.round(inputs * 80), 0, 255).astype(np.uint8)
    pre, name = (Normalize(scale=1 / 80, mean=(0.25,), std=(2.0,)),), "x"
    answer = (Sigmoid(), Threshold(at=0.7)) if runtime == "litert" else (Softmax(), Argmax())
    around = Around(pre={name: pre}, outputs=("y",), places=(0,), answer=answer)
    prepared = apply_steps(raw, pre)
    (given,) = bench.infer(runtime, files, {"x": prepared}, OPTIONS)
    (found,) = bench.infer(runtime, files, Raw({"x": raw}, around), OPTIONS)
    wanted = PostProcess(("y",), answer)([given])["y"]
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)
    run = bench.latency_run(runtime, files, Raw({"x": raw}, around), OPTIONS, SHORT, mode=Mode.END_TO_END)
    assert run.mode is Mode.END_TO_END
    assert len(run.samples_ns) >= 20
    wrong = around.model_copy(update={"pre": {name: (Normalize(mean=(1.0,) * 7),)}})
    with pytest.raises(ConfigError, match="channels"):
        bench.infer(runtime, files, Raw({"x": raw}, wrong), OPTIONS)


def test_openvino_says_which_devices_there_are_where_the_demanded_one_is_not() -> None:
    import openvino

    there = openvino.Core().available_devices
    files, inputs = openvino_model(), {"x": np.zeros((1, 4), np.float32)}
    with Bench(open_local()) as bench:
        for device in {"GPU", "NPU"} - set(there):
            with pytest.raises(DeviceError, match=f"OpenVINO finds no {device} here, only CPU"):
                bench.infer("openvino", files, inputs, RuntimeOptions(delegate=device.lower(), precision="f16"))
