"""The seam to what makes a run. The vendor's reports are recorded ones, published by others, from the devices named."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from edgebuild.bench.bench import Bench
from edgebuild.bench.runners.base import Crash, crash
from edgebuild.bench.runners.fake import FakeRunner
from edgebuild.bench.runners.native import NativeRunner, parse_report
from edgebuild.bench.runners.python import PythonRunner, parse_response
from edgebuild.bench.session import Session, runner_for
from edgebuild.core.errors import DeviceError, ModelRejected
from edgebuild.core.measurement import Basis, Run
from edgebuild.core.metric import METRICS, Budget, Mode
from edgebuild.core.profile import Measuring
from edgebuild.core.target import RuntimeOptions
from edgebuild.core.verdict import Outcome
from edgebuild.core.wire import Request, Response
from edgebuild.devices.base import Completed, Device
from edgebuild.devices.transports.fake import FakeTransport, Step
from edgebuild.judge.runs import judge_runs, value_of

# From a report of TensorFlow 2.4's program on an arm64 QEMU board.
OLDER = """STARTING!
Log parameter values verbosely: [0]
Num threads: [4]
Graph: [./mobilenet_v1_1.0_224.tflite]
Loaded model ./mobilenet_v1_1.0_224.tflite
The input model file size (MB): 16.9008
Initialized session in 17.187ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=1 curr=3512391

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=50 first=2990275 curr=2913402 min=2727568 max=3189954 avg=2.95034e+06 std=109798

