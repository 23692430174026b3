"""Delegates at run time: a real one, built here from ``delegate.c``, in every LiteRT there is; and what is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgebuild.bench.bench import Bench
from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import ConfigError, DeviceError, EdgebuildError, ModelRejected, NotMeasured
from edgebuild.core.measurement import Run, Share
from edgebuild.core.metric import Mode
from edgebuild.core.profile import Measuring
from edgebuild.core.target import RuntimeOptions
from edgebuild.devices.transports.local import open_local

SHORT = Measuring(min_samples=5, min_seconds=0.0, warmup_seconds=0.0)
INPUTS = {"x": np.linspace(0, 3, 3, dtype=np.float32).reshape(3, 1)}
NPU = RuntimeOptions(delegate="npu")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    made = tmp_path_factory.mktemp("delegate") / "libours.so"
    source = Path(__file__).with_name("delegate.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", made, source], check=True)
    return str(made)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A sine, of three FULLY_CONNECTED in a row."""
    root = os.environ.get("EDGEBUILD_DATA")
    if not root:
        pytest.skip("EDGEBUILD_DATA names no data folder")
    return {"model.tflite": (Path(root) / "foreign/tflite_micro/hello_world_float.tflite").read_bytes()}


@pytest.fixture(params=["ai-edge-litert", "tflite-runtime"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    other = request.param == "tflite-runtime"
    python = os.environ.get("EDGEBUILD_TFLITE_RUNTIME_PYTHON") if other else None
    if other and not python:
        pytest.skip("EDGEBUILD_TFLITE_RUNTIME_PYTHON names no interpreter (scripts/tflite_runtime_env makes one)")
    entry = DeviceEntry(name="other", transport="local", python=python) if python else None
    with Bench(open_local(entry)) as opened:
        yield opened


@pytest.fixture
def newer() -> Iterator[Bench]:
    """The LiteRT that compiles models too."""
    with Bench(open_local()) as opened:
        yield opened


def through(library: str, least: int | None = None, **told: str) -> RuntimeOptions:
    return RuntimeOptions(delegate="npu", delegate_library=library, delegate_options=told, least_delegated=least)


def timed(bench: Bench, files: dict[str, bytes], options: RuntimeOptions) -> Run:
    return bench.latency_run("litert", files, INPUTS, options, SHORT)


def layers(by: str, count: int, partitions: int | None) -> Share:
    return Share(by=by, operators={"FULLY_CONNECTED": count}, partitions=partitions)


def test_xnnpack_tells_what_it_took_of_a_model_for_the_cpu(bench: Bench, files: dict[str, bytes]) -> None:
    assert timed(bench, files, RuntimeOptions()).shares == (layers("xnnpack", 3, 1),)


@pytest.mark.parametrize(
    ("nodes", "shares"),
    [
        ("0,1,2", (layers("npu", 3, 1),)),
        ("0,2", (layers("npu", 2, 2), layers("xnnpack", 1, 1))),
        ("1", (layers("npu", 1, 1), layers("xnnpack", 2, 2))),
    ],
)
def test_a_delegate_computes_and_is_told_apart_from_xnnpack(
    bench: Bench, files: dict[str, bytes], ours: str, nodes: str, shares: tuple[Share, ...]
) -> None:
    options = through(ours, nodes=nodes)
    assert timed(bench, files, options).shares == shares
    assert bench.memory_run("litert", files, None, options).shares == shares
    (found,) = bench.infer("litert", files, INPUTS, options)
    np.testing.assert_allclose(found, np.sin(INPUTS["x"]), atol=0.2)


def test_a_run_that_the_cpu_would_do_instead_fails(bench: Bench, files: dict[str, bytes], ours: str) -> None:
    with pytest.raises(NotMeasured) as raised:
        timed(bench, files, through(ours, nodes="none"))
    said = raised.value.message
    assert f"the npu through {ours} took 0 of the model's 3 operators, where at least 1 are demanded" in said
    assert "left on the CPU: FULLY_CONNECTED 0, FULLY_CONNECTED 1, FULLY_CONNECTED 2\n" in said
    assert "\n  to fix: compile" in said
    assert raised.value.exit_code == 4


def test_none_is_tflites_own_kernels_alone(bench: Bench, files: dict[str, bytes]) -> None:
    options = RuntimeOptions(delegate="none")
    assert timed(bench, files, options).shares == (layers("tflite", 3, None),)
    (found,) = bench.infer("litert", files, INPUTS, options)
    np.testing.assert_allclose(found, np.sin(INPUTS["x"]), atol=0.2)


def test_less_than_was_placed_on_the_accelerator_is_refused_in_every_mode(
    bench: Bench, files: dict[str, bytes], ours: str
) -> None:
    assert timed(bench, files, through(ours, least=2, nodes="0,2")).shares[0].partitions == 2
    options = through(ours, least=3, nodes="0,2")
    with pytest.raises(NotMeasured, match=r"(?m)took 2 of .* at least 3 .* CPU: FULLY_CONNECTED 1$"):
        bench.infer("litert", files, INPUTS, options)
    for made in (lambda: timed(bench, files, options), lambda: bench.memory_run("litert", files, None, options)):
        with pytest.raises(NotMeasured):
            made()


def test_what_is_wrong_with_a_library_is_said(bench: Bench, files: dict[str, bytes], ours: str) -> None:
    cases: list[tuple[RuntimeOptions, type[EdgebuildError], str]] = [
        (through("libnowhere.so.1"), DeviceError, "library can't be loaded: libnowhere.so.1"),
        (through("libm.so.6"), ConfigError, "libm.so.6 is no delegate"),
        (through(ours, device="usb"), DeviceError, "refuses, with device=usb: .*no such device is plugged in"),
        (through(ours, broken="yes"), DeviceError, "the npu's delegate fails at the model"),
        (RuntimeOptions(delegate="edgetpu"), ConfigError, "delegate_library"),
    ]
    for options, error, words in cases:
        with pytest.raises(error, match=f"(?s){words}"):
            timed(bench, files, options)


def test_a_file_that_is_no_model_is_not_the_delegates_fault(bench: Bench, ours: str) -> None:
    with pytest.raises(ModelRejected, match="twice"):
        timed(bench, {"model.tflite": b"no model"}, through(ours))


def test_litert_itself_finds_no_npu_here_and_no_time_is_given(newer: Bench, files: dict[str, bytes]) -> None:
    with pytest.raises(NotMeasured, match="the model's 3 operators"):
        timed(newer, files, NPU)
    with pytest.raises(ModelRejected, match="twice"):
        timed(newer, {"model.tflite": b"no model"}, NPU)


def test_litert_does_not_know_an_option(newer: Bench, files: dict[str, bytes]) -> None:
    for key, value, words in [
        ("turbo", "yes", "no option 'turbo'"),
        ("qualcomm.turbo", "yes", "no option 'qualcomm.turbo'"),
        ("qualcomm.htp_performance_mode", "TURBO", "expected .*BURST"),
    ]:
        with pytest.raises(ConfigError, match=words):
            timed(newer, files, NPU.model_copy(update={"delegate_options": {key: value}}))


def test_a_compiled_model_computes_all_of_it_through_a_dispatch_library(
    newer: Bench, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intel's, which computes on the CPU too, if it is told to: OpenVINO's own plug-in for it stands for the NPU."""
    libraries = os.environ.get("EDGEBUILD_OPENVINO_OF_LITERT")
    if not libraries:
        pytest.skip(
            "EDGEBUILD_OPENVINO_OF_LITERT names no folder of OpenVINO 2026.3's libraries, which LiteRT 2.3's needs"
        )
    monkeypatch.setenv("LD_LIBRARY_PATH", libraries)
    options = NPU.model_copy(update={"delegate_options": {"intel_openvino.graph_backend": "CPU"}})
    run = timed(newer, files, options)
    assert run.shares == (Share(by="npu", operators={"FULLY_CONNECTED": 3}),)
    assert len(run.samples_ns) >= 5
    (found,) = newer.infer("litert", files, INPUTS, options)
    np.testing.assert_allclose(found, np.sin(INPUTS["x"]), atol=0.2)


def test_the_time_per_layer_of_a_delegate_is_not_taken_from_the_cpu(
    bench: Bench, files: dict[str, bytes], ours: str
) -> None:
    from edgebuild.bench.layers import profile_run

    with pytest.raises(ConfigError, match="does not tell its time per layer"):
        profile_run(bench, "litert", files, INPUTS, through(ours), SHORT)


def test_runs_by_turns_tell_it_too(newer: Bench, files: dict[str, bytes], ours: str) -> None:
    runs = newer.run_by_turns("litert", ((files, INPUTS), (files, INPUTS)), through(ours), SHORT, "0")
    assert [(run.mode, run.shares) for run in runs] == [(Mode.TURNS, (layers("npu", 3, 1),))] * 2
