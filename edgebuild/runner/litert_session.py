"""LiteRT: ``ai_edge_litert`` where it is, ``tflite_runtime`` where it is not."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from typing import Any

import numpy as np
from runner.faults import Fault


def _library() -> tuple[Any, str]:
    """The interpreter module and the package it is from."""
    try:
        from ai_edge_litert import interpreter
    except ImportError as newer:
        try:
            from tflite_runtime import interpreter
        except ImportError as older:
            raise ImportError(f"{newer}; {older}") from older
        return interpreter, "tflite-runtime"
    return interpreter, "ai-edge-litert"


def version() -> str:
    """The package's name and version."""
    from importlib.metadata import version as version_of

    _, package = _library()
    return f"{package} {version_of(package)}"


def empty() -> Any:
    """The runtime imported and nothing loaded: the floor of its memory."""
    return _library()


class Session:
    """One loaded model, in XNNPACK as the interpreter applies it by default."""

    def __init__(self, path: str, threads: int, delegate: str, precision: str) -> None:
        if delegate != "cpu" or precision != "f32":
            raise Fault("bad_request", f"litert here runs on cpu in f32, not {delegate} in {precision}")
        self._path, self._threads = path, threads
        self._interpreter = _library()[0].Interpreter(model_path=path, num_threads=threads)
        self._interpreter.allocate_tensors()
        self._inputs = self._interpreter.get_input_details()
        self._outputs = self._interpreter.get_output_details()

    def _signature(self, side: str) -> dict[int, str]:
        """Tensor index to name in the model's only signature; empty if it has none or several."""
        signatures = self._interpreter._get_full_signature_list()  # noqa: SLF001
        if len(signatures) != 1:
            return {}
        return {index: name for name, index in next(iter(signatures.values()))[side].items()}

    def inputs(self) -> list[tuple[str, Any, tuple[int, ...]]]:
        """Name (the signature's, where there is one), dtype and shape of each input."""
        names = self._signature("inputs")
        return [
            (names.get(d["index"], d["name"]), np.dtype(d["dtype"]), tuple(int(n) for n in d["shape"]))
            for d in self._inputs
        ]

    def outputs(self) -> list[str]:
        """The outputs' names in the model's order."""
        names = self._signature("outputs")
        return [names.get(detail["index"], detail["name"]) for detail in self._outputs]

    def feed(self, sample: list[Any]) -> None:
        """Copy a sample's arrays in."""
        for detail, array in zip(self._inputs, sample):  # noqa: B905
            self._interpreter.set_tensor(detail["index"], array)

    def run(self) -> None:
        """One inference."""
        self._interpreter.invoke()

    def read(self) -> list[Any]:
        """Copies of the last inference's outputs."""
        return [self._interpreter.get_tensor(detail["index"]) for detail in self._outputs]

    def profile(self, samples: list[list[Any]], most: int, one_ns: int) -> tuple[list[dict[str, Any]], int]:  # noqa: ARG002
        """Time per operator, in a model of its own with the profiler on; as ``litert_profile.profile``.

        Raises:
            Fault: this package's profiler can't be reached.
        """
        from runner import litert_profile

        library = litert_profile.library_of(_library()[0], version())
        profiled = litert_profile.Profiled(library, self._path, self._threads)
        places = [name for name, _, _ in self.inputs()]
        order = [places.index(name) for name in profiled.names]
        return litert_profile.profile(profiled, [[sample[at] for at in order] for sample in samples], most), most
