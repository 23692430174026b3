"""Rules of accelerators: what they say by themselves, and that the compiler, where there is one, says the same."""

from __future__ import annotations

import made_nodes
import numpy as np
import onnx
import onnxruntime
import pytest
from made_operators import convolution, model_of, reduction
from pydantic import ValidationError
from rule_agreement import MAKERS, agreement

from edgebuild.backends import backend_names, find_backend
from edgebuild.backends.litert.facts import facts as facts_of
from edgebuild.backends.onnxruntime.facts import facts as facts_of_nodes
from edgebuild.compilers import find_compiler
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.operator import Fact, Operator
from edgebuild.placement import find_rules, rulebook_names
from edgebuild.placement.rules import Condition, Rule, RuleBook
from edgebuild.placing import compile_for
from edgebuild.store.catalog import find_target, target_files
from edgebuild.store.toml import load_target

ONE_IN = {"litert": 15, "onnxruntime": 22}
"""Of the made operators so many less are compiled here; scripts/rules_against_compilers compiles all."""
RULED = [target for target in map(load_target, target_files().values()) if target.operators.rules is not None]


@pytest.mark.parametrize("name", rulebook_names())
def test_every_rulebook_names_its_source_and_is_some_targets(name: str) -> None:
    book = find_rules(name)
    assert book.runtime in backend_names()
    assert "https://" in book.source
    assert name in {target.operators.rules for target in RULED}
    assert all(not rule.says[0].isupper() and not rule.says.endswith(".") for rule in book.rules)


def test_every_target_with_rules_has_them_for_its_runtime() -> None:
    for target in RULED:
        assert find_rules(str(target.operators.rules)).runtime == target.runtime


@pytest.mark.parametrize("name", ["ethos-u55-128", "ethos-u85-256", "snapdragon-8-gen-3-npu"])
def test_the_compiler_is_right_and_the_rules_say_what_it_does(name: str) -> None:
    target = find_target(name)
    assert target.compiler is not None
    if not find_compiler(target.compiler.name).version():
        pytest.skip(f"{target.compiler.name} is not installed")
    seen = agreement(target, MAKERS[target.runtime].all()[:: ONE_IN[target.runtime]])
    assert [f"{each.made}: {each.broken}; {each.reason}" for each in seen if not each.agrees] == []
    assert {each.taken for each in seen} == {True, False}


def test_every_fact_of_a_node_is_asked_for_by_some_rule_and_every_fact_asked_for_is_told() -> None:
    rules = [rule for book in map(find_rules, rulebook_names()) if book.runtime == "onnxruntime" for rule in book.rules]
    asked = {c.fact for rule in rules for c in (*rule.when, *(c for way in rule.ways for c in way))}
    told = {name for made in MAKERS["onnxruntime"].all()[::3] for name in facts_of_node(made)}
    assert told == asked


def test_there_are_no_rules_of_an_unknown_name() -> None:
    with pytest.raises(ConfigError, match="none for 'abacus'"):
        find_rules("abacus")


def test_a_refusal_says_what_is_asked_and_what_to_change() -> None:
    book = find_rules("ethos-u55")
    (strided,) = facts_of({"m": model_of([convolution("wide", (22, 22), stride=(5, 5))])})
    assert "strides are at most 3" in book.refusal(strided)
    assert "take the stride in two steps" in book.refusal(strided)
    assert book.refusal(Operator(name="x", kind="SIN", facts={})) == "Ethos-U55 and U65 has no SIN"
    placement = book.place(
        [strided.model_copy(update={"facts": {}}), strided, strided.model_copy(update={"facts": {}})]
    )
    assert [op.unit for op in placement.ops] == ["npu", "cpu", "npu"]
    assert placement.partitions == 2


@pytest.mark.parametrize(
    ("asked", "value", "holds"),
    [
        ({"least": 1, "most": 3}, 3, True),
        ({"least": 1, "most": 3}, 4, False),
        ({"least": 1, "most": 3}, 0.5, False),
        ({"equals": True}, True, True),
        ({"equals": True}, False, False),
        ({"equals": 0}, 0, True),
        ({"equals": 0}, 1, False),
        ({"one_of": ("INT8", "UINT8")}, "UINT8", True),
        ({"one_of": ("INT8", "UINT8")}, "INT16", False),
        ({"one_of": ("INT8", "UINT8")}, ("INT8", "INT16"), False),
        ({"one_of": ("INT8", "UINT8")}, ("INT8",), True),
        ({"most": 3}, None, True),
    ],
)
def test_a_condition_holds_or_not(asked: dict[str, object], value: object, holds: bool) -> None:
    condition = Condition.model_validate({"fact": "it", **asked})
    assert condition.holds({} if value is None else {"it": value}) is holds  # type: ignore[dict-item]


