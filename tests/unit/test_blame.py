"""Whose fault a run that gave nothing is: what a device lacks is never the model's."""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Sequence

import pytest

from edgebuild.bench.bench import Bench
from edgebuild.bench.blame import refuse_other_version
from edgebuild.bench.runners.base import crash
from edgebuild.core.errors import DeviceError
from edgebuild.core.target import RuntimeOptions
from edgebuild.devices.base import FULL, SAID_LIMIT, Completed
from edgebuild.devices.remote import Tail
from edgebuild.devices.transports.fake import open_fake
from edgebuild.runner.faults import is_full, kind_of

MADE_WITH = {"onnxruntime": "1.32.0", "ai-edge-litert": "2.3.0"}


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Exception during initialization: std::bad_alloc"),
        RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 268435456"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_a_lack_of_memory_is_known_by_its_words(error: Exception) -> None:
    assert kind_of(error, "model_rejected") == "out_of_memory"


def test_any_other_failure_keeps_its_kind() -> None:
    assert kind_of(RuntimeError("No Op registered for Einsum"), "model_rejected") == "model_rejected"


@pytest.mark.parametrize(
    ("error", "full"),
    [(OSError(errno.ENOSPC, "x"), True), (OSError(errno.EDQUOT, "x"), True), (OSError(errno.EIO, "x"), False),
     (ValueError("No space left on device"), False)],
)  # fmt: skip
def test_a_full_disk_is_known_by_its_number(error: Exception, full: bool) -> None:
    assert is_full(error) is full


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_somebody_sent_is_not_the_models(number: signal.Signals) -> None:
    def ended(files: dict[str, bytes], argv: Sequence[str]) -> Completed:
        return Completed(-number)

    with pytest.raises(DeviceError, match=number.name) as raised:
        Bench(open_fake([ended])).infer("litert", {"m": b""}, {}, RuntimeOptions())
    assert "try again" in raised.value.fix
    assert not crash(Completed(-signal.SIGSEGV)).killed


def test_a_disk_too_full_for_the_answer_is_not_the_models() -> None:
    def full(files: dict[str, bytes], argv: Sequence[str]) -> Completed:
        return Completed(FULL, stderr="[Errno 28] No space left on device")

    with pytest.raises(DeviceError, match="its disk is full") as raised:
        Bench(open_fake([full])).infer("litert", {"m": b""}, {}, RuntimeOptions())
    assert "free some space" in raised.value.fix


@pytest.mark.parametrize(
    ("runtime", "there", "wanted"),
    [
        ("onnxruntime", "onnxruntime 1.22.1", "onnxruntime==1.32.0"),
        ("litert", "tflite-runtime 2.14.0", "litert==2.3.0"),
        (
            "chain:litert+onnxruntime",
            "ai-edge-litert 2.3.0 + onnxruntime 1.22.1",
            "litert==2.3.0 --runtime onnxruntime==1.32.0",
        ),
    ],
)
def test_a_model_that_another_version_can_not_run(runtime: str, there: str, wanted: str) -> None:
    with pytest.raises(DeviceError, match=re.escape(there)) as raised:
        refuse_other_version("pi", runtime, there, MADE_WITH)
    assert raised.value.fix == f"edgebuild devices setup pi --runtime {wanted}"


def test_the_version_that_it_was_made_with_is_no_excuse() -> None:
    refuse_other_version("pi", "onnxruntime", "onnxruntime 1.32.0", MADE_WITH)
    refuse_other_version("pi", "onnxruntime", "onnxruntime 1.22.1", {})
    refuse_other_version("pi", "chain:litert+onnxruntime", "ai-edge-litert 2.3.0 + onnxruntime 1.32.0", MADE_WITH)


def test_output_without_an_end_is_told_by_its_length() -> None:
    tail = Tail()
    tail.add(bytes(SAID_LIMIT))
    assert not tail.endless
    tail.add(b"y")
    assert tail.endless
