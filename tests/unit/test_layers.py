"""Why int8 is slower, from profiles made by hand: units, conversions, missing kernels, and what to leave in float."""

from __future__ import annotations

import tomllib

import pytest

from edgebuild.core.layers import LayerTime, LayerTimes
from edgebuild.core.measurement import Basis, MeasurementKey
from edgebuild.core.origin import OriginMap, SourceNode
from edgebuild.judge.layer_proposal import patterns_of
from edgebuild.judge.layer_units import Unit, is_conversion
from edgebuild.judge.layers import Findings, compare_layers
from edgebuild.profiling import overhead, typical
from edgebuild.report.layers import reasons, setting_lines

KEY = MeasurementKey(
    bundle="a" * 64, part="model", precision="float32", model="b" * 64, signature="serving", workload="profile",
    device="local", threads=1, basis=Basis.DEVICE,
)  # fmt: skip
NODES = {
    "conv": "body.0", "relu": "body.1", "mix": "gates.0.mix", "tanh": "gates.0", "mix_1": "gates.1.mix",
    "tanh_1": "gates.1", "linear": "head", "add": "",
}  # fmt: skip
ORIGINS = OriginMap(nodes=tuple(SourceNode(id=name, operator="aten", module=where) for name, where in NODES.items()))


def layer(kind: str, ns: int, *nodes: str, dtype: str = "f32", kernel: str = "") -> LayerTime:
    modules = tuple(dict.fromkeys(NODES[node] or node for node in nodes))
    return LayerTime(name=f"{kind} {nodes}", kind=kind, kernel=kernel, dtype=dtype, modules=modules, nodes=nodes, ns=ns)


def times(*layers: LayerTime, whole: int = 0, own: float = 0) -> LayerTimes:
    return LayerTimes(key=KEY, layers=layers, inferences=10, whole_ns=whole, overhead_ns=own)


FLOAT = times(
    layer("Conv", 1000, "conv", "relu"), layer("Conv", 50, "mix"), layer("Tanh", 40, "tanh"),
    layer("Conv", 50, "mix_1"), layer("Tanh", 40, "tanh_1"), layer("Gemm", 500, "linear"), layer("Add", 5, "add"),
    whole=1700,
)  # fmt: skip
GATED = [
    one
    for mix, tanh in (("mix", "tanh"), ("mix_1", "tanh_1"))
    for one in (
        layer("QLinearConv", 60, mix, dtype="u8"),
        layer("DequantizeLinear", 300, tanh, dtype="u8"),
        layer("Tanh", 45, tanh, kernel="CPU"),
        layer("QuantizeLinear", 300, tanh),
    )
]
INT8 = times(
    layer("QuantizeLinear", 20), layer("QLinearConv", 400, "conv", dtype="u8"), *GATED,
    layer("QGemm", 200, "linear", dtype="u8"), layer("QLinearAdd", 5, "add", dtype="u8"), whole=2100,
)  # fmt: skip


def found() -> Findings:
    return compare_layers(FLOAT, INT8, ORIGINS)


def test_what_lost_comes_first_and_all_time_is_somewhere() -> None:
    told = found()
    assert [unit.modules for unit in told.units[:2]] == [("gates.0",), ("gates.1",)]
    assert told.units[0].lost_ns == 605
    assert told.units[0].conversions_ns == 600
    assert told.units[-1].modules == ("body.0", "body.1")  # fused in float, so they can only be compared together
    assert (told.float_ns, told.int8_ns) == (FLOAT.total_ns, INT8.total_ns)
    assert told.unknown.int8_ns == 20
    assert told.slower


def test_conversions_and_what_runs_in_float_are_named() -> None:
    told = found()
    assert (told.conversions, told.conversions_ns) == (5, 1220)
    (tanh,) = told.missing
    assert (tanh.kind, tanh.count, tanh.ns, tanh.reason) == ("Tanh", 2, 90, "in float")
    assert tanh.modules == ("gates.0", "gates.1")


def test_the_gates_are_proposed_and_what_gains_is_not() -> None:
    proposal = found().proposal
    assert proposal is not None
    # A conversion takes 300 in the middle: the convolutions of the gates go to float with what stands between them.
    assert proposal.patterns == ("gates.*",)
    kept = 50 + 40 + 50 + 40
    assert proposal.estimate_ns == 400 + kept + 200 + 5 + 2 * 300 + 20