def test_a_rule_is_for_its_kinds_where_its_case_is_given() -> None:
    rule = Rule(
        name="r", operators=("*",), but=("ADD",), when=(Condition(fact="dtype", equals="INT8"),),
        ways=((Condition(fact="size", most=4),), (Condition(fact="flat", equals=True),)), says="small or flat",
    )  # fmt: skip
    large = {"dtype": "INT8", "size": 5, "flat": False}
    assert rule.breaks(Operator(name="x", kind="MUL", facts=large))
    assert not rule.breaks(Operator(name="x", kind="ADD", facts=large))
    assert not rule.breaks(Operator(name="x", kind="MUL", facts={**large, "flat": True}))
    assert not rule.breaks(Operator(name="x", kind="MUL", facts={**large, "dtype": "INT16"}))
    assert not rule.breaks(Operator(name="x", kind="MUL", facts={"size": 5, "flat": False})), "its case is not known"


def test_a_book_that_contradicts_itself_is_refused() -> None:
    one = Rule(name="r", operators=("MUL",), ways=((Condition(fact="x", most=1),),), says="small")
    common = {"title": "T", "runtime": "litert", "source": "s"}
    with pytest.raises(ValidationError, match="operators that it does not have: MUL"):
        RuleBook.model_validate({**common, "operators": ("ADD",), "rules": (one,)})
    with pytest.raises(ValidationError, match="two rules are called r"):
        RuleBook.model_validate({**common, "operators": ("MUL",), "rules": (one, one)})
    with pytest.raises(ValidationError, match="nothing is asked of x"):
        Condition(fact="x")


def test_facts_of_a_convolution_and_a_mean() -> None:
    made = [convolution("c", (9, 12), (4, 8), (3, 5), (2, 1), dilation=1), reduction("m", "MEAN", (1, 8, 6, 4), (1, 2))]
    conv, mean = facts_of({"m": model_of(made)})
    assert (conv.name, conv.kind, mean.name) == ("c", "CONV_2D", "m")
    wanted = {
        "dtype": "INT8", "stride_h": 2, "stride_w": 1, "stride": 2, "kernel_h": 3, "kernel_w": 5, "dilation": 1,
        "padding": "SAME", "padded": True, "per_axis": True, "weight_dtype": "INT8", "weight_sum": 60,
        "bias_dtype": "INT32", "in_h": 9, "in_w": 12, "in_c": 4,
        "out_h": 5, "out_w": 12, "out_c": 8, "in_n": 1,
    }  # fmt: skip
    assert {name: conv.facts[name] for name in wanted} == wanted
    assert {name: mean.facts[name] for name in ("reduced", "longest_reduced", "reduces_depth", "flat")} == {
        "reduced": 48, "longest_reduced": 8, "reduces_depth": False, "flat": False,
    }  # fmt: skip


def test_a_compiler_that_fails_is_told_with_what_the_rules_ask_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BuildError("compile", "crashed", fix="the log")

    monkeypatch.setattr(find_compiler("qnn"), "compile", fail)
    wide = [made_nodes.convolution(f"wide{number}", weights="INT16", per_channel=False) for number in range(6)]
    target, backend = find_target("snapdragon-8-gen-3-npu"), find_backend("onnxruntime")
    with pytest.raises(BuildError, match="crashed") as caught:
        compile_for(target, backend, {"m": made_nodes.model_of([made_nodes.unary("well", "Relu"), *wide])})
    assert "wide0: beside uint8 inputs weights have 8 bits" in caught.value.expected
    assert "and 1 more" in caught.value.expected
    assert "well" not in caught.value.expected
    assert caught.value.fix == "the log"
    with pytest.raises(BuildError) as caught:
        compile_for(target, backend, {"m": made_nodes.model_of([made_nodes.unary("well", "Relu")])})
    assert caught.value.expected == "", "the rules have nothing to say"


def test_made_nodes_are_models_that_onnxruntime_runs() -> None:
    for made in [*MAKERS["onnxruntime"].all()[::19], *MAKERS["onnxruntime"].drawn(0, 30)]:
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


def facts_of_node(made: made_nodes.Made) -> dict[str, Fact]:
    (op,) = facts_of_nodes({"m": made_nodes.model_of([made])})
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
    (op,) = facts_of_nodes({"m": made_nodes.model_of([made_nodes.dense("d", alpha=0.5)])})
    assert (
        find_rules("hexagon-htp").refusal(op)
        == "alpha is 1, and beta 0 or 1; multiply the weights and the bias by them"
    )
