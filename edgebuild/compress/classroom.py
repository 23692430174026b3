"""Student and teacher side by side: what a step's loss is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebuild.compress.batches import Batches, inputs_of
from edgebuild.compress.features import Feature, choose_features, feature_loss
from edgebuild.compress.layout import use_channels_last
from edgebuild.compress.lesson import Lesson
from edgebuild.compress.losses import Objective
from edgebuild.compress.soft_targets import SoftTargets, fits_in_memory
from edgebuild.compress.trainable import check_trains, idle_norms, tap, trainable, use_batch_statistics
from edgebuild.core.digest import digest_json
from edgebuild.core.recovery import Precision, Recovery
from edgebuild.models.batched import BatchedModel

if TYPE_CHECKING:
    from torch import Tensor
    from torch.fx import GraphModule

_PROBE = 2


class Classroom:
    """The two modules, and the batches they see.

    Attributes:
        student, teacher: as ``trainable`` gives them; class scores come out before a final softmax.
        targets: what the teacher said of samples so far, where that can be remembered.
    """

    def __init__(self, lesson: Lesson, settings: Recovery, device: str, targets: SoftTargets | None) -> None:
        self.lesson, self.settings, self.device = lesson, settings, device
        self.batches = Batches(lesson.training, settings)
        self.objective = Objective(settings, lesson.classifies)
        self.student = trainable(lesson.student.program, device)
        self.teacher = None if lesson.teacher is None else _frozen(trainable(lesson.teacher.program, device))
        check_trains(self.student)
        self._spare = self._spared_norms()
        self._outputs = len(lesson.student.signature.outputs)
        self._lay_out()
        self._features = self._choose_features()
        for module in (self.student, self.teacher):
            if module is not None:
                tap(module, [f.name for f in self._features], "logits" if lesson.classifies else "as-is")
        self.targets = self._table(targets)

    def use_batch_statistics(self, on: bool) -> None:
        """Switch the student's batch normalization, as the settings want it."""
        use_batch_statistics(self.student, on, spare=self._spare)

    def loss(self, step: int, precision: Precision) -> Tensor:
        """The loss of a step, counted from 0 over all epochs; it has a gradient."""
        import torch

        inputs = self.batches.inputs(step, self.lesson.student.signature, self.device)
        labels = self.batches.labels(step, self.device) if self.lesson.labelled else None
        with torch.autocast(self.device, torch.bfloat16, enabled=precision == "bf16"):
            taught = self._teach(step)
            given = self.student(*inputs)
        outputs, taps = given[: self._outputs], given[self._outputs :]
        loss = self.objective(outputs, None if taught is None else taught[: self._outputs], labels)
        if self._features and taught is not None:
            matched = feature_loss(self._features, taps, taught[self._outputs :])
            loss = loss + self.settings.feature_weight * matched
        return loss

    def _teach(self, step: int) -> Sequence[Tensor] | None:
        """What the teacher says of a step's samples: outputs, then features."""
        if self.teacher is None or self.lesson.teacher is None:
            return None
        if self.targets is None:
            return self._ask(self.teacher, self.batches.inputs(step, self.lesson.teacher.signature, self.device))
        rows = self.batches.rows(step)
        unknown = rows[self.targets.missing(rows).numpy()]
        if len(unknown):
            asked = self._ask(self.teacher, self.batches.forms(unknown, self.lesson.teacher.signature, self.device))
            self.targets.fill(unknown, tuple(asked))
        return self.targets.take(rows, self.device)

    def _ask(self, teacher: GraphModule, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        import torch

        with torch.no_grad():
            return [value.float() if value.is_floating_point() else value for value in teacher(*inputs)]

    def _spared_norms(self) -> list[str]:
        """The batch normalizations that keep to their running statistics."""
        if self.settings.batch_norm == "auto":
            return idle_norms(self.student)
        every = self.settings.batch_norm == "running"
        return [node.name for node in self.student.graph.nodes if node.op == "call_function"] if every else []

    def _lay_out(self) -> None:
        for module, model in ((self.student, self.lesson.student), (self.teacher, self.lesson.teacher)):
            if module is not None and model is not None:
                use_channels_last(module, self._probe(model))

    def _probe(self, model: BatchedModel) -> tuple[Tensor, ...]:
        return inputs_of(self.lesson.training.take(range(_PROBE)), model.signature, self.device)

    def _choose_features(self) -> tuple[Feature, ...]:
        if not self.settings.feature_weight or self.teacher is None or self.lesson.teacher is None:
            return ()
        probes = self._probe(self.lesson.teacher), self._probe(self.lesson.student)
        return choose_features(self.teacher, self.student, probes)

    def _table(self, shared: SoftTargets | None) -> SoftTargets | None:
        repeats = self.batches.repeats and not self._features
        teacher, training = self.lesson.teacher, self.lesson.training
        count = len(training) * self.batches.variants
        if teacher is None or not repeats or not fits_in_memory(teacher.signature, count):
            return None
        table = SoftTargets(count) if shared is None else shared
        moved = self.settings.augmentation != "none"
        forms = [self.settings.augmentation, self.batches.variants, self.settings.seed] if moved else []
        table.belong(digest_json([teacher.digest, training.digest, self.lesson.classifies, *forms]))
        return table


def _frozen(module: GraphModule) -> GraphModule:
    module.requires_grad_(False)
    return module
