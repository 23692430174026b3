"""What a delegate took, read off a graph; how much it has to take; and whose fault it is if it does not."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import edgebuild
from edgebuild.bench.bench import Bench, request_for
from edgebuild.bench.blame import refuse
from edgebuild.core.artifact import Compilation, ModelFile, Placed, Placement, Variant
from edgebuild.core.errors import DeviceError, NotMeasured
from edgebuild.core.metric import Mode
from edgebuild.core.target import RuntimeOptions, Target
from edgebuild.core.wire import Failure, Response
from edgebuild.devices.base import Device
from edgebuild.devices.transports.fake import FakeTransport

FILE = ModelFile(name="model.tflite", sha256="0" * 64, size=1)


@pytest.fixture
def delegation(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The runner's module, as on a device."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(edgebuild.__file__).parent)])
    return importlib.import_module("runner.delegation")


def graph(*operators: tuple[str, list[int], list[int]]) -> list[dict[str, Any]]:
    """As the interpreter tells them; -1 is an input that is left out."""
    return [
        {"index": index, "op_name": name, "inputs": inputs, "outputs": outputs}
        for index, (name, inputs, outputs) in enumerate(operators)
    ]


def test_branches_inside_a_partition_and_an_operator_that_nobody_reads(delegation: Any) -> None:
    """0 → CONV → 1, of which two branches are made and added again; the SHAPE's output is read by nobody."""
    operators = graph(
        ("CONV_2D", [0, 90, -1], [1]), ("RELU", [1], [2]), ("TANH", [1], [3]), ("ADD", [2, 3], [4]),
        ("SHAPE", [4], [5]), ("SOFTMAX", [4], [6]), ("DELEGATE", [1], [4]), ("DELEGATE", [0, 90], [1]),
    )  # fmt: skip
    found = delegation.shares(operators, 7, "npu")
    assert found == [
        ("npu", ["RELU 1", "TANH 2", "ADD 3"], 1),
        ("xnnpack", ["CONV_2D 0"], 1),
        ("tflite", ["SHAPE 4", "SOFTMAX 5"], None),
    ]


def test_many_operators_on_the_cpu_are_counted_not_all_named(delegation: Any) -> None:
    class Session:
        @staticmethod
        def shares() -> list[Any]:
            return delegation.shares(graph(*[("ADD", [at], [at + 1]) for at in range(50)]), 50, "npu")

    with pytest.raises(Exception, match=r"took 0 of the model's 50 .* ADD 0, .*, ADD 19 and 30 more") as raised:
        delegation.told(Session, delegation.Delegate("npu"))
    assert raised.value.kind == "not_delegated"  # type: ignore[attr-defined]
    assert delegation.told(Session, delegation.Delegate())["shares"][0]["operators"] == {"ADD": 50}
    assert delegation.told(object(), delegation.Delegate("npu")) == {}


def target(**options: Any) -> Target:
    return Target.model_validate({
        "schema": 1, "name": "phone", "title": "A phone", "family": "mobile", "runtime": "litert", "transport": "adb",
        "runtime_options": options,
    })  # fmt: skip


def test_what_the_build_placed_on_the_accelerator_has_to_be_taken() -> None:
    ops = (Placed(op="a", unit="npu"), Placed(op="b", unit="cpu"), Placed(op="c", unit="npu"))
    compiled = Variant(
        precision="int8", files=(FILE,), compilation=Compilation(files=(), placement=Placement(by="r", ops=ops))
    )
    bare = Variant(precision="int8", files=(FILE,))
    assert target(delegate="npu").options_for(compiled).least_delegated == 2
    assert target(delegate="npu").options_for(bare).least_delegated is None
    assert target(delegate="npu", least_delegated=1).options_for(compiled).least_delegated == 1
    assert target().options_for(compiled) == RuntimeOptions()


def test_runs_through_another_library_or_with_other_options_are_filed_apart() -> None:
    assert RuntimeOptions().delegate_in_full == "cpu"
    options = RuntimeOptions(delegate="npu", delegate_library="libx.so", delegate_options={"b": "2", "a": "1"})
    assert options.delegate_in_full == "npu libx.so a=1, b=2"
    asked = request_for(Mode.LATENCY, "litert", options)
    assert (asked.delegate_library, asked.delegate_options) == ("libx.so", {"b": "2", "a": "1"})


def test_a_library_needs_an_accelerator_and_a_source() -> None:
    with pytest.raises(ValidationError, match="for an accelerator"):
        RuntimeOptions(delegate_library="libx.so")
    with pytest.raises(ValidationError, match=r"no source for runtime_options\.delegate_library"):
        target(delegate="npu", delegate_library="libx.so")


@pytest.mark.parametrize(("kind", "error"), [("delegate_failed", DeviceError), ("not_delegated", NotMeasured)])
def test_whose_fault_it_is(kind: Any, error: type[Exception]) -> None:
    answer = Response(schema=1, ok=False, failure=Failure(kind=kind, message="the npu took nothing"))
    with pytest.raises(error, match=r"phone: the npu took nothing\n"):
        refuse("phone", "litert", answer)


def test_a_vendors_program_that_would_use_the_cpu_is_not_asked() -> None:
    phone = Device("phone", "phone/x", FakeTransport(()), ("python3", "-I"), native="/x/benchmark_model")
    with pytest.raises(DeviceError, match="can't show that the npu computes the model"):
        Bench(phone).execute(request_for(Mode.LATENCY, "litert", RuntimeOptions(delegate="npu")), {"m.tflite": b""})
