"""ONNX Runtime's own profiler: its trace, one event a node and inference, in whole microseconds."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TICK_NS = 1000
"""The trace's clock: durations are cut to microseconds."""

_EVENTS = 40_000
_SUFFIX = "_kernel_time"
_HOLLOW = frozenset(["If", "Loop", "Scan"])
"""What they run inside is listed by itself."""
_DTYPES = {"float": "f32", "float16": "f16", "double": "f64", "uint8": "u8", "int8": "i8"}


def profile(
    open_session: Any, names: list[str], samples: list[list[Any]], most: int
) -> tuple[list[dict[str, Any]], int]:
    """Time per node, and over how many inferences: fewer of a model of many nodes, whose trace would be long.

    Args:
        open_session: makes a session with changed options, by a function of the options.
    """
    nodes = len(_trace(open_session, names, samples, 2)[-1])
    count = max(8, min(most, _EVENTS // max(nodes, 1)))
    runs = _trace(open_session, names, samples, count + max(2, count // 5))[-count:]
    told = runs[-1]
    return [{**told[key][0], "ns": [run[key][1] * TICK_NS for run in runs if key in run]} for key in told], count


def _trace(open_session: Any, names: list[str], samples: list[list[Any]], count: int) -> list[dict[Any, Any]]:
    """For each inference its nodes in the order they ran: what each is, and its microseconds.

    The trace is written into the work folder, which is known to have room and is cleared whatever happens.
    """
    with tempfile.TemporaryDirectory(dir=str(Path.cwd())) as folder:

        def traced(options: Any) -> None:
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder) / "trace")

        session = open_session(traced)
        for number in range(count):
            session.run(None, dict(zip(names, samples[number % len(samples)])))  # noqa: B905
        return list(_runs(Path(session.end_profiling())))


def _runs(place: Path) -> Iterator[dict[Any, Any]]:
    current: dict[Any, Any] = {}
    for event in _events(place):
        if event.get("cat") == "Node" and str(event.get("name")).endswith(_SUFFIX):
            args = event["args"]
            if args.get("op_name") not in _HOLLOW:
                key = (event["name"], args.get("node_index"))
                told, before = current.get(key, (_told(event["name"], args), 0))
                current[key] = told, before + int(event["dur"])
        elif event.get("name") == "model_run":
            yield current
            current = {}


def _events(place: Path) -> Iterator[dict[str, Any]]:
    """One event a line: a trace of megabytes is never whole in memory."""
    with place.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            text = line.strip().rstrip(",")
            if text.startswith("{"):
                yield json.loads(text)


def _told(name: str, args: dict[str, Any]) -> dict[str, Any]:
    reads = next((kind for value in args.get("input_type_shape", []) for kind in value), "")
    return {
        "name": name[: -len(_SUFFIX)],
        "kind": str(args.get("op_name", "")),
        "kernel": str(args.get("provider", "")),
        "dtype": _DTYPES.get(reads, reads),
    }
