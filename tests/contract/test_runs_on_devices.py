from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from edgebuild.bench.bench import Bench
from edgebuild.core.errors import DeviceError, ModelRejected
from edgebuild.core.target import RuntimeOptions
from edgebuild.devices.base import Completed
from edgebuild.devices.ship import runner_zipapp
from edgebuild.devices.transports.fake import Step, open_fake
from edgebuild.devices.transports.local import open_local


def answer(data: bytes, code: int = 0) -> Step:
    def step(files: dict[str, bytes], argv: Sequence[str]) -> Completed:
        files[argv[-1]] = data
        return Completed(code)

    return step


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"garbage", "not one of the runner's"),
        (json.dumps({"schema": 1, "ok": True, "samples_ns": [-1]}).encode(), "samples_ns"),
        (json.dumps({"schema": 1, "ok": False}).encode(), "contradicts"),
        (b" " * (64 * 2**20 + 1), "bytes"),
    ],
)
def test_a_hostile_answer_is_the_devices_fault(data: bytes, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        Bench(open_fake([answer(data)])).selftest("litert")


def test_a_crash_twice_is_the_models_fault_only_if_the_self_test_passes() -> None:
    crash: Step = lambda files, argv: Completed(-11)  # noqa: E731
    well = answer(json.dumps({"schema": 1, "ok": True}).encode())
    with pytest.raises(ModelRejected, match="SIGSEGV"):
        Bench(open_fake([crash, crash, well])).infer("litert", {"m": b""}, {}, RuntimeOptions())
    with pytest.raises(DeviceError, match="self-test"):
        Bench(open_fake([crash, crash, crash])).infer("litert", {"m": b""}, {}, RuntimeOptions())
    killed: Step = lambda files, argv: Completed(-9)  # noqa: E731
    with pytest.raises(DeviceError, match="SIGKILL"):
        Bench(open_fake([killed])).infer("litert", {"m": b""}, {}, RuntimeOptions())


def test_the_zipapp_is_deterministic_and_a_missing_runtime_is_the_devices_fault() -> None:
    first = runner_zipapp()
    runner_zipapp.cache_clear()
    assert runner_zipapp() == first
    with Bench(open_local()) as bench, pytest.raises(Exception, match="no runtime"):
        bench.selftest("nothing")
