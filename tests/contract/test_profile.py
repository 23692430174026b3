"""Every runtime's own profiler: float and int8 of one small network, in processes of their own, known by module."""

from __future__ import annotations

import os

import pytest
from road_by_hand import walk_case
from test_backends import RUNTIMES, int8_of

from edgebuild.backends.base import Exported
from edgebuild.bench.bench import Bench
from edgebuild.bench.layers import Profiled, profile_run
from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import ConfigError
from edgebuild.core.layers import LayerTimes
from edgebuild.core.measurement import Basis, MeasurementKey
from edgebuild.core.origin import OriginMap
from edgebuild.core.profile import Measuring
from edgebuild.core.target import RuntimeOptions
from edgebuild.devices.transports.local import open_local
from edgebuild.judge.layers import compare_layers
from edgebuild.layer_origins import layer_times
from edgebuild.vectors import timing_inputs

SHORT = Measuring(min_samples=12, min_seconds=0.0, warmup_seconds=0.1)
LAYERS = {"residual": {"stem", "body", "down", "skip", "head"}, "squeeze": {"stem", "depthwise", "gate", "head"}}
"""The parts of the network that every runtime must tell time of."""


def profiled(runtime: str, exported: Exported, origins: OriginMap) -> tuple[Profiled, LayerTimes]:
    with Bench(open_local()) as bench:
        inputs = timing_inputs(exported.signature)
        found = profile_run(bench, runtime, exported.files, inputs, RuntimeOptions(), SHORT)
    key = MeasurementKey(
        bundle="a" * 64, part="model", precision="int8", model="b" * 64, signature="serving", workload="profile",
        device="local", threads=1, basis=Basis.DEVICE,
    )  # fmt: skip
    layers = layer_times(found.operators, origins)
    return found, LayerTimes(key=key, layers=layers, inferences=found.inferences, whole_ns=found.whole_ns)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("case", LAYERS)
def test_float_and_int8_are_told_by_module(case: str, runtime: str) -> None:
    walked = walk_case(case, runtime)
    told, exact = profiled(runtime, walked.exported, walked.origins)
    _, rounded = profiled(runtime, *int8_of(walked, case))
    assert all(operator.name and operator.kind for operator in told.operators)
    assert told.inferences >= 12
    for times in (exact, rounded):
        assert times.total_ns > 0
        assert times.whole_ns > 0
        assert times.mapped >= 0.8
        parts = {module.partition(".")[0] for layer in times.layers for module in layer.modules}
        assert parts >= LAYERS[case]
    found = compare_layers(exact, rounded, walked.origins)
    assert found.float_ns == pytest.approx(exact.total_ns)
    assert found.int8_ns == pytest.approx(rounded.total_ns)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_small_kernel_of_integers_reads_integers(runtime: str) -> None:
    walked = walk_case("residual", runtime)
    _, rounded = profiled(runtime, *int8_of(walked, "residual"))
    assert {layer.dtype for layer in rounded.layers} & {"u8", "i8"}


def test_a_runtime_without_a_profiler_says_so() -> None:
    python = os.environ.get("EDGEBUILD_TFLITE_RUNTIME_PYTHON")
    if not python:
        pytest.skip("EDGEBUILD_TFLITE_RUNTIME_PYTHON names no interpreter (scripts/tflite_runtime_env makes one)")
    exported = walk_case("residual", "litert").exported
    with (
        Bench(open_local(DeviceEntry(name="other", transport="local", python=python))) as bench,
        pytest.raises(ConfigError, match=r"tflite-runtime .* shows no profiler"),
    ):
        profile_run(bench, "litert", exported.files, timing_inputs(exported.signature), RuntimeOptions(), SHORT)
