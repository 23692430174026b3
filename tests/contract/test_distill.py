"""Distillation of int8 models: what was trained is what the runtime computes with."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from road_by_hand import Walked, folded, plan_of, ranges_of, run_really, walk_case
from small_models import CASES
from test_backends import RUNTIMES, scheme_for

from edgebuild.backends.base import Exported
from edgebuild.compress.lesson import Lesson
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.plan import QuantPlan
from edgebuild.core.recovery import Distillation
from edgebuild.core.signature import Signature
from edgebuild.core.target import Int8Scheme
from edgebuild.models.batched import BatchedModel
from edgebuild.models.graph import TorchModel
from edgebuild.models.samples import Samples, prepare_inputs
from edgebuild.quant.distill import STAGE, Distilled, Start, distill
from edgebuild.quant.fake_quantized import Batched, FakeQuantized
from edgebuild.quant.numerics import grid, sqnr_db
from edgebuild.quant.program import with_weights

QUICK = Distillation(epochs=2, batch_size=8, weight_rate=1.0)


def lesson_of(case: str, scheme: Int8Scheme, walked: Walked, count: int = 16) -> tuple[Lesson, Start]:
    model, plan = plan_of(case, scheme, grid=walked.backend.weight_grid(scheme))
    start = Start(plan, walked.backend.weight_grid(scheme), walked.model.program)
    signature = model.signature
    lesson = Lesson(
        BatchedModel(model.program, signature), BatchedModel(walked.model.program, signature),
        Samples(CASES[case].samples(count)), Samples(CASES[case].samples(8, 1)), classes=True, stage=STAGE,
        by_fidelity=True,
    )  # fmt: skip
    return lesson, start


def simulated(model: TorchModel, plan: QuantPlan, walked: Walked, scheme: Int8Scheme) -> np.ndarray:
    names = [spec.name for spec in model.signature.inputs]
    rounded = Batched(FakeQuantized(model.program, plan, names, walked.backend.weight_grid(scheme)))
    taken = prepare_inputs(Samples(walked.samples), model.signature)
    with torch.no_grad():
        (scores,) = rounded(*(torch.from_numpy(taken[name]) for name in names))
    return np.asarray(scores.numpy()[:, 0])


def trained(case: str, walked: Walked, scheme: Int8Scheme, folder: Path) -> tuple[TorchModel, Distilled, Exported]:
    lesson, start = lesson_of(case, scheme, walked)
    done = distill(lesson, start, QUICK.model_copy(update={"epochs": 1}), folder)
    model = dataclasses.replace(walked.model, program=with_weights(lesson.student.program, done.weights))
    exported = walked.backend.export(model)
    return model, done, walked.backend.quantize(exported, ranges_of(walked, exported, done.plan), (), scheme)


@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_runtime_computes_what_was_trained(runtime: str, granularity: str, tmp_path: Path) -> None:
    walked, scheme = walk_case("mobile", runtime), scheme_for(runtime, weight_granularity=granularity)
    model, done, made = trained("mobile", walked, scheme, tmp_path / "checkpoint")
    given = run_really(runtime, made, walked.samples, tmp_path)["scores"]
    assert sqnr_db(simulated(model, done.plan, walked, scheme), given) > 30


def test_the_integer_scales_of_litert_are_the_trained_ones(tmp_path: Path) -> None:
    walked, scheme = walk_case("mobile", "litert"), scheme_for("litert", weight_granularity="per_tensor")
    model, done, made = trained("mobile", walked, scheme, tmp_path)
    lesson, start = lesson_of("mobile", scheme, walked)
    names = [spec.name for spec in model.signature.inputs]
    rounded = FakeQuantized(lesson.student.program, start.plan, names, start.grid)
    moved = [node for node in rounded.scales if done.plan.activations[node] != start.plan.activations[node]]
    assert len(moved) > 4
    scales, weights = stored(made)
    for node in moved:
        wanted = grid(done.plan.activations[node], scheme)[0]
        assert min(abs(scale / wanted - 1) for scale in scales) < 1e-6, node
    for name, value in done.weights.items():
        if value.ndim > 1:
            step = float(value.abs().max()) / 127
            levels, scale = weights[tuple(sorted(value.shape)), value.numel()]
            assert scale == pytest.approx(step, rel=1e-6), name
            assert sorted(levels.tolist()) == sorted((value / step).round().int().flatten().tolist()), name


def stored(made: Exported) -> tuple[list[float], dict[tuple[tuple[int, ...], int], tuple[np.ndarray, float]]]:
    """A TFLite model's scales of activations, and its weights with theirs by sorted shape and size."""
    from edgebuild.backends.litert.flatbuffer import read

    model = read(next(iter(made.files.values())))
    scales, weights = [], {}
    for tensor in model.subgraphs[0].tensors:
        data = model.buffers[tensor.buffer].data
        if tensor.type != 9 or tensor.quantization.scale is None or len(tensor.quantization.scale) != 1:
            continue
        if data is None or not len(data):
            scales.append(float(tensor.quantization.scale[0]))
        else:
            levels = np.frombuffer(bytes(data), np.int8)
            weights[tuple(sorted(tensor.shape)), levels.size] = levels, float(tensor.quantization.scale[0])
    return scales, weights


