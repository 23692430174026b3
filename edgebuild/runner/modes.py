"""What a run does, by the request's mode. Each mode returns the response's own fields."""

# mypy: disable-error-code="import-not-found, no-any-return"
from __future__ import annotations

import gc
import importlib
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from runner import arrays
from runner.around import surrounded
from runner.baton import Baton
from runner.chain import PREFIX, Chain
from runner.delegation import demanded, told
from runner.faults import Fault, kind_of
from runner.memory import Memory
from runner.pace import Pace
from runner.processors import keep_to_fastest
from runner.recurrence import recurrent
from runner.steadiness import BLOCK, is_steady, warmed_up
from runner.watch import Watch

Fields = dict[str, Any]
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_MEMORY_RUNS = 10
_PROFILED = 8
"""Inferences under the profiler, at least: of a slow model there are no more than fit into the request's seconds."""


def selftest(request: Fields, folder: Path) -> Fields:  # noqa: ARG001
    """Import the runtime, and say its version."""
    return _versions(_runtime(request))


def infer(request: Fields, folder: Path) -> Fields:
    """Run every sample once and write all outputs. What a session remembers is forgotten before each sample.

    What a part of a chain gives for the same inputs is no such memory: it is kept.
    """
    runtime = _runtime(request)
    session = _load(runtime, request, folder)
    shares, rows = told(session, demanded(request)), []
    forget = getattr(session, "restart", lambda: None)
    getattr(session, "keep", lambda: None)()
    for sample in _each_sample(session, request, folder):
        forget()
        session.feed(sample)
        session.run()
        rows.append(session.read())
    arrays.write_outputs(_path(request, "outputs", folder), session.outputs(), rows)
    return {**_versions(runtime), **shares}


def latency(request: Fields, folder: Path) -> Fields:
    """Load, first inference, warm-up until steady, then timed inferences; raw nanoseconds of each."""
    return _latency(request, folder, None)


def turns(request: Fields, folder: Path) -> Fields:
    """The same, in turns with another process and on the same processors.

    Those of one machine may differ by half in what they do, where other machines have a part in them.
    """
    baton = Baton()
    _runtime(request)  # Imported while the other does: no turn is needed for it.
    if not baton.wait():
        raise Fault("bad_request", "it was given no turn")
    keep_to_fastest(request["threads"])
    return _latency(request, folder, baton)


def _latency(request: Fields, folder: Path, baton: Baton | None) -> Fields:
    runtime = _runtime(request)
    started = time.perf_counter_ns()
    session = _load(runtime, request, folder)
    load_ns = time.perf_counter_ns() - started
    shares = told(session, demanded(request))
    samples = _samples(session, request, folder)
    gc.collect()
    gc.disable()
    try:
        first = _timed(session, samples, 0, 1)[0]
        warmup = _warm_up(session, samples, request)
        with Watch(float(request.get("watch_seconds", 0))) as watch:
            sampled = (
                _by_turns(session, samples, request, warmup, baton) if baton else _measure(session, samples, request)
            )
    finally:
        gc.enable()
    fields = {"load_ns": load_ns, "first_ns": first, "warmup_ns": warmup, **sampled}
    seen = {"during": watch.readings, "sampling_ns": watch.cost_ns}
    return {**_versions(runtime), **shares, **fields, **seen, "steady": is_steady(sampled["samples_ns"])}


def memory(request: Fields, folder: Path) -> Fields:
    """Load and run a few times, and read what the kernel counts; without a model, the runtime's floor."""
    runtime = _runtime(request)
    if request.get("model") is None:
        with Memory(None) as floor:
            kept = runtime.empty()
        del kept
        return {**_versions(runtime), "memory": floor.found}
    with Memory(_path(request, "model", folder).parent) as used:
        session = _load(runtime, request, folder)
        for sample in (_samples(session, request, folder) * _MEMORY_RUNS)[:_MEMORY_RUNS]:
            session.feed(sample)
            session.run()
            session.read()
    return {**_versions(runtime), **told(session, demanded(request)), "memory": used.found}


def state(request: Fields, folder: Path) -> Fields:  # noqa: ARG001
    """Nothing but the environment, which every response has; no runtime is imported."""
    return {}