Inference timings in us: Init: 17187, First inference: 3512391, Warmup (avg): 3.51239e+06, Inference (avg): 2.95034e+06
Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE
Memory footprint delta from the start of the tool (MB): init=4.21094 overall=46.0859
"""

# From a report of a newer one inside an Android app's log.
NEWER = """I tflite  : count=3 first=226262 curr=194522 min=194522 max=226262 avg=211669 std=13043
I tflite  : count=25 first=187533 curr=140990 min=140071 max=195121 avg=145528 std=13583 p5=140545 median=141253 p95=187533
I tflite  : Inference timings in us: Init: 92318, First inference: 187533, Warmup (avg): 211669, Inference (avg): 145528
"""  # noqa: E501
OPTIONS = RuntimeOptions(threads=2)


def phone(*steps: Step, native: str | None = "/data/local/tmp/benchmark_model") -> Device:
    return Device("phone", "phone/x", FakeTransport(steps), ("python3", "-I"), native=native)


def says(text: str, code: int = 0) -> Step:
    def step(files: dict[str, bytes], argv: Sequence[str]) -> Completed:
        return Completed(code, text)

    return step


def test_the_newer_report_tells_a_median_and_the_older_an_average() -> None:
    newer, older = parse_report("phone", NEWER), parse_report("board", OLDER)
    assert newer.told_ns == {
        "avg": 145_528_000, "min": 140_071_000, "max": 195_121_000, "p5": 140_545_000, "p50": 141_253_000,
        "p95": 187_533_000,
    }  # fmt: skip
    assert older.told_ns == {"avg": 2_950_340_000, "min": 2_727_568_000, "max": 3_189_954_000}
    assert (older.load_ns, older.first_ns, older.samples_ns) == (17_187_000, 3_512_391_000, ())


def test_what_it_does_not_tell_is_absent() -> None:
    runs = [Run(mode=Mode.LATENCY, told_ns=parse_report("p", text).told_ns) for text in (NEWER, OLDER)]
    assert [value_of(METRICS["latency_p50"], run) for run in runs] == [141_253_000, None]
    assert [value_of(METRICS["latency_p90"], run) for run in runs] == [None, None]
    budget = Budget(metric="latency_p50", limit=2e8)
    assert judge_runs(budget, runs[:1] * 8, 0.99, Basis.DEVICE).outcome is Outcome.PASS
    assert judge_runs(budget, runs[1:] * 8, 0.99, Basis.DEVICE).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "text",
    ["", "count=5 avg=1", "Inference timings in us: Init: x, First inference: 1, Warmup (avg): 1, Inference (avg): 1",
     "Inference timings in us: Init: 1e99, First inference: 1, Warmup (avg): 1, Inference (avg): 1"],
)  # fmt: skip
def test_a_report_that_is_none_is_the_devices_fault(text: str) -> None:
    with pytest.raises(DeviceError, match=r"no summary|impossible times"):
        parse_report("phone", text)


def test_a_run_of_the_vendors_program() -> None:
    device = phone(says(NEWER))
    with Bench(device) as bench:
        measuring = Measuring(min_samples=50, min_seconds=1.0, warmup_seconds=0.5)
        run = bench.latency_run("litert", {"m.tflite": b"model"}, None, OPTIONS, measuring)
        assert (run.told_ns["p50"], run.samples_ns, run.load_ns) == (141_253_000, (), 92_318_000)
        transport = device.transport
        assert isinstance(transport, FakeTransport)
        program, graph, *flags = transport.calls[0]
        assert program == "/data/local/tmp/benchmark_model"
        assert transport.files[graph.removeprefix("--graph=")] == b"model"
        assert {"--num_threads=2", "--num_runs=50", "--min_secs=1", "--warmup_min_secs=0.5"} <= set(flags)
        assert not any(name.endswith(".pyz") for name in transport.files)
        assert bench.memory_run("litert", {"m.tflite": b"model"}, None, OPTIONS).memory is None


def test_its_self_test_is_a_run_of_the_empty_model() -> None:
    device = phone(says(NEWER))
    assert Bench(device).selftest("litert")["runtime"] == "benchmark_model"
    transport = device.transport
    assert isinstance(transport, FakeTransport)
    assert "--num_runs=1" in transport.calls[0]
    assert any(b"TFL3" in data for data in transport.files.values())


def test_a_model_that_it_refuses_twice_is_the_models_fault() -> None:
    refused = says("ERROR: Didn't find op for builtin opcode 'CUSTOM'", code=1)
    with pytest.raises(ModelRejected, match="Didn't find op"):
        Bench(phone(refused, refused, says(NEWER))).latency_run("litert", {"m": b"x"}, None, OPTIONS, Measuring())
    with pytest.raises(DeviceError, match="self-test"):
        Bench(phone(refused, refused, refused)).latency_run("litert", {"m": b"x"}, None, OPTIONS, Measuring())


@pytest.mark.parametrize(
    ("mode", "runtime", "words"), [("infer", "litert", "mode infer"), ("latency", "openvino", "not openvino")]
)
def test_what_it_cannot_do_is_said(mode: str, runtime: str, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        NativeRunner(phone()).files(Request(mode=Mode(mode), runtime=runtime), "run-1")


def test_a_devices_entry_decides_who_runs() -> None:
    assert isinstance(runner_for(phone()), NativeRunner)
    assert isinstance(runner_for(phone(native=None)), PythonRunner)


def test_a_fake_runner_answers_in_order() -> None:
    answers = [Response(schema=1, ok=True, runtime="a"), Crash("gone", killed=True)]
    session = Session(phone(says(""), says(""), says("")), runner := FakeRunner(answers))
    request = Request(mode=Mode.SELFTEST, runtime="litert")
    assert [session.run(request, 1.0) for _ in range(2)] == answers
    last = session.run(request, 1.0)
    assert isinstance(last, Crash)
    assert len(runner.asked) == 3


def test_our_own_runner_tells_no_percentiles_of_its_own() -> None:
    answer = {"schema": 1, "ok": True, "told_ns": {"p50": 1}}
    with pytest.raises(DeviceError, match="tells percentiles"):
        parse_response("board", json.dumps(answer).encode())
    with pytest.raises(DeviceError, match="not one of the runner's"):
        parse_response("board", b"{}")
    assert crash(Completed(-9)) == Crash("killed by SIGKILL", killed=True)
