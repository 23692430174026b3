"""What every compiler found must do, on models made by the runtimes whose models it takes."""

from __future__ import annotations

import functools
import sys
from itertools import pairwise
from pathlib import Path

import made_nodes
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from road_by_hand import DEFAULT, calibrated, plan_of, rows, run_really, walk_case, walk_model, write_int8
from small_models import CASES
from test_backends import scheme_for
from torch import nn

from edgebuild.backends import find_backend
from edgebuild.backends.base import Exported, Files
from edgebuild.compilers import compiler_names, find_compiler
from edgebuild.compilers.base import Compiler
from edgebuild.compilers.contained import run_contained
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.metric import METRICS, Kind
from edgebuild.core.project import InputSpec
from edgebuild.core.target import CONFIG, Int8Scheme, Target
from edgebuild.models.graph import export_module
from edgebuild.quant.numerics import sqnr_db
from edgebuild.steps.preprocess import apply_steps
from edgebuild.store.catalog import find_target, target_files
from edgebuild.store.toml import load_target

COMPILED = [target for target in map(load_target, target_files().values()) if target.compiler is not None]
every_target = pytest.mark.parametrize("target", COMPILED, ids=[target.name for target in COMPILED])


def integers(target: Target) -> Exported:
    """A small network in the integers that the target wants."""
    assert target.int8 is not None
    return integers_of(target.runtime, target.int8)


@functools.cache
def integers_of(runtime: str, wanted: Int8Scheme) -> Exported:
    walked, scheme = walk_case("residual", runtime), scheme_for(runtime, **wanted.model_dump())
    model, plan = plan_of("residual", scheme, grid=walked.backend.weight_grid(scheme))
    return write_int8(walked, model, plan, scheme, ())[0]


def compiler_of(target: Target) -> Compiler:
    """The target's, if it is installed."""
    assert target.compiler is not None
    compiler = find_compiler(target.compiler.name)
    if not compiler.version():
        pytest.skip(f"{compiler.TITLE} is not installed")
    return compiler


def options(target: Target) -> dict[str, str]:
    assert target.compiler is not None
    return dict(target.compiler.options)


def test_every_target_names_a_compiler_that_takes_its_runtime() -> None:
    assert COMPILED
    for target in COMPILED:
        assert target.compiler is not None
        compiler = find_compiler(target.compiler.name)
        assert target.runtime in compiler.RUNTIMES
        assert set(target.compiler.options) == set(compiler.OPTIONS)
    assert {target.compiler.name for target in COMPILED if target.compiler} == set(compiler_names())
    with pytest.raises(ConfigError, match="unknown compiler 'nothing'"):
        find_compiler("nothing")


@every_target
def test_every_operator_is_placed_and_what_is_estimated_is_a_metric(target: Target) -> None:
    model, compiler = integers(target), compiler_of(target)
    made = compiler.compile(model.files, options(target))
    operators = find_backend(target.runtime).operators(model.files)
    placed = [op.op for op in made.placement.ops]
    assert [op.name for op in operators if op.compute and op.name not in placed] == []
    assert placed == [op.name for op in operators if op.name in placed]
    assert {op.unit for op in made.placement.ops} <= {"npu", "mcu"}, "nothing in this network is too much for it"
    assert made.placement.partitions == 1
    assert compiler.TITLE in made.placement.by
    for name, value in made.estimates.items():
        assert METRICS[name].kind is Kind.ESTIMATED
        assert value >= 0


@pytest.mark.parametrize("name", ["ethos-u55-128", "snapdragon-8-gen-3-npu", "cortex-m55"])
def test_the_same_model_compiles_to_the_same_bytes(name: str) -> None:
    target = find_target(name)
    model, compiler = integers(target), compiler_of(target)
    first, second = (compiler.compile(model.files, options(target)) for _ in range(2))
    assert (first.files, first.estimates) == (second.files, second.estimates)


