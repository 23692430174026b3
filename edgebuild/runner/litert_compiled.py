"""LiteRT's own way to a GPU or NPU: a ``CompiledModel``, which finds the vendor's dispatch library by itself.

Only the accelerator is asked for, never the CPU beside it: with both, LiteRT computes on the CPU what the accelerator
does not take, or all of it where there is none, and calls that fully accelerated.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import json
from typing import Any

import numpy as np
from runner.delegation import KERNELS, Delegate, Share
from runner.faults import Fault, kind_of

_LEFT_OUT = "not accelerated"
"""LiteRT's word for operators that would need the CPU."""
_FOLDERS = ("dispatch_library_path", "compiler_plugin_path")


class Compiled:
    """One model, compiled for one accelerator and all of it there."""

    def __init__(self, path: str, threads: int, delegate: Delegate, precision: str) -> None:  # noqa: ARG002
        self._path, self._delegate = path, delegate
        options = _options(delegate, precision)
        self._model = self._compiled(options)
        told = self._model.get_signature_by_index(0)
        self._names = (list(told["inputs"]), list(told["outputs"]))
        self._given, self._made = self._model.create_input_buffers(0), self._model.create_output_buffers(0)

    def _compiled(self, options: Any) -> Any:
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.environment import Environment

        folders = {key: value for key, value in self._delegate.options.items() if key in _FOLDERS}
        try:
            return CompiledModel.from_file(self._path, environment=Environment.create(**folders), options=options)
        except RuntimeError as error:
            operators = self._operators()  # A file that is no model fails here, and by its own fault.
            raise self._fault(len(operators), error) from error

    def _fault(self, count: int, error: RuntimeError) -> Fault:
        name, said = self._delegate.name, " ".join(str(error).split())
        if _LEFT_OUT not in said:
            return Fault(kind_of(error, "delegate_failed"), f"LiteRT can't compile for the {name}: {said}")
        return Fault(
            "not_delegated",
            f"LiteRT's own way to the {name} does not take all of the model's {count} operators, as is demanded; "
            f"which ones it leaves to the CPU, it does not tell: {said}",
        )

    def inputs(self) -> list[tuple[str, Any, tuple[int, ...]]]:
        """Name, dtype and shape of each input."""
        details = [buffer.get_tensor_details() for buffer in self._given]
        return [(name, *_form(detail)) for name, detail in zip(self._names[0], details)]  # noqa: B905

    def outputs(self) -> list[str]:
        """The outputs' names in the model's order."""
        return self._names[1]

    def feed(self, sample: list[Any]) -> None:
        """Copy a sample's arrays in."""
        for buffer, array in zip(self._given, sample):  # noqa: B905
            buffer.write(array)

    def run(self) -> None:
        """One inference."""
        self._model.run_by_index(0, self._given, self._made)

    def read(self) -> list[Any]:
        """Copies of the last inference's outputs."""
        forms = [_form(buffer.get_tensor_details()) for buffer in self._made]
        return [
            buffer.read(int(np.prod(shape)), dtype).reshape(shape)
            for buffer, (dtype, shape) in zip(self._made, forms)  # noqa: B905
        ]

    def shares(self) -> list[Share]:
        """All or nothing: a model with an operator for the CPU was refused. LiteRT does not tell its partitions."""
        taken = self._model.is_fully_accelerated()
        return [Share(self._delegate.name if taken else KERNELS, self._operators(), None)]

    def _operators(self) -> list[str]:
        from ai_edge_litert.interpreter import Interpreter

        found = Interpreter(model_path=self._path)._get_ops_details()  # noqa: SLF001
        return ["{} {}".format(op["op_name"], op["index"]) for op in found]

    def profile(self, samples: list[list[Any]], most: int, one_ns: int) -> tuple[list[dict[str, Any]], int]:  # noqa: ARG002
        """Time per layer is the accelerator's secret."""
        raise Fault("bad_request", f"the {self._delegate.name} does not tell its time per layer")


def _form(detail: dict[str, Any]) -> tuple[Any, tuple[int, ...]]:
    return np.dtype(detail["dtype"]), tuple(int(size) for size in detail["shape"])


def _options(delegate: Delegate, precision: str) -> Any:
    """LiteRT's options for one accelerator; a GPU computes in f16 unless it is told not to."""
    try:
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.options import Options
    except ImportError as error:
        raise Fault(
            "bad_request",
            f"this LiteRT reaches the {delegate.name} through an external delegate only: name its library as "
            "delegate_library",
        ) from error
    accelerator = HardwareAccelerator.__members__.get(delegate.name.upper())
    if accelerator is None:
        raise Fault("bad_request", f"LiteRT has no way of its own to the {delegate.name}: name a delegate_library")
    options = Options(hardware_accelerators=accelerator)
    options.gpu_options.enforce_f32 = precision == "f32"
    for key, value in delegate.options.items():
        if key not in _FOLDERS:
            _set(options, key, value)
    return options


def _set(options: Any, key: str, text: str) -> None:
    """Set one option, as "qualcomm.htp_performance_mode" to "BURST"."""
    group, _, name = key.partition(".")
    holder = getattr(options, f"{group}_options", None)
    known = getattr(type(holder), "__dataclass_fields__", {})
    if name not in known:
        raise Fault("bad_request", f"LiteRT has no option {key!r}; expected one as 'qualcomm.htp_performance_mode'")
    choices = getattr(holder, name.upper(), None)
    if choices is not None and text not in choices.__members__:
        raise Fault("bad_request", f"{key} is {text!r}; expected {', '.join(choices.__members__)}")
    setattr(holder, name, _value(text) if choices is None else choices[text])


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
