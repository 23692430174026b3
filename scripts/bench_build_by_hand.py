"""What `edgebuild build` does for MobileNetV1 in one configuration, written out by hand for one runtime.

    python scripts/bench_build_by_hand.py onnxruntime|litert|openvino FOLDER

The libraries are called directly and in one process: torch.export; the runtime's converter for the float and for the
corrected model; its quantizer; both models run on the selection and the evaluation set, and torch on the selection set.
Left out is what makes it a build: cache, digests, origins, fresh processes, golden vectors, the manifest.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Run = Callable[[Array], Array]
ROOT = Path(__file__).resolve().parent.parent
SAMPLES = 64


def main(runtime: str, folder: Path) -> None:
    """Build, run and compare; prints the accuracies."""
    import torch

    from edgebuild.backends import find_backend
    from edgebuild.core.profile import QuantSetting
    from edgebuild.core.project import InputSpec
    from edgebuild.models.graph import TorchModel, export_module
    from edgebuild.pipeline.host import int8_scheme
    from edgebuild.quant.calibrate import calibrate
    from edgebuild.quant.fold import fold
    from edgebuild.quant.runtime_plan import observed_ranges
    from edgebuild.store.catalog import find_target

    sys.path.insert(0, str(ROOT / "examples" / "imagenet_mobilenet"))
    data, model = importlib.import_module("data"), importlib.import_module("model")
    sets = {name: _prepared(getattr(data, name)()) for name in ("calibration", "selection", "evaluation")}
    spec = InputSpec(shape=(1, 3, 224, 224), layout="NCHW")
    exported = export_module(model.mobilenet(), {"image": spec})
    program = fold(exported.program)
    backend, scheme = find_backend(runtime), int8_scheme(find_target(f"host-{runtime}"))
    assert scheme is not None
    exact = backend.export(TorchModel(program, exported.signature, exported.nodes))
    rows = [(torch.from_numpy(row[None]),) for row in sets["calibration"][0][:SAMPLES]]
    done = calibrate(program, rows, ["image"], scheme, QuantSetting(), backend.weight_grid(scheme))
    corrected = backend.export(TorchModel(done.program, exported.signature, exported.nodes))
    samples = [{"image": _laid_out(row[None], corrected.signature.inputs[0].layout)} for (row,) in _arrays(rows)]
    names = [
        name for name, value in next(backend.observe(corrected.files, samples)).items() if value.dtype == np.float32
    ]
    ranges = observed_ranges(done.plan, names, backend.observe(corrected.files, samples))
    int8 = backend.quantize(corrected, ranges, (), scheme)
    layout = exact.signature.inputs[0].layout
    for label, built in (("float32", exact), ("int8", int8)):
        for name, data_ in built.files.items():
            (folder / f"{label}.{name}").write_bytes(data_)
        run = _SESSIONS[runtime](folder / f"{label}.{next(iter(built.files))}", built.files)
        for name in ("selection", "evaluation"):
            images, labels = sets[name]
            outputs = np.concatenate([run(_laid_out(image[None], layout)) for image in images])
            print(label, name, (outputs.argmax(1) == labels).mean())
    module = program.module()
    with torch.no_grad():
        for image in sets["selection"][0]:
            module(torch.from_numpy(image[None]))


def _arrays(rows: list[tuple[object, ...]]) -> list[tuple[Array]]:
    return [(np.asarray(row[0])[0],) for row in rows]


def _prepared(samples: dict[str, NDArray[np.generic]]) -> tuple[Array, NDArray[np.generic]]:
    images = samples["image"].astype(np.float32).transpose(0, 3, 1, 2)
    return np.ascontiguousarray((images - 127.5) / 127.5), samples["labels"]


def _laid_out(image: Array, layout: str) -> Array:
    return np.ascontiguousarray(image.transpose(0, 2, 3, 1)) if layout == "NHWC" else image


def _onnxruntime(path: Path, _: object) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {"image": image})[0]


def _litert(path: Path, _: object) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path), num_threads=1).get_signature_runner()
    return lambda image: next(iter(runner(image=image).values()))


def _openvino(path: Path, files: object) -> Run:
    import openvino

    assert isinstance(files, dict)
    for name in files:
        path.with_name(path.name.removesuffix(".xml") + Path(name).suffix).write_bytes(files[name])
    hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(str(path), "CPU", hints)
    return lambda image: compiled(image)[0].copy()


_SESSIONS: dict[str, Callable[[Path, object], Run]] = {
    "onnxruntime": _onnxruntime,
    "litert": _litert,
    "openvino": _openvino,
}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
