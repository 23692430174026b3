"""What is counted of a run's memory, held against each other in every runtime; and what the kernel may leave untold."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edgebuild.bench.bench import Bench
from edgebuild.core.device import DeviceEntry
from edgebuild.core.target import RuntimeOptions
from edgebuild.devices.ship import RUNNER
from edgebuild.devices.transports.local import open_local

MIB = 2**20
ROWS, COLUMNS = 4096, 2048
WEIGHTS = ROWS * COLUMNS * 4
SLACK = 2 * MIB
"""The kernel keeps these counters a processor each, and sums them lazily."""


def weights() -> np.ndarray:
    return np.random.default_rng(5).standard_normal((ROWS, COLUMNS)).astype(np.float32)


def onnxruntime_model(folder: Path) -> dict[str, bytes]:
    """One matrix product with 32 MiB of weights."""
    from onnx import TensorProto, helper, numpy_helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, ROWS])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, COLUMNS])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y])
    graph.initializer.append(numpy_helper.from_array(weights(), "w"))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return {"model.onnx": model.SerializeToString()}


def openvino_model(folder: Path) -> dict[str, bytes]:
    import openvino
    from openvino import opset13

    x = opset13.parameter([1, ROWS], dtype=openvino.Type.f32, name="x")
    product = opset13.matmul(x, opset13.constant(weights()), False, False)
    model = openvino.Model([opset13.result(product)], [x], "g")
    openvino.save_model(model, str(folder / "m.xml"), compress_to_fp16=False)
    return {name: (folder / name).read_bytes() for name in ("m.xml", "m.bin")}


def litert_model(folder: Path) -> dict[str, bytes]:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def tensor(name: str, shape: list[int], buffer: int) -> object:
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name.encode(), shape, schema.TensorType.FLOAT32, buffer
        return made

    data, code, op, graph, model = (
        schema.BufferT(), schema.OperatorCodeT(), schema.OperatorT(), schema.SubGraphT(), schema.ModelT()
    )  # fmt: skip
    data.data = np.frombuffer(weights().T.copy().tobytes(), np.uint8)
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    op.opcodeIndex, op.inputs, op.outputs = 0, [0, 1, -1], [2]
    op.builtinOptionsType, op.builtinOptions = (
        schema.BuiltinOptions.FullyConnectedOptions,
        schema.FullyConnectedOptionsT(),
    )
    graph.tensors = [tensor("x", [1, ROWS], 0), tensor("w", [COLUMNS, ROWS], 1), tensor("y", [1, COLUMNS], 0)]
    graph.inputs, graph.outputs, graph.operators = [0], [2], [op]
    model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], [schema.BufferT(), data], [code]
    builder = flatbuffers.Builder(WEIGHTS + MIB)
    builder.Finish(model.Pack(builder), b"TFL3")
    return {"model.tflite": bytes(builder.Output())}


MODELS: dict[str, Callable[[Path], dict[str, bytes]]] = {
    "onnxruntime": onnxruntime_model,
    "openvino": openvino_model,
    "litert": litert_model,
}
RUNTIMES = sorted(path.stem.removesuffix("_session") for path in RUNNER.glob("*_session.py"))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no smaps_rollup in this kernel")
@pytest.mark.parametrize("case", [*RUNTIMES, "litert on tflite-runtime"])
def test_what_is_counted_of_a_run_agrees_with_itself(case: str, tmp_path: Path) -> None:
    runtime, _, other = case.partition(" on ")
    python = os.environ.get("EDGEBUILD_TFLITE_RUNTIME_PYTHON") if other else None
    if other and not python:
        pytest.skip("EDGEBUILD_TFLITE_RUNTIME_PYTHON names no interpreter (scripts/tflite_runtime_env makes one)")
    files = MODELS[runtime](tmp_path)
    entry = DeviceEntry(name="other", transport="local", python=python) if python else None
    with Bench(open_local(entry)) as bench:
        found = bench.memory_run(runtime, files, None, RuntimeOptions()).memory
    assert found is not None
    assert None not in (found.vm_rss, found.pss, found.pss_peak, found.floor, found.weights_mapped, found.arena), found
    above = found.vm_hwm - found.floor
    assert found.floor < found.vm_hwm
    assert found.vm_rss <= found.vm_hwm + SLACK
    assert found.pss <= found.vm_rss + SLACK
    assert found.pss <= found.pss_peak <= found.vm_hwm + SLACK
    assert found.weights_mapped <= sum(map(len, files.values())) + MIB
    # The weights are somewhere: in the mapped file, copied, or packed; and the peak holds what was found at the end.
    assert above >= 0.9 * WEIGHTS
    assert found.weights_mapped + found.arena >= 0.9 * WEIGHTS
    assert above >= 0.9 * (found.weights_mapped + found.arena) - SLACK
    if found.cgroup_peak is not None:
        assert found.cgroup_peak >= found.arena


def memory_module() -> ModuleType:
    """The runner's module, found as on a device: beside the other modules of ``runner``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(RUNNER.parent))
        return importlib.import_module("runner.memory")


