"""Facts of ONNX nodes, and what the HTP's rules say of them; that the compiler says the same is in test_rules.py."""

from __future__ import annotations

import made_nodes
import numpy as np
import onnx
import onnxruntime
from node_families import all_nodes, drawn_nodes

from edgebuild.backends.onnxruntime.facts import facts as facts_of
from edgebuild.core.operator import Fact
from edgebuild.placement import find_rules


def facts_of_node(made: made_nodes.Made) -> dict[str, Fact]:
    (op,) = facts_of({"m": made_nodes.model_of([made])})
    assert (op.name, op.kind) == (made.name, made.kind)
    return op.facts


def test_facts_of_nodes_are_those_of_the_integers_around_them() -> None:
    conv = facts_of_node(made_nodes.convolution("c", (9, 12, 8), (4, 8), (3, 3, 3), dilation=2, group=4, zero=3))
    assert conv == {
        "dtype": "UINT8", "rank": 5, "fixed": True, "per_axis": False, "inputs": 3, "outputs": 1,
        "weight_dtype": "INT8", "weights_constant": True, "weight_axis": 0, "weights_centred": False, "weight_rank": 5,
        "scales_of_columns": False, "dilation": 2, "groups": 4, "depthwise": False, "one_output_a_group": True,
    }  # fmt: skip
    assert facts_of_node(made_nodes.unary("u", "Abs", dtype="INT16"))["dtype"] == "INT16"
    assert facts_of_node(made_nodes.unary("u", "Abs", dtype="INT16", out="UINT8"))["dtype"] == "FLOAT", (
        "two dtypes, no integers"
    )
    assert facts_of_node(made_nodes.unary("u", "Abs", dtype="INT16", out="FLOAT"))["dtype"] == "FLOAT"
    assert facts_of_node(made_nodes.unary("u", "Abs", ("N", 4), dtype="FLOAT"))["fixed"] is False
    assert facts_of_node(made_nodes.index_of("i", "ArgMax", axis=1, dtype="INT8"))["dtype"] == "INT8", (
        "indices have no scale"
    )


def test_facts_of_nodes_know_parameters_from_feature_maps() -> None:
    mean = facts_of_node(made_nodes.reduction("r", "ReduceMean", (2, 3, 4)))
    assert (mean["rank"], mean["parameters_constant"], mean["does_nothing"]) == (3, True, False)
    assert facts_of_node(made_nodes.reduction("r", "ReduceMean", constant=False))["parameters_constant"] is False
    still = [made_nodes.reduction("r", "ReduceSum", axes=axes, noop_with_empty_axes=1) for axes in ((), (1,))]
    assert [facts_of_node(each)["does_nothing"] for each in still] == [True, False]
    grown = facts_of_node(made_nodes.resize("z", "nearest", "asymmetric", "floor"))
    assert {grown[name] for name in ("mode", "coordinate_transformation_mode", "nearest_mode")} == {
        "nearest", "asymmetric", "floor",
    }  # fmt: skip
    assert grown["only_sides"] is True
    product = made_nodes.Made(
        "p", "Einsum", (made_nodes.Value((2, 3)), made_nodes.Value((3, 4))), (made_nodes.Value((2, 4)),),
        (("equation", "x y, y Z -> x Z"),),
    )  # fmt: skip
    assert facts_of_node(product)["equation"] == "ab,bc->ac", "axes are told apart, their names are not"
    assert facts_of_node(made_nodes.resize("z", lead=()))["only_sides"] is False


def test_what_an_htp_refuses_is_told_with_what_to_change() -> None:
    (op,) = facts_of({"m": made_nodes.model_of([made_nodes.dense("d", alpha=0.5)])})
    assert (
        find_rules("hexagon-htp").refusal(op)
        == "alpha is 1, and beta 0 or 1; multiply the weights and the bias by them"
    )


def test_every_fact_of_a_node_is_asked_for_by_some_rule_and_every_fact_asked_for_is_told() -> None:
    rules = find_rules("hexagon-htp").rules
    asked = {c.fact for rule in rules for c in (*rule.when, *(c for way in rule.ways for c in way))}
    told = {name for made in all_nodes()[::3] for name in facts_of_node(made)}
    assert told == asked


def test_made_nodes_are_models_that_onnxruntime_runs() -> None:
    for made in [*all_nodes()[::19], *drawn_nodes(0, 30)]:
        data = made_nodes.model_of([made])
        onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        names = {"tensor(float)": "f4", "tensor(int64)": "i8", "tensor(int32)": "i4", "tensor(bool)": "?"}
        given = {
            port.name: np.ones([size if isinstance(size, int) else 2 for size in port.shape], names[port.type])
            for port in session.get_inputs()
            if port.type in names
        }
        if len(given) == len(session.get_inputs()):
            session.run(None, given)
