"""OpenVINO: one synchronous request on the device named by the delegate, with the latency hint."""

# mypy: disable-error-code="import-not-found, no-any-return"
from __future__ import annotations

import functools
import sys
from typing import Any

from runner.delegation import Delegate
from runner.faults import Fault

# Importing openvino imports its converter too, which takes a third of the time and is not used here, and reports to a
# server, unasked, from threads of its own. It does without both.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

_STANDING_FOR_OTHERS = ("AUTO", "MULTI", "HETERO", "BATCH")


def version() -> str:
    """The runtime's name and version."""
    import openvino

    return "openvino {}".format(openvino.__version__.split("-")[0])


def empty() -> Any:
    """The runtime imported and a core made, with no model: the floor of its memory."""
    import openvino

    core = openvino.Core()
    core.available_devices  # noqa: B018 (loads the plugins, as any model would)
    return core


class Session:
    """One compiled model."""

    def __init__(self, path: str, threads: int, delegate: Delegate, precision: str, counters: bool = False) -> None:
        import openvino

        if delegate.library:
            raise Fault("bad_request", f"openvino takes no delegate's library, as {delegate.library}")
        self._again = (path, threads, delegate, precision)
        core = openvino.Core()
        _refuse_absent(delegate.name, core.available_devices)
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        if counters:
            options["PERF_COUNT"] = "YES"
        if delegate.name == "cpu":
            options["INFERENCE_NUM_THREADS"] = str(threads)
        self._model = core.compile_model(path, delegate.name.upper(), options)
        self._request = self._model.create_infer_request()
        # One inference; its outputs are not copied for an answer that nobody reads, as the request's own infer() does.
        self.run = functools.partial(super(type(self._request), self._request).infer, {}, True, False)  # type: ignore[misc]
        self._tensor = openvino.Tensor
        self._placed: dict[int, Any] = {}

    def inputs(self) -> list[tuple[str, Any, tuple[int, ...]]]:
        """Name, dtype and shape of each input; an open dimension counts as 1."""
        found = []
        for number, port in enumerate(self._model.inputs):
            sizes = (dimension.get_length() if dimension.is_static else 1 for dimension in port.partial_shape)
            found.append((_name(port, f"input_{number}"), port.element_type.to_dtype(), tuple(sizes)))
        return found

    def outputs(self) -> list[str]:
        """The outputs' names in the model's order."""
        return [_name(port, f"output_{number}") for number, port in enumerate(self._model.outputs)]

    def feed(self, sample: list[Any]) -> None:
        """Put a sample's arrays in place, without a copy. The inference after that takes longer, so not for nothing."""
        for number, array in enumerate(sample):
            if self._placed.get(number) is not array:
                self._request.set_input_tensor(number, self._tensor(array, shared_memory=True))
                self._placed[number] = array

    def took_ns(self) -> int:
        """What the last inference took by OpenVINO's own clock, inside the call, as its benchmark_app tells it."""
        return round(self._request.latency * 1e6)

    def read(self) -> list[Any]:
        """Copies of the last inference's outputs."""
        return [self._request.get_output_tensor(number).data.copy() for number in range(len(self._model.outputs))]

    def profile(self, samples: list[list[Any]], most: int, one_ns: int) -> tuple[list[dict[str, Any]], int]:
        """Time per operator, in a session of its own with the counters on; as ``openvino_profile.operators``."""
        from runner import openvino_profile

        counted = Session(*self._again, counters=True)
        return counted.counted(samples, openvino_profile.inferences(one_ns, most))

    def counted(self, samples: list[list[Any]], count: int) -> tuple[list[dict[str, Any]], int]:
        """So many inferences of a session with counters, and what those say."""
        from runner.openvino_profile import operators

        for number in range(count):
            self.feed(samples[number % len(samples)])
            self.run()
        return operators(self._model, self._request), count


def _refuse_absent(device: str, found: list[str]) -> None:
    """A device that OpenVINO does not find, by its kind: GPU.0 is one of GPU. Those that stand for others it looks up.

    Raises:
        Fault: naming the devices that there are.
    """
    kind = device.upper().partition(":")[0].partition(".")[0]
    if kind not in _STANDING_FOR_OTHERS and kind not in {each.partition(".")[0] for each in found}:
        there = ", ".join(found) or "no device"
        raise Fault("delegate_failed", f"OpenVINO finds no {kind} here, only {there}")


def _name(port: Any, otherwise: str) -> str:
    """Its node's, where it is one of its own: a port is given those of operators that compiling takes away."""
    node = port.get_node().get_friendly_name()
    return node if node in port.names else next(iter(sorted(port.names)), otherwise)