@every_target
def test_what_is_compiled_computes_the_same_where_it_can_be_simulated(target: Target, tmp_path: Path) -> None:
    model, compiler = integers(target), compiler_of(target)
    if compiler.SIMULATE is None:
        pytest.skip(f"{compiler.TITLE} has no simulator")
    samples, signature = CASES["residual"].samples(4), model.signature
    prepared = list(rows(samples, signature))
    given = {
        spec.name: np.concatenate([row[spec.name] for row in prepared]).astype(spec.dtype) for spec in signature.inputs
    }
    made = compiler.compile(model.files, options(target))
    (outputs,) = compiler.SIMULATE(made.files, options(target), given)
    ((name, expected),) = run_really(target.runtime, model, samples, tmp_path).items()
    assert sqnr_db(expected, apply_steps(outputs, signature.post.get(name, ()))) > 25


def test_constants_of_a_larger_model_are_inside_the_file_where_every_reader_looks(tmp_path: Path) -> None:
    """The quantizer puts them behind the flatbuffer, where tflite-micro sees none and computes with zeros."""
    target = find_target("cortex-m55")
    assert target.int8 is not None
    specs = {"features": InputSpec(shape=(1, 256))}
    wide = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 8)).eval()
    model = export_module(wide, specs, ("scores",))
    samples = {"features": np.random.default_rng(0).normal(size=(6, 256)).astype(np.float32)}
    walked, scheme = walk_model(model, "litert", samples), target.int8
    quantized, _ = write_int8(walked, *calibrated(model, samples, scheme, DEFAULT), scheme)
    (data,) = quantized.files.values()
    raw = schema.Model.GetRootAs(data, 0)
    assert [raw.Buffers(number).Offset() for number in range(raw.BuffersLength())] == [0] * raw.BuffersLength()
    compiler = compiler_of(target)
    made = compiler.compile(quantized.files, {})
    assert made.estimates["arena"] < 16 * 1024, "weights stay in flash"
    assert compiler.SIMULATE is not None
    fed = np.concatenate([row["features"] for row in rows(samples, quantized.signature)])
    (outputs,) = compiler.SIMULATE(made.files, {}, {"features": fed})
    ((name, expected),) = run_really("litert", quantized, samples, tmp_path).items()
    assert sqnr_db(expected, apply_steps(outputs, quantized.signature.post.get(name, ()))) > 25


@pytest.mark.parametrize("name", ["ethos-u55-128", "ethos-u85-256"])
def test_vela_is_given_the_targets_own_systems_beside_arms(name: str) -> None:
    target = find_target(name)
    model, compiler, asked = integers(target), compiler_of(target), options(target)
    arms = compiler.compile(model.files, asked).estimates
    own = f"[System_Config.Mine]\ninherit=System_Config.{asked['system']}\ncore_clock=100e6\n"
    mine = compiler.compile(model.files, {**asked, "system": "Mine", CONFIG: own}).estimates
    assert mine["latency_estimate"] == pytest.approx(mine["cycles"] * 10, rel=1e-3), "at 100 MHz a cycle is 10 ns"
    assert mine["latency_estimate"] > 2 * arms["latency_estimate"]
    with pytest.raises(BuildError, match="Theirs"):
        compiler.compile(model.files, {**asked, "system": "Theirs", CONFIG: own})


def test_tflite_micro_gives_what_tflites_own_kernels_give_to_one_step() -> None:
    """Ten fully connected layers with a narrow waist: where XNNPACK rounds once, both round twice."""
    from edgebuild.bench.bench import Bench
    from edgebuild.devices.transports.local import open_local

    target = find_target("cortex-m55")
    assert target.int8 is not None
    widths = (64, 48, 48, 48, 8, 48, 48, 48, 64)
    torch.manual_seed(0)
    layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
    model = export_module(nn.Sequential(*layers[:-1]).eval(), {"frames": InputSpec(shape=(1, 64))}, ("scores",))
    samples = {"frames": np.random.default_rng(0).normal(size=(16, 64)).astype(np.float32)}
    walked, scheme = walk_model(model, "litert", samples), target.int8
    quantized, _ = write_int8(walked, *calibrated(model, samples, scheme, DEFAULT), scheme)
    compiler = compiler_of(target)
    made = compiler.compile(quantized.files, {})
    assert made.estimates["code_size"] > 16 * 1024
    fed = {"frames": np.concatenate([row["frames"] for row in rows(samples, quantized.signature)])}
    assert compiler.SIMULATE is not None
    (micro,) = compiler.SIMULATE(made.files, {}, fed)
    with Bench(open_local()) as bench:
        (here,) = bench.infer("litert", quantized.files, fed, target.runtime_options.at_home)
    assert np.abs(micro.astype(int) - here.astype(int)).max() <= 1
    assert (micro != here).mean() < 0.02


