"""8-bit weights with 16-bit activations, in the runtimes and behind the compilers that have them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from road_by_hand import rows, run_really, torch_outputs, walk_case
from small_models import CASES
from test_backends import int8_of, scheme_for
from test_compilers import compiler_of, integers, options

from edgebuild.backends import find_backend
from edgebuild.backends.base import Cut, Exported, Files, OperatorRefused
from edgebuild.backends.litert.flatbuffer import operator_kind, read, write
from edgebuild.core.errors import BuildError
from edgebuild.core.signature import Dequantize, Quantize
from edgebuild.core.target import Int8Scheme, Target
from edgebuild.quant.numerics import sqnr_db
from edgebuild.steps.preprocess import apply_steps
from edgebuild.store.catalog import find_target

NARROW: dict[str, dict[str, object]] = {"litert": {}, "onnxruntime": {"dot_product": "vnni"}}
WIDE: dict[str, dict[str, object]] = {
    "litert": {"activation_dtype": "s16", "activation_symmetric": True},
    "onnxruntime": {"activation_dtype": "u16"},
}
INTEGERS: dict[str, object] = {**WIDE["litert"], "io": "int16", "full_integer": True}
every_runtime = pytest.mark.parametrize("runtime", sorted(WIDE))


def decibels(case: str, runtime: str, folder: Path, facts: dict[str, object]) -> float:
    """The worst output's SQNR against torch."""
    walked = walk_case(case, runtime)
    given = run_really(runtime, int8_of(walked, case, **facts)[0], walked.samples, folder)
    wanted = torch_outputs(walked.model, walked.samples)
    return min(sqnr_db(value, given[name]) for name, value in wanted.items())


@every_runtime
@pytest.mark.parametrize("case", ["residual", "mobile", "squeeze", "two_by_two", "attention", "decoder"])
def test_they_are_nearer_to_float_than_those_of_8_bits(case: str, runtime: str, tmp_path: Path) -> None:
    narrow, wide = (decibels(case, runtime, tmp_path, each[runtime]) for each in (NARROW, WIDE))
    assert wide > max(narrow + 3, 37), f"{narrow:.1f} and {wide:.1f} dB"


@pytest.mark.parametrize("case", ["residual", "mobile", "branches"])
def test_both_runtimes_round_the_same(case: str, tmp_path: Path) -> None:
    """One plan for both: what is left of the error is the weights', which are the same."""
    walked = walk_case(case, "litert"), walk_case(case, "onnxruntime")
    symmetric = {**WIDE["onnxruntime"], "activation_symmetric": True}
    made = int8_of(walked[0], case, **WIDE["litert"])[0], int8_of(walked[1], case, **symmetric)[0]
    one, other = (
        run_really(each.runtime, model, each.samples, tmp_path) for each, model in zip(walked, made, strict=True)
    )
    assert min(sqnr_db(one[name], other[name]) for name in one) > 70


def test_full_integer_models_take_and_give_16_bits(tmp_path: Path) -> None:
    walked = walk_case("plain", "litert")
    made, _ = int8_of(walked, "plain", **INTEGERS)
    assert {spec.dtype for spec in (*made.signature.inputs, *made.signature.outputs)} == {"int16"}
    (into,) = [step for step in made.signature.pre["image"] if isinstance(step, Quantize)]
    (out_of,) = [step for step in made.signature.post["scores"] if isinstance(step, Dequantize)]
    assert (into.dtype, into.zero_point, out_of.zero_point) == ("int16", 0, 0)
    assert walked.backend.float_operators(made.files) == ()
    wanted = torch_outputs(walked.model, walked.samples)["scores"]
    assert sqnr_db(wanted, run_really("litert", made, walked.samples, tmp_path)["scores"]) > 60


@every_runtime
def test_a_model_is_cut_at_them(runtime: str) -> None:
    walked = walk_case("residual", runtime)
    made, _ = int8_of(walked, "residual", **WIDE[runtime])
    cut = find_backend(runtime).cut(made.files)
    assert cut is not None
    whole = next(walked.backend.observe(cut.whole, walked.rows(made.signature)[:1]))
    assert len(cut.names) > 8
    assert {Cut.shown(number) for number in range(len(cut.names))} <= set(whole)


@pytest.mark.parametrize(
    ("runtime", "facts"),
    [("litert", WIDE["onnxruntime"]), ("openvino", WIDE["litert"]), ("openvino", WIDE["onnxruntime"])],
)
def test_a_runtime_without_them_says_which_it_has(runtime: str, facts: dict[str, object]) -> None:
    walked = walk_case("plain", runtime)
    with pytest.raises(BuildError, match=r'activation_dtype = "[su]16"') as caught:
        walked.backend.quantize(walked.exported, {}, (), scheme_for(runtime, **facts))
    assert "s8" in caught.value.expected


def test_an_operator_without_a_kernel_is_named() -> None:
    """TFLite's 16-bit tanh is for outputs that are fractions of 32768, and it says so when it runs."""
    walked = walk_case("two_by_two", "litert")
    made, _ = int8_of(walked, "two_by_two", **WIDE["litert"])
    broken = dataclasses.replace(made, files=_with_another_scale(made.files, "TANH"))
    with pytest.raises(OperatorRefused, match="litert does not compute TANH: ") as caught:
        next(walked.backend.observe(broken.files, walked.rows(broken.signature)[:1]))
    assert caught.value.operator in walked.backend.operators(broken.files)


def _with_another_scale(files: Files, kind: str) -> Files:
    ((name, data),) = files.items()
    model = read(data)
    graph = model.subgraphs[0]
    (operator,) = [op for op in graph.operators if operator_kind(model, op) == kind]
    graph.tensors[operator.outputs[0]].quantization.scale = [0.3]
    return {name: write(model)}


def wide(name: str) -> Target:
    """A shipped target, its activations widened as its user may write it."""
    target = find_target(name)
    assert target.int8 is not None
    facts = INTEGERS if target.int8.full_integer else WIDE[target.runtime]
    scheme = Int8Scheme.model_validate({**target.int8.model_dump(), **facts})
    return target.model_copy(update={"int8": scheme})


COMPILED = ("ethos-u55-128", "ethos-u65-256", "ethos-u85-256", "snapdragon-8-gen-3-npu", "cortex-m55")


@pytest.mark.parametrize("name", COMPILED)
def test_accelerators_take_all_of_them(name: str, tmp_path: Path) -> None:
    target = wide(name)
    model, compiler = integers(target), compiler_of(target)
    made = compiler.compile(model.files, options(target))
    assert {op.unit for op in made.placement.ops} <= {"npu", "mcu"}
    assert made.placement.partitions == 1
    if compiler.SIMULATE is None:
        return
    samples = CASES["residual"].samples(4)
    (outputs,) = compiler.SIMULATE(made.files, options(target), inputs_of(model, samples))
    walked = walk_case("residual", target.runtime)
    ((name, wanted),) = torch_outputs(walked.model, samples).items()
    ((_, here),) = run_really(target.runtime, model, samples, tmp_path).items()
    found = apply_steps(outputs, model.signature.post.get(name, ()))
    assert sqnr_db(here, found) > 65
    assert sqnr_db(wanted, found) > 60


def inputs_of(model: Exported, samples: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All samples as the model takes them."""
    prepared = rows(samples, model.signature)
    return {spec.name: np.concatenate([row[spec.name] for row in prepared]) for spec in model.signature.inputs}