def profile(request: Fields, folder: Path) -> Fields:
    """Time per layer by the runtime's own profiler; before it, whole inferences without, in ``samples_ns``."""
    runtime = _runtime(request)
    session = _load(runtime, request, folder)
    shares, samples = told(session, demanded(request)), _samples(session, request, folder)
    _warm_up(session, samples, request)
    timed: list[int] = _measure(session, samples, request)["samples_ns"]
    one = sorted(timed)[len(timed) // 2]
    most = min(request["min_samples"], int(request["max_seconds"] * 1e9) // max(one, 1))
    layers, count = session.profile(samples, max(most, _PROFILED), one)
    return {**_versions(runtime), **shares, "samples_ns": timed, "layers": layers, "inferences": count}


MODES: dict[str, Callable[[Fields, Path], Fields]] = {
    "selftest": selftest,
    "infer": infer,
    "latency": latency,
    "turns": turns,
    "burst": latency,
    "duty": latency,
    "sustained": latency,
    "end_to_end": latency,
    "memory": memory,
    "profile": profile,
    "state": state,
}


def _runtime(request: Fields) -> Any:
    """The session module of a runtime, or what does as much for a chain of them; their libraries imported."""
    name = str(request.get("runtime"))
    if name.startswith(PREFIX):
        return Chain({each: _module(each) for each in name[len(PREFIX) :].split("+")})
    return _module(name)


def _module(name: str) -> Any:
    try:
        if not _NAME.match(name):
            raise ImportError(name)
        module = importlib.import_module(f"runner.{name}_session")
    except ImportError as error:
        raise Fault("bad_request", f"no runtime {name!r} in this runner") from error
    try:
        module.version()
    except ImportError as error:
        raise Fault("runtime_missing", str(error)) from error
    return module


def _versions(runtime: Any) -> Fields:
    import numpy  # noqa: ICN001

    return {"numpy": numpy.__version__, "runtime": runtime.version()}


def _path(request: Fields, field: str, folder: Path) -> Path:
    name = request.get(field)
    if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
        raise Fault("bad_request", f"{field} is {name!r}; a file under the request's folder is expected")
    return folder / name


def _load(runtime: Any, request: Fields, folder: Path) -> Any:
    path = _path(request, "model", folder)
    if not path.is_file():
        raise Fault("bad_request", f"no file {path.name}")
    try:
        session = runtime.Session(str(path), request["threads"], demanded(request), request["precision"])
        return surrounded(recurrent(session, request), request)
    except Fault:
        raise
    except Exception as error:
        raise Fault(kind_of(error, "model_rejected"), f"{type(error).__name__}: {error}") from error


def _samples(session: Any, request: Fields, folder: Path) -> list[list[Any]]:
    """All samples, in memory."""
    return list(_each_sample(session, request, folder))


def _each_sample(session: Any, request: Fields, folder: Path) -> Iterable[list[Any]]:
    if request.get("inputs") is None:
        return arrays.zeros(session.inputs())
    if request.get("around"):
        return arrays.read_as_they_are(_path(request, "inputs", folder), session.inputs())
    return arrays.read_inputs(_path(request, "inputs", folder), session.inputs())


def _timed(session: Any, samples: list[list[Any]], start: int, count: int) -> list[int]:
    """Nanoseconds of ``count`` inferences: the clock runs around the bare call only.

    A runtime that tells what its call took is believed: Python's way there and back is not the model's.
    """
    clock, run, feed, told = time.perf_counter_ns, session.run, session.feed, getattr(session, "took_ns", None)
    taken = []
    for number in range(start, start + count):
        feed(samples[number % len(samples)])
        before = clock()
        run()
        taken.append(told() if told else clock() - before)
    return taken


def _warm_up(session: Any, samples: list[list[Any]], request: Fields) -> list[int]:
    end = time.perf_counter_ns() + int(request["warmup_seconds"] * 1e9)
    taken: list[int] = []
    while time.perf_counter_ns() < end and not warmed_up(taken) and len(taken) < request["max_samples"]:
        slow = bool(taken) and taken[-1] > 50_000_000
        taken += _timed(session, samples, len(taken), 1 if slow else BLOCK)
    return taken


def _measure(session: Any, samples: list[list[Any]], request: Fields) -> Fields:
    """Timed inferences at the request's pace; of very many, every second is kept, or every fourth and so on."""
    start = time.perf_counter_ns()
    enough, most = start + int(request["min_seconds"] * 1e9), start + int(request["max_seconds"] * 1e9)
    pace, taken, made, every = Pace(request), list[int](), 0, 1
    while time.perf_counter_ns() < most:
        if made >= request["min_samples"] and time.perf_counter_ns() >= enough:
            break
        pace.wait(made)
        found = _timed(session, samples, made, 1)
        taken += found if made % every == 0 else []
        made += 1
        if len(taken) > request["max_samples"]:
            taken, every = taken[::2], 2 * every
    return {"samples_ns": taken, "every": every}


def _by_turns(session: Any, samples: list[list[Any]], request: Fields, warmup: list[int], baton: Baton) -> Fields:
    """Timed inferences of all turns.

    The first of a turn finds the caches as the other process left them, so it counts as warm-up, unless it takes longer
    than a turn by itself.
    """
    turn, taken, spent = int(request["turn_seconds"] * 1e9), list[int](), 0
    while baton.pass_on(enough=_enough(taken, spent, request)):
        start = time.perf_counter_ns()
        if not taken or taken[-1] < turn:
            warmup += _timed(session, samples, len(taken), 1)
        while len(taken) < request["max_samples"]:
            taken += _timed(session, samples, len(taken), 1)
            if time.perf_counter_ns() - start >= turn:
                break
        spent += time.perf_counter_ns() - start
    return {"samples_ns": taken}


def _enough(taken: list[int], spent: int, request: Fields) -> bool:
    samples, seconds = len(taken), spent / 1e9
    full = samples >= request["max_samples"] or seconds >= request["max_seconds"]
    return full or (samples >= request["min_samples"] and seconds >= request["min_seconds"])