@pytest.fixture(scope="module")
def case() -> tuple[Lesson, Start]:
    """Of the runtime that exports fastest."""
    return lesson_of("mobile", scheme_for("onnxruntime"), walk_case("mobile", "onnxruntime"))


def test_what_is_kept_is_never_farther_from_float_and_both_programs_stay(
    case: tuple[Lesson, Start], tmp_path: Path
) -> None:
    lesson, start = case
    before = lesson.student.digest
    done = distill(lesson, start, QUICK.model_copy(update={"epochs": 6, "feature_weight": 0.5}), tmp_path)
    scores = done.recovered.scores
    assert scores[done.recovered.best_epoch].loss == min(score.loss for score in scores) < scores[0].loss
    assert BatchedModel(lesson.student.program, lesson.student.signature).digest == before


class Killed(Exception):
    """In the middle of training."""


def test_stopped_and_called_again_it_gives_the_same_bits(case: tuple[Lesson, Start], tmp_path: Path) -> None:
    lesson, start = case
    whole = distill(lesson, start, QUICK, tmp_path / "whole")

    def killed(text: str) -> None:
        if text.startswith("epoch 1 of 2: "):
            raise Killed

    with pytest.raises(Killed):
        distill(lesson, start, QUICK, tmp_path / "killed", killed)
    said: list[str] = []
    again = distill(lesson, start, QUICK, tmp_path / "killed", said.append)
    assert said[0].startswith("resumed") or again.recovered.resumed
    assert again.plan == whole.plan
    assert all(torch.equal(value, again.weights[name]) for name, value in whole.weights.items())


def test_what_cannot_be_taught_is_refused(case: tuple[Lesson, Start], tmp_path: Path) -> None:
    lesson, start = case
    nothing = dataclasses.replace(lesson, training=Samples(CASES["mobile"].samples(0)))
    with pytest.raises(ConfigError, match="training"):
        distill(nothing, start, QUICK, tmp_path)
    other = folded("residual")
    teacher = dataclasses.replace(lesson, teacher=BatchedModel(other.program, _with_more_classes(other)))
    with pytest.raises(BuildError, match="the teacher gives"):
        distill(teacher, start, QUICK, tmp_path)
    broken = Samples({name: np.full_like(value, np.inf) for name, value in lesson.training.inputs.items()})
    with pytest.raises(BuildError, match="NaN") as raised:
        distill(dataclasses.replace(lesson, training=broken), start, QUICK, tmp_path)
    assert "distill" in raised.value.message
    assert not list(tmp_path.iterdir())


def _with_more_classes(model: TorchModel) -> Signature:
    outputs = tuple(spec.model_copy(update={"shape": (1, 9)}) for spec in model.signature.outputs)
    return model.signature.model_copy(update={"outputs": outputs})
