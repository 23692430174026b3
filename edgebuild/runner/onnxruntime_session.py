"""ONNX Runtime on its CPU provider."""

# mypy: disable-error-code="import-not-found, no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np
from runner.clipping import sums_clip
from runner.delegation import Delegate
from runner.faults import Fault

_SHARED = "Attempt to replace the existing tensor"
_DTYPES = {"float": "float32", "float16": "float16", "double": "float64", "bool": "bool"}


def version() -> str:
    """The runtime's name and version."""
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}"


def empty() -> Any:
    """The runtime imported and its session options made, with no model: the floor of its memory."""
    return _options(1)


def _options(threads: int) -> Any:
    """One inter-op thread, and idle threads do not spin: spinning buys little latency and burns the cores beside it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _opened(path: str, threads: int, change: Any = None) -> Any:
    """A session whose sums of 8-bit products don't clip, as those of u8 and s8 do at 16 bits on x86 without VNNI.

    There it multiplies u8 by u8 instead (``kOrtSessionOptionsAvx2PrecisionMode`` in
    onnxruntime_session_options_config_keys.h): right answers come first. Where it can't (1.32 fails if two layers
    share a weight), it computes the integers in float, each operator by itself. Some processors with VNNI, whose sums
    never clip, heed it too, and take up to three times as long.
    """
    import onnxruntime

    change = change or (lambda _: None)
    options = _options(threads)
    change(options)
    if sums_clip():
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if _SHARED not in str(error):
            raise
        options = _options(threads)
        change(options)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Session:
    """One loaded model; graph optimizations are the runtime's default."""

    def __init__(self, path: str, threads: int, delegate: Delegate, precision: str) -> None:
        if delegate.name != "cpu" or precision != "f32":
            raise Fault("bad_request", f"onnxruntime here runs on cpu in f32, not {delegate.name} in {precision}")
        self._session = _opened(path, threads)
        self._again = lambda change: _opened(path, threads, change)
        self._feed: dict[str, Any] = {}
        self._names = [value.name for value in self._session.get_inputs()]
        self._answer: list[Any] = []

    def inputs(self) -> list[tuple[str, Any, tuple[int, ...]]]:
        """Name, dtype and shape of each input; an open dimension counts as 1."""
        found = []
        for value in self._session.get_inputs():
            kind = value.type[len("tensor(") : -1]
            shape = tuple(size if isinstance(size, int) else 1 for size in value.shape)
            found.append((value.name, np.dtype(_DTYPES.get(kind, kind)), shape))
        return found

    def outputs(self) -> list[str]:
        """The outputs' names in the model's order."""
        return [value.name for value in self._session.get_outputs()]

    def feed(self, sample: list[Any]) -> None:
        """Put a sample's arrays in place."""
        self._feed = dict(zip(self._names, sample))  # noqa: B905

    def run(self) -> None:
        """One inference."""
        self._answer = self._session.run(None, self._feed)

    def read(self) -> list[Any]:
        """The last inference's outputs."""
        return self._answer

    def profile(self, samples: list[list[Any]], most: int, one_ns: int) -> tuple[list[dict[str, Any]], int]:  # noqa: ARG002
        """Time per node, in a session of its own with the profiler on; as ``onnxruntime_profile.profile``."""
        from runner.onnxruntime_profile import profile

        return profile(self._again, self._names, samples, most)
