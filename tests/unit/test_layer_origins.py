"""From what each runtime's profiler tells of an operator to the modules that it came from."""

from __future__ import annotations

import json

import pytest

from edgebuild.bench.bench import Bench
from edgebuild.bench.layers import profile_run, typical_ns
from edgebuild.bench.runners.fake import FakeRunner
from edgebuild.bench.runners.python import parse_response
from edgebuild.core.errors import DeviceError
from edgebuild.core.origin import OriginMap, RuntimeOp, SourceNode
from edgebuild.core.profile import Measuring
from edgebuild.core.target import RuntimeOptions
from edgebuild.core.wire import Response, TimedOperator
from edgebuild.devices.base import Completed, Device
from edgebuild.devices.transports.fake import FakeTransport
from edgebuild.layer_order import aligned
from edgebuild.layer_origins import layer_times


def operator(name: str, kind: str = "Conv", *sources: str, index: int | None = None) -> TimedOperator:
    return TimedOperator(name=name, kind=kind, sources=sources, index=index, ns=(3000, 4000))


def op(name: str, kind: str, origin: str = "", inputs: tuple[str, ...] = (), *, compute: bool = True) -> RuntimeOp:
    origins = (origin,) if origin else ()
    return RuntimeOp(
        name=name, kind=kind, compute=compute, inputs=inputs, outputs=(f"{name}_out",), origins=origins
    )  # fmt: skip


def origins(*ops: RuntimeOp) -> OriginMap:
    names = dict.fromkeys(node for one in ops for node in one.origins)
    return OriginMap(nodes=tuple(SourceNode(id=n, operator="aten", module=f"m.{n}") for n in names), ops=ops)


CHAIN = origins(
    op("node_conv", "Conv", "conv", ("image",)),
    op("node_relu", "Relu", "relu", ("node_conv_out",)),
    op("node_linear", "Gemm", "linear", ("node_relu_out",)),
)


def modules(told: list[TimedOperator], known: OriginMap) -> list[tuple[str, ...]]:
    return [layer.modules for layer in layer_times(told, known)]


@pytest.mark.parametrize(
    "name", ["node_linear", "node_linear_out", "node_linear_token_12", "node_linear_nchwc_token_3"]
)
def test_a_renamed_node_is_known(name: str) -> None:
    told = [operator("node_conv"), operator("node_relu"), operator(name)]
    assert modules(told, CHAIN) == [("m.conv",), ("m.relu",), ("m.linear",)]


def test_what_was_fused_away_belongs_to_what_it_was_fused_into() -> None:
    told = [operator("node_relu_nchwc"), operator("node_linear")]
    assert modules(told, CHAIN) == [("m.conv", "m.relu"), ("m.linear",)]
    told = [operator("node_conv", "FusedConv"), operator("node_linear")]
    assert modules(told, CHAIN) == [("m.conv", "m.relu"), ("m.linear",)]


def test_what_a_runtime_adds_is_unknown_and_stays_so() -> None:
    told = [operator("node_conv"), operator("Transpose_token_7", "Transpose"), operator("node_linear")]
    assert modules(told, CHAIN)[1] == ()


def test_what_an_operator_was_taken_apart_into_ran_behind_it() -> None:
    told = [operator("node_conv"), operator("HardSigmoid_52", "HardSigmoid"), operator("Mul_53", "Mul")]
    assert modules(told, CHAIN)[0] == modules(told, CHAIN)[1] == modules(told, CHAIN)[2]


def test_blocks_are_reordered_for_the_convolution_beside() -> None:
    told = [operator("a", "ReorderInput"), operator("node_conv"), operator("b", "ReorderOutput"), operator("node_relu")]
    assert modules(told, CHAIN) == [("m.conv",), ("m.conv",), ("m.conv",), ("m.relu",)]


def test_a_fused_conversion_does_not_count_beside_what_computes() -> None:
    known = origins(
        op("x/Conv", "Convolution", "conv"), op("x/Conv/fq_output_0", "FakeQuantize", "next", compute=False),
        op("y/Tanh", "Tanh", "next"),
    )  # fmt: skip
    told = [operator("x/Conv", "Convolution", "x/Conv", "x/Conv/fq_output_0"), operator("y/Tanh", "Tanh", "y/Tanh")]
    assert modules(told, known) == [("m.conv",), ("m.next",)]


