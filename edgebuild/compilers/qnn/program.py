"""What runs by itself, in a process that may crash: ``python -m edgebuild.compilers.qnn.program REQUEST``, in JSON.

Mode "compile": model.onnx becomes ``out``, and the provider's log, which says what it refuses, goes to stderr.
Mode "run": model.onnx, a compiled one, runs on inputs.npz, one sample at a time; outputs.npz has its outputs by number.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from edgebuild.core.array import np


def main(request: dict[str, Any]) -> None:
    """Answer one request in the working directory."""
    if request["mode"] == "compile":
        _session(request["options"], compiled=request["out"])
    else:
        _run_all(_session(request["options"]))


def _session(options: dict[str, str], compiled: str = "") -> Any:
    import onnxruntime
    import onnxruntime_qnn  # type: ignore[import-untyped]

    onnxruntime.register_execution_provider_library(onnxruntime_qnn.get_ep_name(), onnxruntime_qnn.get_library_path())
    devices = [d for d in onnxruntime.get_ep_devices() if d.ep_name == onnxruntime_qnn.get_ep_name()]
    settings = onnxruntime.SessionOptions()
    # What onnxruntime itself would fuse or fold has other names; the provider takes a QDQ model as it is.
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    own = {"backend_path": onnxruntime_qnn.get_qnn_htp_path(), "offload_graph_io_quantization": "0", **options}
    settings.add_provider_for_devices(devices[:1], own)
    if compiled:
        settings.log_severity_level = 0
        settings.add_session_config_entry("ep.context_enable", "1")
        settings.add_session_config_entry("ep.context_embed_mode", "1")
        settings.add_session_config_entry("ep.context_file_path", compiled)
    return onnxruntime.InferenceSession("model.onnx", settings)


def _run_all(session: Any) -> None:
    names = [port.name for port in session.get_inputs()]
    with np.load("inputs.npz") as stored:
        inputs = {name: stored[name] for name in names}
    count = len(inputs[names[0]])
    rows = [session.run(None, {name: inputs[name][n : n + 1] for name in names}) for n in range(count)]
    outputs: dict[str, Any] = {str(n): np.concatenate([row[n] for row in rows]) for n in range(len(rows[0]))}
    np.savez("outputs.npz", **outputs)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
