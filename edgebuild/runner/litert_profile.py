"""LiteRT's own profiler, which its Python binding does not show: through the C interface of the same package.

There the model runs as a ``CompiledModel``, in XNNPACK as the interpreter applies it; XNNPACK tells its operators one
by one, in the order they run, in whole microseconds. Nothing of the layout of C structures is assumed but that of an
event, and the interface is asked for only where it was tried.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import ctypes
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any

from runner.faults import Fault

TICK_NS = 1000
"""The profiler's clock: durations are cut to microseconds."""

TRIED = ("2.3",)
"""The releases of ai-edge-litert whose C interface this was written for and tried with."""

_INVOKE, _INSIDE_DELEGATE = 2, (4, 8)
_CPU, _WRITE, _ROOM = 1, 1, 1024
_DTYPES = {"QD8": "f32", "QS8": "i8", "QC8": "i8", "QU8": "u8", "F32": "f32", "F16": "f16"}
_BUILT_BY_DELEGATE = "Delegate"


class _Event(ctypes.Structure):
    """``ProfiledEventData`` of litert_profiler_event.h; memory use, of no interest here, is six words."""

    _fields_ = [
        ("tag", c_char_p), ("kind", c_int), ("start_us", c_uint64), ("us", c_uint64), ("memory", c_uint64 * 6),
        ("index", c_uint64), ("more", c_uint64), ("source", c_int),
    ]  # fmt: skip


class Profiled:
    """A model compiled with profiling, its buffers made. It lives as long as its process."""

    def __init__(self, library: Path, path: str, threads: int) -> None:
        self._c = ctypes.CDLL(str(library))
        self._kept: list[Any] = []
        self._environment, self._model, self._compiled = c_void_p(), c_void_p(), c_void_p()
        self._call("CreateEnvironment", 0, None, byref(self._environment))
        self._call("CreateModelFromFile", self._environment, path.encode(), byref(self._model))
        self._call("CreateCompiledModel", self._environment, self._model, self._options(threads), byref(self._compiled))
        self._profiler = c_void_p()
        self._call("CompiledModelGetProfiler", self._compiled, byref(self._profiler))
        if self._profiler.value is None:
            raise Fault("bad_request", "this LiteRT has no profiler in it")
        self._signature = c_void_p()
        self._call("GetModelSignature", self._model, c_size_t(0), byref(self._signature))
        self._inputs, self._outputs = self._buffers("Input"), self._buffers("Output")
        self.names = [self._name(number) for number in range(len(self._inputs))]

    def feed(self, arrays: list[Any]) -> None:
        """Copy arrays in, in the order of ``names``."""
        for buffer, array in zip(self._inputs, arrays):  # noqa: B905
            place, size = c_void_p(), c_size_t()
            self._call("GetTensorBufferPackedSize", c_void_p(buffer), byref(size))
            if size.value != array.nbytes:
                raise Fault("inference_failed", f"an input takes {size.value} bytes, not {array.nbytes}")
            self._call("LockTensorBuffer", c_void_p(buffer), byref(place), _WRITE)
            ctypes.memmove(place, array.ctypes.data, array.nbytes)
            self._call("UnlockTensorBuffer", c_void_p(buffer))

    def run(self) -> None:
        """One inference."""
        given, made = self._inputs, self._outputs
        self._call(
            "RunCompiledModel", self._compiled, c_size_t(0), c_size_t(len(given)), given, c_size_t(len(made)), made
        )

    def events(self) -> list[_Event]:
        """One inference, and what ran in it."""
        self._call("ResetProfiler", self._profiler)
        self._call("StartProfiler", self._profiler)
        self.run()
        self._call("StopProfiler", self._profiler)
        count = c_int()
        self._call("GetNumProfilerEvents", self._profiler, byref(count))
        found = (_Event * max(count.value, 1))()
        if count.value:
            self._call("GetProfilerEvents", self._profiler, count, found)
        return list(found)[: count.value]

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._c, f"LiteRt{name}")(*arguments)
        if status:
            raise Fault("inference_failed", f"LiteRt{name} failed with status {status}")

    def _options(self, threads: int) -> c_void_p:
        options = c_void_p()
        self._call("CreateOptions", byref(options))
        self._call("SetOptionsHardwareAccelerators", options, _CPU)
        self._add(options, b"runtime_options_string", b"enable_profiling = true\n")
        self._add(options, b"xnnpack", f"num_threads = {threads}\n".encode())
        return options

    def _add(self, options: c_void_p, name: bytes, text: bytes) -> None:
        """Give an option's text, which stays ours: nothing is to be freed for us."""
        held = ctypes.create_string_buffer(text)
        nothing = ctypes.CFUNCTYPE(None, c_void_p)(lambda _: None)
        self._kept += [held, nothing]
        added = c_void_p()
        self._call("CreateOpaqueOptions", name, held, nothing, byref(added))
        self._call("AddOpaqueOptions", options, added)

    def _buffers(self, side: str) -> Any:
        count, found = c_size_t(), []
        self._call(f"GetNumSignature{side}s", self._signature, byref(count))
        for number in range(count.value):
            tensor, needs, buffer = c_void_p(), c_void_p(), c_void_p()
            kind = ctypes.create_string_buffer(_ROOM)
            at = c_size_t(number)
            self._call(f"GetSignature{side}TensorByIndex", self._signature, at, byref(tensor))
            self._call("GetRankedTensorType", tensor, kind)
            self._call(f"GetCompiledModel{side}BufferRequirements", self._compiled, c_size_t(0), at, byref(needs))
            self._call("CreateManagedTensorBufferFromRequirements", self._environment, kind, needs, byref(buffer))
            found.append(buffer)
        return (c_void_p * len(found))(*found)

    def _name(self, number: int) -> str:
        text = c_char_p()
        self._call("GetSignatureInputName", self._signature, c_size_t(number), byref(text))
        return (text.value or b"").decode(errors="replace")


