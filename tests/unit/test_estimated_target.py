"""A target that nothing can be run on: built, compiled, gated on estimates, and checked again."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from tiny_project import edit, make_project

from edgebuild.backends import find_backend
from edgebuild.cli.main import main
from edgebuild.compilers import find_compiler
from edgebuild.core.signature import Dequantize
from edgebuild.store.bundle import Bundle, open_bundle
from edgebuild.store.catalog import shipped

TARGET = "ethos-u55-128"


class Done(NamedTuple):
    """How a command ended, with all that it said in one line."""

    exit_code: int
    output: str
    stdout: str


def edgebuild(*words: str | Path) -> Done:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*map(str, words)])
    return Done(code, " ".join((out.getvalue() + err.getvalue()).split()), out.getvalue())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    root = make_project(tmp_path_factory.mktemp("ethos") / "tiny")
    edit(root / "edgebuild.toml", 'targets = ["board"]', f'targets = ["{TARGET}"]')
    done = edgebuild("build", root, "-o", root / "out", "--json")
    assert done.exit_code == 0, done.output
    return open_bundle(root / "out" / TARGET)


def test_the_bundle_has_both_models_and_where_each_operator_runs(built: Bundle) -> None:
    (variant,) = built.manifest.parts[0].variants
    compilation = variant.compilation
    assert compilation is not None
    assert {file.name for file in built.manifest.files} >= {variant.files[0].name, compilation.files[0].name}
    operators = find_backend("litert").operators({"model.tflite": built.read(variant.files[0].name)})
    assert [op.op for op in compilation.placement.ops] == [op.name for op in operators]
    assert not compilation.placement.fallbacks
    kinds = [op.kind for op in operators]
    assert not {"TRANSPOSE", "QUANTIZE", "DEQUANTIZE"} & set(kinds), "NHWC and integers throughout"
    assert "ethos-u-vela" in built.manifest.lineage.tools


def gate(bundle: Bundle, *budgets: str) -> tuple[int, dict[str, object]]:
    words = [word for budget in budgets for word in ("--budget", budget)]
    done = edgebuild("gate", bundle.path, *words, "--project", bundle.path.parents[1], "--json")
    document: dict[str, object] = json.loads(done.stdout)
    return done.exit_code, document


def test_estimates_are_gated_and_the_verdict_comes_out_the_same_again(built: Bundle) -> None:
    assert gate(built, "sram=64 KiB", "cpu_fallback_ops=0", "partitions=1", "latency_estimate=1 s")[0] == 0
    assert gate(built, "sram=64 KiB", "latency_p90=1 s")[0] == 0, "what can't be run is shown beside"
    code, document = gate(built, "flash=10 B")
    assert code == 1
    assert "estimated by Vela" in json.dumps(document)
    assert gate(built, "latency_p90=1 s")[0] == 4, "nothing tells the time that a device would take"
    checks = edgebuild("verify", built.path, "--project", built.path.parents[1], "--require", "golden,verdict")
    assert checks.exit_code == 0, checks.output
    assert "as it was before it was compiled" in checks.output
    assert "3 earlier verdicts came out the same" in checks.output


def test_what_needs_a_device_says_that_there_can_be_none(built: Bundle) -> None:
    for words in (("bench", built.path), ("run", built.path, "--input", built.path.parents[1] / "evaluation.npz")):
        done = edgebuild(*words, *(("--project", built.path.parents[1]) if words[0] == "bench" else ()))
        assert done.exit_code == 5, (words, done.output)


def test_inspect_shows_where_operators_run(built: Bundle) -> None:
    done = edgebuild("inspect", built.path, "--json")
    (placement,) = json.loads(done.stdout)["result"]["placements"]
    assert {op["unit"] for op in placement["ops"]} == {"npu"}
    model = built.path / "int8" / "model.tflite"
    again = edgebuild("inspect", model, "-t", TARGET, "--json")
    assert json.loads(again.stdout)["result"]["placements"] == [placement]


@pytest.mark.parametrize(("memory", "metric"), [("sram_kib", "sram"), ("flash_kib", "flash")])
def test_what_has_no_room_in_the_chip_is_refused(built: Bundle, memory: str, metric: str) -> None:
    root = built.path.parents[1]
    shutil.copy(next(iter(shipped("targets").glob(f"{TARGET}.toml"))), root / "targets" / "small.toml")
    edit(root / "targets" / "small.toml", f'name = "{TARGET}"', 'name = "small"')
    edit(root / "targets" / "small.toml", "[hardware]", f"[hardware]\n{memory} = 1")
    done = edgebuild("build", root, "-t", "small", "-o", root / "none")
    assert done.exit_code == 3, done.output
    assert re.search(
        rf"the model takes [\d.]+ KiB of {metric} expected: at most 1 KiB, as targets/small.toml", done.output
    )


def test_a_float_profile_is_refused_by_an_integer_only_target(built: Bundle) -> None:
    root = built.path.parents[1]
    (root / "profiles" / "floats.toml").write_text(
        'schema = 1\nname = "floats"\n[quantization]\nprecisions = ["float32"]\n', encoding="utf-8"
    )
    done = edgebuild("build", root, "-p", "floats", "-o", root / "none")
    assert done.exit_code == 3, done.output
    assert "runs nothing else" in done.output


def test_without_a_public_compiler_the_rules_say_where_operators_run(built: Bundle) -> None:
    root = built.path.parents[1]
    done = edgebuild("build", root, "-t", "coral-edgetpu", "-o", root / "coral")
    assert done.exit_code == 0, done.output
    assert "not compiled" in done.output
    bundle = open_bundle(root / "coral" / "coral-edgetpu")
    (variant,) = bundle.manifest.parts[0].variants
    assert variant.compilation is not None
    assert variant.compilation.files == ()
    assert variant.compilation.placement.by == "the rules of Edge TPU"
    assert not variant.compilation.placement.fallbacks
    code, document = gate(bundle, "cpu_fallback_ops=0")
    assert code == 0
    assert "estimated by the rules of Edge TPU" in json.dumps(document)


@pytest.mark.skipif(not find_compiler("tflite_micro").version(), reason="tflite-micro is not installed")
def test_for_a_microcontroller_there_is_source_and_the_arena_that_it_takes(built: Bundle) -> None:
    root = built.path.parents[1]
    done = edgebuild("build", root, "-t", "cortex-m55", "-o", root / "mcu")
    assert done.exit_code == 0, done.output
    bundle = open_bundle(root / "mcu" / "cortex-m55")
    (variant,) = bundle.manifest.parts[0].variants
    assert variant.compilation is not None
    assert [file.name for file in variant.compilation.files] == ["int8/model.cc", "int8/operators.h"]
    data = bundle.read(variant.files[0].name)
    source = bundle.read("int8/model.cc").decode()
    assert f"model_size = {len(data)};" in source
    assert source.count("0x") == len(data)
    registered = set(re.findall(r"resolver\.(\w+)\(\)", bundle.read("int8/operators.h").decode()))
    assert registered == {"AddConv2D", "AddDepthwiseConv2D", "AddAdd", "AddMean", "AddFullyConnected"}
    tried, (post,) = variant.compilation.simulated, bundle.manifest.parts[0].signature.post.values()
    assert tried is not None
    (scale,) = [step.scale for step in post if isinstance(step, Dequantize)]
    assert tried.max_abs <= 1.01 * scale, "one step of the output's grid"
    assert gate(bundle, "arena=64 KiB")[0] == 0
    assert gate(bundle, "arena=1 KiB")[0] == 1
