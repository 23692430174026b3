"""The stage that trains an int8 model's rounded weights and its scales; what it gives is written like a calibration."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.digest import Json
from edgebuild.core.plan import WeightGrid
from edgebuild.pipeline.calibrate_stage import (
    Calibration,
    calibration_of,
    changes,
    label_of,
    sample_count,
    save_calibration,
    tensors,
    uncorrected,
)
from edgebuild.pipeline.float_stages import prepared
from edgebuild.pipeline.sources import DataSet, Sets, Source, need
from edgebuild.pipeline.stage import Road, Stage

if TYPE_CHECKING:
    from edgebuild.compress.lesson import Lesson
    from edgebuild.quant.distill import Distilled

DISTILL = Stage(
    "distill", ("quant", "compress", "models", "steps", "pipeline/distill_stage.py"), ("torch", "numpy"), on_cpu=True
)


def distilled(road: Road, source: Source, sets: Sets, calibration: Calibration, grid: WeightGrid) -> Calibration:
    """A calibrated model trained with its rounding until it gives what the float model gives.

    Args:
        source: the folded model, which teaches.
        sets: training data, or without it the inputs of the calibration set; selection says which epoch is kept.

    Raises:
        ConfigError: data is missing.
        BuildError: training failed.
    """
    settings = road.profile.quantization.distill
    assert settings is not None, "asked for by the profile"
    calibrating = need(sets.calibration, "calibration", "samples that ranges are taken on")
    selection = need(sets.selection, "selection", "samples that decide which epoch is kept")
    setting = calibration.plan.setting
    count = sample_count(road, setting)
    training = sets.training if settings.learn_from == "training" else None
    taught = training or calibrating
    inputs: dict[str, Json] = {
        "calibrated": calibration.entry.content,
        "model": source.digest,
        "grid": grid.model_dump(mode="json"),
        "settings": settings.model_dump(mode="json"),
        "training": training.digest if training else None,
        "calibration": calibrating.digest,
        "count": count,
        "selection": selection.digest,
        "metric": road.project.data.metric,
    }
    unfinished = road.cache.unfinished(road.key(DISTILL, inputs))

    def make(folder: Path) -> None:
        from edgebuild.quant.distill import Start, distill

        rows = prepared(calibrating.samples.inputs, source.signature, count)
        exact = uncorrected(source, setting, tensors(rows, [spec.name for spec in source.signature.inputs]))
        start = Start(calibration.plan, grid, exact or source.torch_model.program)
        lesson = _lesson(road, source, calibration, taught, selection)
        say = functools.partial(road.progress, DISTILL.name)
        _save(distill(lesson, start, settings, unfinished, say), lesson, folder)

    entry = road.step(DISTILL, label_of(setting, 0, 0, distilled=True), inputs, make)
    shutil.rmtree(unfinished, ignore_errors=True)
    return calibration_of(source, entry)


def _lesson(road: Road, source: Source, calibration: Calibration, training: DataSet, selection: DataSet) -> Lesson:
    """Labels teach where they come with training data; those of calibration samples are not used."""
    from edgebuild.compress.lesson import Lesson
    from edgebuild.models.batched import BatchedModel
    from edgebuild.models.samples import Samples
    from edgebuild.quant.distill import STAGE

    signature, labelled = source.torch_model.signature, training.name == "training"
    return Lesson(
        BatchedModel(calibration.source.torch_model.program, signature),
        BatchedModel(source.torch_model.program, signature),
        training.samples if labelled else Samples(training.samples.inputs),
        selection.samples,
        classes=road.project.data.metric == "top1",
        stage=STAGE,
        by_fidelity=True,
    )


def _save(done: Distilled, lesson: Lesson, folder: Path) -> None:
    """What changed since the model was folded, and the plan."""
    assert lesson.teacher is not None
    weights = changes(lesson.teacher.program, lesson.student.program) | done.weights
    save_calibration(folder, weights, done.plan.model_copy(update={"distilled": True}))
    told = {"scores": [score.model_dump() for score in done.recovered.scores], "kept": done.recovered.best_epoch}
    (folder / "distillation.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