def library_of(package: Any, version: str) -> Path:
    """The package's C library.

    Raises:
        Fault: it has none, or one that was not tried.
    """
    place = Path(package.__file__).with_name("libLiteRt.so")
    wide = ctypes.sizeof(c_void_p) == 8
    if not wide or not place.is_file() or not version.startswith(tuple(f"ai-edge-litert {one}." for one in TRIED)):
        raise Fault(
            "bad_request",
            f"{version} shows no profiler: time per layer is read through the C interface of ai-edge-litert "
            f"{' or '.join(TRIED)}",
        )
    return place


def profile(profiled: Profiled, samples: list[list[Any]], count: int) -> list[dict[str, Any]]:
    """Time per operator over so many inferences after a few to warm up; ``samples`` in the order of its inputs."""
    rows: list[list[_Event]] = []
    for number in range(count + max(2, count // 5)):
        profiled.feed(samples[number % len(samples)])
        rows.append(_operators(profiled.events()))
    rows = [row for row in rows[-count:] if len(row) == len(rows[-1])]
    return [{**_told(last), "ns": [row[at].us * TICK_NS for row in rows]} for at, last in enumerate(rows[-1])]


def _operators(events: list[_Event]) -> list[_Event]:
    """Those of operators; a delegate's own is left out where it tells what it ran inside."""
    inside = any(event.kind in _INSIDE_DELEGATE for event in events)
    return [
        event
        for event in events
        if event.kind in _INSIDE_DELEGATE
        or (event.kind == _INVOKE and not (inside and _BUILT_BY_DELEGATE in _tag(event)))
    ]


def _tag(event: _Event) -> str:
    return (event.tag or b"").decode(errors="replace")


def _told(event: _Event) -> dict[str, Any]:
    """XNNPACK's tags are such as "Delegate/Convolution (NHWC, QC8) IGEMM"; TFLite's own kernels have the operator's."""
    tag = _tag(event)
    if event.kind == _INVOKE:
        return {"name": tag, "kind": tag.partition(":")[0], "kernel": "TFLite", "index": event.index}
    kind = tag.partition("/")[2] or tag
    dtype = next((ours for theirs, ours in _DTYPES.items() if theirs in kind), "")
    short = kind.partition(" (")[0]
    return {"name": f"{short} {event.index}", "kind": short, "kernel": f"XNNPACK {kind}", "dtype": dtype}
