"""LiteRT: ``ai_edge_litert`` where it is, ``tflite_runtime`` where it is not."""

# mypy: disable-error-code="import-not-found, no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np
from runner import delegation
from runner.delegation import Delegate, Share
from runner.faults import Fault, kind_of


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


def Session(path: str, threads: int, delegate: Delegate, precision: str) -> Any:  # noqa: N802 (a class elsewhere)
    """One loaded model, on what the request demands."""
    if precision != "f32":
        raise Fault("bad_request", f"litert here computes in f32, not in {precision}")
    if delegate.name in (delegation.CPU, delegation.NONE) or delegate.library:
        return Interpreted(path, threads, delegate)
    from runner.litert_compiled import Compiled

    return Compiled(path, threads, delegate, precision)


class Interpreted:
    """A model in the interpreter: an external delegate takes what it can, and XNNPACK of the rest, as by default."""

    def __init__(self, path: str, threads: int, delegate: Delegate) -> None:
        self._path, self._threads, self._delegate = path, threads, delegate
        package = _library()[0]
        external = [delegation.load(package, delegate)] if delegate.library else None
        try:
            self._allocate(package, external)
        except (RuntimeError, ValueError) as error:
            if external is None:
                raise
            package.Interpreter(model_path=path)  # A file that is no model fails here, and by its own fault.
            said = f"the {delegate.name}'s delegate fails at the model: {error}"
            raise Fault(kind_of(error, "delegate_failed"), said) from error
        self._inputs = self._interpreter.get_input_details()
        self._outputs = self._interpreter.get_output_details()

    def _allocate(self, package: Any, external: list[Any] | None) -> None:
        kinds, alone = package.OpResolverType, self._delegate.name == delegation.NONE
        self._interpreter = package.Interpreter(
            model_path=self._path,
            num_threads=self._threads,
            experimental_delegates=external,
            experimental_op_resolver_type=kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES if alone else kinds.AUTO,
        )
        self._applied = self._interpreter._interpreter.NumNodes()  # noqa: SLF001
        self._interpreter.allocate_tensors()

    def shares(self) -> list[Share]:
        """Who computes which operators."""
        operators = self._interpreter._get_ops_details()  # noqa: SLF001
        return delegation.shares(operators, self._applied, self._delegate.name)

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

    def restart(self) -> None:
        """Forget: tensors that the model keeps from call to call, as a TFLite LSTM does, are zero again."""
        self._interpreter.reset_all_variables()

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
            Fault: this package's profiler can't be reached, or sees the CPU only.
        """
        from runner import litert_profile

        if self._delegate.name != delegation.CPU:
            raise Fault("bad_request", f"the delegate {self._delegate.name} does not tell its time per layer")
        library = litert_profile.library_of(_library()[0], version())
        profiled = litert_profile.Profiled(library, self._path, self._threads)
        places = [name for name, _, _ in self.inputs()]
        order = [places.index(name) for name in profiled.names]
        return litert_profile.profile(profiled, [[sample[at] for at in order] for sample in samples], most), most
