"""Rules of accelerators: what they say by themselves, and that the compiler, where there is one, says the same."""

from __future__ import annotations

import contextlib
import functools

import pytest
from made_further import NEVER_MADE, every_operator
from made_operators import convolution, model_of, reduction
from pydantic import ValidationError
from rule_agreement import MAKERS, agreement

from edgebuild.backends import backend_names
from edgebuild.backends.litert.facts import facts as facts_of
from edgebuild.backends.litert.flatbuffer import read, write
from edgebuild.compilers import find_compiler
from edgebuild.compilers.base import read_off
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.operator import Operator
from edgebuild.core.origin import RuntimeOp
from edgebuild.placement import find_rules, rulebook_names
from edgebuild.placement.rules import Condition, Rule, RuleBook
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


def test_there_are_no_rules_of_an_unknown_name() -> None:
    with pytest.raises(ConfigError, match="none for 'abacus'"):
        find_rules("abacus")


def test_a_refusal_says_what_is_asked_and_what_to_change() -> None:
    book = find_rules("ethos-u55")
    (strided,) = facts_of({"m": model_of([convolution("wide", (22, 22), stride=(5, 5))])})
    assert "strides are at most 3" in book.refusal(strided)
    assert "take the stride in two steps" in book.refusal(strided)
    assert book.refusal(Operator(name="x", kind="SIN", facts={})) == "Ethos-U55 and U65 has no SIN"
    activation = Operator(name="x", kind="GELU", facts={})
    assert find_rules("coral-edgetpu").refusal(activation) == "Edge TPU has no GELU; use nn.ReLU6 or nn.ReLU"
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


HOSTILE = {
    "an activation that there is not": lambda o: setattr(o.builtinOptions, "fusedActivationFunction", 9),
    "no inputs": lambda o: setattr(o, "inputs", None),
    "no options": lambda o: setattr(o, "builtinOptions", None),
}
"""Ways to damage an operator; what TFLite would make of it does not matter."""


@pytest.mark.parametrize("damage", HOSTILE)
def test_damaged_operators_are_read_or_refused_in_words(damage: str) -> None:
    model = read(model_of([convolution("c", (9, 12)), reduction("m", "MEAN", (1, 8, 6, 4), (1, 2))]))
    for operator in model.subgraphs[0].operators:
        with contextlib.suppress(AttributeError):
            HOSTILE[damage](operator)
    with contextlib.suppress(BuildError):
        found = facts_of({"m": write(model)})
        assert [operator.kind for operator in found] == ["CONV_2D", "MEAN"]


def test_a_model_of_several_graphs_is_refused() -> None:
    model = read(model_of([convolution("c", (9, 12))]))
    model.subgraphs.append(model.subgraphs[0])
    with pytest.raises(BuildError, match="2 subgraphs: branches or loops"):
        facts_of({"m": write(model)})


def test_open_dimensions_are_told_with_and_without_the_batch() -> None:
    model = read(model_of([convolution("c", (9, 12))]))
    (graph,) = model.subgraphs
    told = []
    for signature in ([1, 9, 12, 8], [-1, 9, 12, 8], [1, -1, 12, 8]):
        graph.tensors[graph.operators[0].outputs[0]].shapeSignature = signature
        (operator,) = facts_of({"m": write(model)})
        told.append((operator.facts["fixed"], operator.facts["fixed_but_batch"]))
    assert told == [(True, True), (False, True), (False, False)]


def test_operators_are_left_or_taken_by_name_and_kind_though_names_repeat() -> None:
    def ops(*kinds: str) -> list[RuntimeOp]:
        return [RuntimeOp(name="t", kind=kind, compute=True) for kind in kinds]

    placement = read_off(ops("SIN", "RELU", "SIN"), ops("SIN", "ethos-u"), "ethos-u", {"t": "no SIN"}, "Vela 5")
    assert [op.unit for op in placement.ops] == ["cpu", "npu", "npu"]
    assert (placement.fallbacks[0].rule, placement.partitions) == ("no SIN", 1)


@functools.cache
def facts_told() -> set[str]:
    return {fact for made in every_operator() for op in facts_of({"m": model_of([made])}) for fact in op.facts}


@pytest.mark.parametrize("name", ["ethos-u55", "ethos-u85"])
def test_every_kind_that_a_compiler_has_is_made(name: str) -> None:
    made = {operator.kind for operator in every_operator()}
    assert set(find_rules(name).operators) - made <= set(NEVER_MADE)


@pytest.mark.parametrize("name", rulebook_names())
def test_every_fact_that_a_rule_asks_for_is_told_somewhere(name: str) -> None:
    """A fact that nothing tells would keep a rule from ever refusing."""
    book = find_rules(name)
    if book.runtime == "litert":
        asked = {condition.fact for rule in book.rules for way in (*rule.ways, rule.when) for condition in way}
        assert asked <= facts_told()