@pytest.mark.parametrize("name", ["ethos-u55-128", "ethos-u85-256"])
def test_a_float_model_is_left_to_the_cpu_with_a_reason_for_each_operator(name: str) -> None:
    target = find_target(name)
    files = walk_case("residual", target.runtime).exported.files
    placement = compiler_of(target).compile(files, options(target)).placement
    assert placement.partitions == 0
    assert len(placement.fallbacks) == len(placement.ops) > 0
    assert all("float" in op.rule.lower() for op in placement.fallbacks), placement.fallbacks


def test_a_transformers_block_is_on_the_htp_with_its_layer_normalizations() -> None:
    """Their factors are u8 there, which onnxruntime's quantizer makes s8 of its own accord."""
    target = find_target("snapdragon-8-gen-3-npu")
    assert target.int8 is not None
    walked, scheme = walk_case("attention", "onnxruntime"), scheme_for("onnxruntime", **target.int8.model_dump())
    model, plan = plan_of("attention", scheme, grid=walked.backend.weight_grid(scheme))
    quantized, _ = write_int8(walked, model, plan, scheme, ())
    assert sum(op.kind == "LayerNormalization" for op in walked.backend.operators(quantized.files)) == 2
    placement = compiler_of(target).compile(quantized.files, options(target)).placement
    assert (placement.fallbacks, placement.partitions) == ((), 1)


def test_a_refused_function_that_onnxruntime_unfolds_is_not_taken_for_one_on_the_accelerator() -> None:
    target = find_target("snapdragon-8-gen-3-npu")
    nodes = [made_nodes.unary("taken", "Relu"), made_nodes.unary("left", "HardSwish", ("N", 8, 6, 6))]
    made = compiler_of(target).compile({"m": made_nodes.model_of(nodes)}, options(target))
    assert {op.op: op.unit for op in made.placement.ops} == {"taken": "npu", "left": "cpu"}
    assert [op.rule for op in made.placement.fallbacks] == ["Cannot get shape"]
    assert "left" not in {op.name for op in find_backend(target.runtime).operators(made.files)}, "nothing was unfolded"


@pytest.mark.parametrize("name", compiler_names())
def test_what_is_no_model_is_refused_and_the_log_is_kept(name: str) -> None:
    target = next(target for target in COMPILED if target.compiler and target.compiler.name == name)
    broken: Files = {"model.tflite": b"\x18\x00\x00\x00TFL3" + bytes(64)}
    compiler = compiler_of(target)
    with pytest.raises(BuildError) as caught:
        compiler.compile(broken, options(target))
    assert caught.value.fix is not None
    log = Path(caught.value.fix.partition(": ")[2])
    try:
        assert log.read_text(encoding="utf-8")
    finally:
        log.unlink()


@pytest.mark.parametrize("name", compiler_names())
def test_a_compiler_that_is_not_installed_names_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = find_compiler(name)
    monkeypatch.setattr(compiler, "version", lambda: "")
    with pytest.raises(BuildError, match="is not installed") as caught:
        compiler.compile({"model.tflite": b""}, {})
    assert "edgebuild[" in str(caught.value.fix) or "scripts/" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("import time; print('slow', flush=True); time.sleep(60)", "took longer than 2 s"),
        ("import os; print('dying', flush=True); os.abort()", "killed by SIGABRT"),
        ("print('no', flush=True); raise SystemExit(3)", "exit code 3"),
    ],
)
def test_a_compiler_that_hangs_or_crashes_is_ended_and_told(tmp_path: Path, program: str, found: str) -> None:
    with pytest.raises(BuildError, match=found) as caught:
        run_contained("compile", [sys.executable, "-c", program], tmp_path, patience_s=2)
    assert any(word in str(caught.value) for word in ("slow", "dying", "no"))
    Path((caught.value.fix or "").partition(": ")[2]).unlink()