def made_proc(root: Path, pss: int) -> Path:
    """A made /proc: the kernel's own format, with numbers of ours."""
    own = root / "proc/self"
    own.mkdir(parents=True, exist_ok=True)
    (own / "status").write_text("VmHWM:\t  900 kB\nVmRSS:\t  800 kB\nRssAnon:\t  300 kB\n", encoding="utf-8")
    (own / "smaps_rollup").write_text(f"00-ff ---p 0 00:00 0 [rollup]\nRss: 800 kB\nPss: {pss} kB\n", encoding="utf-8")
    (own / "cgroup").write_text("0::/jobs/one\n", encoding="utf-8")
    mapping = "7f00-7f01 r--p 00000000 08:01 5   {}\nSize:  64 kB\nKernelPageSize: 4 kB\nRss:   {} kB\nPss:  3 kB\n"
    maps = mapping.format(root / "model/a b.tflite", 40) + mapping.format("/usr/lib/libc.so", 999)
    (own / "smaps").write_text(maps + "7f02-7f03 rw-p 00000000 00:00 0\nRss:  77 kB\n", encoding="utf-8")
    return root / "proc"


def test_counts_are_read_from_a_made_tree(tmp_path: Path) -> None:
    memory, proc = memory_module(), made_proc(tmp_path, 700)
    (tmp_path / "model").mkdir()
    group = tmp_path / "cgroup/jobs/one"
    group.mkdir(parents=True)
    (group / "memory.peak").write_text("123456\n", encoding="utf-8")
    (group / "cgroup.procs").write_text(f"{os.getpid()}\n", encoding="utf-8")
    with memory.Memory(tmp_path / "model", proc, tmp_path / "cgroup") as used:
        made_proc(tmp_path, 650)
    assert used.found["vm_hwm"] == 900 * 1024
    assert (used.found["pss"], used.found["weights_mapped"]) == (650 * 1024, 40 * 1024)
    assert used.found["pss_peak"] >= used.found["pss"]
    assert (used.found["arena"], used.found["cgroup_peak"]) == (0, 123456)
    (group / "cgroup.procs").write_text(f"{os.getpid()}\n1\n", encoding="utf-8")
    assert memory.cgroup_peak(proc, tmp_path / "cgroup") is None  # shared: not the run's


def test_the_peak_is_the_largest_sample(tmp_path: Path) -> None:
    memory = memory_module()
    peak = memory.Peak(made_proc(tmp_path, 700))
    assert peak.bytes is None
    for pss in (500, 900, 600):
        made_proc(tmp_path, pss)
        peak.look()
    assert (peak.bytes, peak.last) == (900 * 1024, 600 * 1024)


def test_a_kernel_that_tells_nothing(tmp_path: Path) -> None:
    memory = memory_module()
    with memory.Memory(tmp_path, tmp_path / "none", tmp_path / "none") as used:
        pass
    assert used.found == {"vm_hwm": 0} | dict.fromkeys(
        ("vm_rss", "pss", "pss_peak", "weights_mapped", "arena", "cgroup_peak")
    )