def test_where_conversions_are_dear_a_small_loss_is_left_alone() -> None:
    exact = times(layer("Conv", 100, "conv"), layer("Tanh", 10, "tanh"), layer("Gemm", 100, "linear"), whole=210)
    lost = times(
        layer("QLinearConv", 50, "conv", dtype="u8"), layer("Lut", 15, "tanh", dtype="u8"),
        layer("QGemm", 50, "linear", dtype="u8"), layer("QuantizeLinear", 20), whole=220,
    )  # fmt: skip
    assert compare_layers(exact, lost, ORIGINS).proposal is None


def test_a_model_that_gains_nowhere_is_to_stay_in_float() -> None:
    lost = times(*(one.model_copy(update={"ns": one.ns * 2}) for one in FLOAT.layers), whole=3400)
    proposal = compare_layers(FLOAT, lost, ORIGINS).proposal
    assert proposal is not None
    assert (proposal.patterns, proposal.estimate_ns) == ((), FLOAT.total_ns)


def test_the_profilers_own_time_is_taken_off_once_an_operator() -> None:
    slow = times(*(one.model_copy(update={"ns": one.ns + 7}) for one in INT8.layers), whole=2100, own=7)
    told = compare_layers(FLOAT, slow, ORIGINS)
    assert told.int8_ns == INT8.total_ns
    assert told.units == found().units


def test_a_kernel_outside_the_delegate_is_named_only_where_float_ran_inside() -> None:
    exact = times(layer("Divide", 1, "add", kernel="XNNPACK Divide"), layer("SELECT", 3, "tanh", kernel="TFLite"))
    rounded = times(
        layer("DIV", 900, "add", dtype="", kernel="TFLite"), layer("SELECT", 3, "tanh", dtype="", kernel="TFLite")
    )
    (missing,) = compare_layers(exact, rounded, ORIGINS).missing
    assert (missing.kind, missing.reason) == ("DIV", "outside the delegate")


@pytest.mark.parametrize(
    ("chosen", "patterns"),
    [
        ({"a.0", "a.1"}, ("a.*",)),
        ({"a.0"}, ("a.0",)),
        ({"a.0", "a.1", "b"}, ("a.*", "b")),
        ({"b", "b.x.0", "b.x.1"}, ("b", "b.x.*")),
        ({"b.x.0", "b.x.1", "b.y"}, ("b.*",)),
        ({"c[0]"}, ("c[[]0]",)),
    ],
)
def test_patterns_name_what_was_chosen_and_no_more(chosen: set[str], patterns: tuple[str, ...]) -> None:
    labels = ("a.0", "a.1", "b", "b.x.0", "b.x.1", "b.y", "c[0]")
    assert patterns_of(chosen, labels) == patterns


def test_the_reasons_name_layers_conversions_kernels_and_the_setting() -> None:
    told = found()
    text = "\n".join(reasons(told, "host-x"))
    assert "Why int8 is slower: 2.10 us against 1.70 us (1.24 x)" in text
    assert "gates.0 (+605 ns)" in text
    assert "5 operators only convert" in text
    assert "2 x Tanh (90.0 ns)" in text
    assert told.proposal is not None
    setting = tomllib.loads("\n".join(setting_lines(told.proposal, "host-x")))
    assert setting == {"build": {"keep_float": {"host-x": ["gates.*"]}}}


def test_a_faster_int8_gives_no_reasons() -> None:
    told = compare_layers(FLOAT, INT8.model_copy(update={"whole_ns": 1000}), ORIGINS)
    assert reasons(told, "host-x")[0].startswith("int8 is not slower")


def test_runs_are_joined_by_the_median_of_each_operator() -> None:
    runs = [
        times(*(one.model_copy(update={"ns": one.ns * factor}) for one in FLOAT.layers), whole=1700 * factor)
        for factor in (1, 9, 2)
    ]
    joined = typical(runs)
    assert [one.ns for one in joined.layers] == [one.ns * 2 for one in FLOAT.layers]
    assert (joined.whole_ns, joined.inferences) == (3400, 30)


def test_overhead_is_what_operators_are_longer_than_the_whole() -> None:
    assert overhead(times(*FLOAT.layers, whole=FLOAT.total_ns - 70)) == 10
    assert overhead(times(*FLOAT.layers, whole=FLOAT.total_ns + 70)) == 0


def test_conversions_by_the_words_of_each_runtime() -> None:
    assert all(is_conversion(kind) for kind in ("QuantizeLinear", "Convert", "Reorder", "DEQUANTIZE", "FakeQuantize"))
    assert not any(is_conversion(kind) for kind in ("Conv", "Tanh", "FullyConnectedQuantizedLegacy"))


def test_a_share_is_known_by_module() -> None:
    assert INT8.mapped == pytest.approx(1 - 20 / INT8.total_ns)
    assert times().mapped == 1
    assert Unit(("a",), 1.0, 3.0).lost_ns == 2.0