def test_openvino_names_what_a_reorder_feeds_and_puts_its_own_behind_a_name() -> None:
    known = origins(op("x_1/aten/Conv", "Convolution", "conv"), op("y/MatMul", "MatMul", "linear"))
    told = [
        operator("image_abcd_acdb_x_1/aten/Conv", "Reorder"),
        operator("x_1/aten/Conv", "Convolution"),
        operator("y/MatMul/DequantizationMultiply", "FullyConnected", "y/MatMul/DequantizationMultiply"),
    ]
    assert modules(told, known) == [("m.conv",), ("m.conv",), ("m.linear",)]


def test_kinds_and_order_decide_where_no_name_is_told() -> None:
    known = origins(
        op("a", "QUANTIZE", "conv", compute=False), op("b", "CONV_2D", "conv", ("a_out",)),
        op("c", "TANH", "tanh", ("b_out",)), op("d", "DIV", "div", ("c_out",)), op("e", "ADD", "add", ("d_out",)),
    )  # fmt: skip
    told = [
        operator("Convert 0", "Convert"), operator("Convolution 1", "Convolution"), operator("TanH 2", "TanH"),
        operator("DIV", "DIV", index=3), operator("Add 0", "Add"),
    ]  # fmt: skip
    assert modules(told, known) == [("m.conv",), ("m.conv",), ("m.tanh",), ("m.div",), ("m.add",)]


@pytest.mark.parametrize(
    ("ran", "model", "places"),
    [
        (["Convolution", "Add"], ["CONV_2D", "RELU", "ADD"], [0, 2]),
        (["Transpose", "Mean"], ["MEAN"], [None, 0]),
        (["Multiply"], ["MUL", "MUL"], [0]),
        (["Fully Connected", "Multiply"], ["CONV_2D", "CONV_2D", "MUL"], [0, 2]),
        ([], ["ADD"], []),
        (["Softmax"], [], [None]),
    ],
)
def test_alignment(ran: list[str], model: list[str], places: list[int | None]) -> None:
    assert aligned(ran, model) == places


@pytest.mark.parametrize(
    ("cut", "ns"),
    [
        ((0, 0, 0), 0),
        ((3000,), 3000),
        ((3000, 3000, 3000), 3500),  # all that is known is that it lies in the tick
        ((0, 0, 0, 1000), 667),  # three quarters of them are in the first tick, the median two thirds into it
        ((1000, 1000, 2000, 2000), 2000),
    ],
)
def test_the_median_of_durations_that_were_cut_to_ticks(cut: tuple[int, ...], ns: int) -> None:
    assert typical_ns(TimedOperator(name="a", kind="b", ns=cut)) == ns


@pytest.mark.parametrize(
    "change",
    [
        {"ns": []}, {"ns": [-1]}, {"ns": [1] * 10_001}, {"name": "x" * 1001}, {"sources": ["a"] * 1001}, {"index": -1},
        {"index": 10**7}, {"dtype": "f" * 21}, {"more": 1},
    ],
)  # fmt: skip
def test_what_a_device_tells_is_bounded(change: dict[str, object]) -> None:
    told = {"name": "a", "kind": "Conv", "ns": [1]}
    answer: dict[str, object] = {"schema": 1, "ok": True, "inferences": 1, "layers": [told]}
    assert parse_response("board", json.dumps(answer).encode()).layers
    with pytest.raises(DeviceError, match="not one of the runner's"):
        parse_response("board", json.dumps({**answer, "layers": [{**told, **change}]}).encode())


def test_a_profile_without_operators_is_no_profile() -> None:
    steps = (lambda *_: Completed(0, ""),)
    with Bench(Device("board", "board/x", FakeTransport(steps), ("python3",))) as bench:
        bench._session.runner = FakeRunner([Response(schema=1, ok=True, samples_ns=(1,))])
        with pytest.raises(DeviceError, match="told of no operator"):
            profile_run(bench, "onnxruntime", {}, None, RuntimeOptions(), Measuring())
