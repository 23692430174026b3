"""OpenVINO's own counters: for each operator its average over all inferences so far, in whole microseconds."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from typing import Any

TICK_NS = 1000
"""The counters' clock: durations are cut to microseconds, and so is their average."""

_INFERENCES = 500
"""At least so many, for the first ones, which are slow, are in the average too."""
_SECONDS = 20.0


def operators(model: Any, request: Any) -> list[dict[str, Any]]:
    """Time per executed operator of a model that was compiled with PERF_COUNT and has run."""
    told = {op.get_friendly_name(): op.get_rt_info() for op in model.get_runtime_model().get_ordered_ops()}
    return [
        _operator(info, told.get(info.node_name))
        for info in request.profiling_info
        if str(info.status).endswith("EXECUTED")
    ]


def inferences(one_ns: int, least: int) -> int:
    """How many to run of a model whose inference takes so long."""
    return max(least, min(_INFERENCES, int(_SECONDS * 1e9 / max(one_ns, 1))))


def _operator(info: Any, told: Any) -> dict[str, Any]:
    """An average a was cut from [a, a + 1): its middle is told."""
    microseconds = info.real_time.seconds * 1_000_000 + info.real_time.microseconds
    sources = _text(told, "originalLayersNames").split(",")
    return {
        "name": info.node_name,
        "kind": info.node_type,
        "kernel": info.exec_type,
        "dtype": _text(told, "runtimePrecision"),
        "sources": [name for name in sources if name],
        "ns": [microseconds * TICK_NS + TICK_NS // 2],
    }


def _text(told: Any, key: str) -> str:
    if told is None or key not in told:
        return ""
    value = told[key]
    return str(getattr(value, "value", value))
