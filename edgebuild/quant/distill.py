"""Quantization-aware distillation: an int8 model is trained until it gives what the float model gives.

For what calibration and correction cannot hold. Labels are not needed, and few samples do: only rounding has to be
made up for, and the model starts from its calibrated and corrected self. The loop, its checkpoints and what it says
are those of recovery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.compress.augment import check_augmentation
from edgebuild.compress.batches import Batches
from edgebuild.compress.lesson import Lesson, check_lesson
from edgebuild.compress.losses import Objective, value_loss
from edgebuild.compress.recovery import Recovered, recovery_key, trained
from edgebuild.compress.soft_targets import SoftTargets, fits_in_memory
from edgebuild.compress.telling import Say
from edgebuild.compress.trainable import before_softmax, tap, trainable
from edgebuild.compress.trainer import Place
from edgebuild.core.digest import digest_json
from edgebuild.core.errors import BuildError
from edgebuild.core.plan import QuantPlan, WeightGrid
from edgebuild.core.recovery import Distillation, Precision, Recovery

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.export import ExportedProgram


STAGE = "distill"
_FEATURES = 6


@dataclass(frozen=True)
class Start:
    """What distillation starts from.

    Attributes:
        plan, grid: that the student is rounded by.
        exact: what the student is in float, before its biases were corrected: its values on the way are to be those.
    """

    plan: QuantPlan
    grid: WeightGrid
    exact: ExportedProgram


@dataclass(frozen=True, eq=False)
class Distilled:
    """What distillation gave.

    Attributes:
        weights: the layers' weights and biases, by their names in the program; the runtime's quantizer rounds them to
            the trained grid.
        plan: with the trained ranges.
        recovered: how it went.
    """

    weights: dict[str, torch.Tensor]
    plan: QuantPlan
    recovered: Recovered


def distill(lesson: Lesson, start: Start, settings: Distillation, folder: Path, say: Say = lambda _: None) -> Distilled:
    """Train a calibrated program, and give what was best on the selection set.

    A run that was killed and called again gives bit for bit what an uninterrupted one gives, as recovery does.

    Args:
        lesson: the student is the calibrated program, of one sample.
        folder: for checkpoints; one distillation's own.
        say: told the progress, every few seconds.

    Raises:
        ConfigError: data is missing or does not fit.
        BuildError: the teacher does not fit, nothing can be trained, or the loss is no number any more.
    """
    check_lesson(lesson, settings)
    check_augmentation(lesson.student.signature, settings.augmentation)
    plan, grid = start.plan.model_dump(mode="json"), start.grid.model_dump(mode="json")
    place = Place(folder, digest_json([recovery_key(lesson, settings), plan, grid]))
    room = Room(lesson, start, settings)
    done = trained(lambda: room, place, say, STAGE)
    return Distilled(room.rounded.trained_weights(), room.rounded.trained_plan(), done)


class Room:
    """The rounded program beside the float one.

    Attributes:
        student, teacher: take batches; class scores come out before a final softmax.
        rounded: the student, of one sample.
        targets: what the teacher said of samples so far, where that can be remembered.
    """

    def __init__(self, lesson: Lesson, start: Start, settings: Distillation) -> None:
        from edgebuild.quant.fake_quantized import Batched, FakeQuantized

        assert lesson.teacher is not None, "the float model teaches"
        self.lesson, self.device = lesson, "cpu"
        self.settings: Recovery = settings
        self.batches = Batches(lesson.training, settings)
        self.objective = Objective(settings, lesson.classifies)
        names = [spec.name for spec in lesson.student.signature.inputs]
        self.rounded = FakeQuantized(lesson.student.program, start.plan, names, start.grid, settings.weight_rate)
        if not self.rounded.weights:
            raise BuildError(STAGE, "the model has no layer in int8 to train", fix="build without distillation")
        self._outputs = len(self.rounded.given)
        features = self._choose_features()
        if lesson.classifies:
            self.rounded.give_scores(before_softmax)
        self.rounded.given += features
        self.student = Batched(self.rounded)
        self.teacher = Batched(_frozen(lesson.teacher.program, (), lesson.classifies))
        self._exact = Batched(_frozen(start.exact, features, lesson.classifies)) if features else None
        self.targets = self._table()

    def use_batch_statistics(self, on: bool) -> None:
        """Batch normalization that is not folded keeps its running statistics."""

    def loss(self, step: int, precision: Precision) -> Tensor:  # noqa: ARG002 - rounding is simulated in f32
        """The loss of a step, counted from 0 over all epochs; it has a gradient."""
        inputs = self.batches.inputs(step, self.lesson.student.signature, self.device)
        given = self.student(*inputs)
        labels = self.batches.labels(step, self.device) if self.lesson.labelled else None
        loss = self.objective(given[: self._outputs], self._teach(step, inputs), labels)
        if self._exact is None:
            return loss
        exact = _asked(self._exact, inputs)[self._outputs :]
        pairs = [value_loss(own, other) for own, other in zip(given[self._outputs :], exact, strict=True)]
        return loss + self.settings.feature_weight * sum(pairs[1:], start=pairs[0]) / len(pairs)

    def _teach(self, step: int, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """What the teacher says of a step's samples."""
        if self.targets is None:
            return _asked(self.teacher, inputs)
        rows = self.batches.rows(step)
        unknown = rows[self.targets.missing(rows).numpy()]
        if len(unknown):
            forms = self.batches.forms(unknown, self.lesson.student.signature, self.device)
            self.targets.fill(unknown, tuple(_asked(self.teacher, forms)))
        return self.targets.take(rows, self.device)

    def _table(self) -> SoftTargets | None:
        count = len(self.lesson.training) * self.batches.variants
        if not self.batches.repeats or not fits_in_memory(self.lesson.student.signature, count):
            return None
        return SoftTargets(count)

    def _choose_features(self) -> list[str]:
        """Rounded values at even distances, the last one of them nearest to the outputs."""
        if not self.settings.feature_weight:
            return []
        known = [name for name in self.rounded.rounded_nodes() if name not in self.rounded.given]
        count = min(_FEATURES, len(known))
        return [known[(number + 1) * len(known) // count - 1] for number in range(count)]


def _frozen(program: ExportedProgram, taps: Sequence[str], classifies: bool) -> torch.nn.Module:
    module = trainable(program)
    module.requires_grad_(False)
    tap(module, taps, "logits" if classifies else "as-is")
    return module


def _asked(module: torch.nn.Module, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
    import torch

    with torch.no_grad():
        return module(*inputs)  # type: ignore[no-any-return]
