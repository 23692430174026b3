"""How good a student is on the selection set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgebuild.compress.batches import inputs_of
from edgebuild.compress.lesson import Lesson
from edgebuild.compress.losses import Objective
from edgebuild.core.array import Array, Integers, np
from edgebuild.core.recovery import EpochScore
from edgebuild.core.signature import Signature
from edgebuild.models.measures.base import Counted
from edgebuild.models.metrics import sqnr_db
from edgebuild.models.samples import Samples
from edgebuild.models.score import measured

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_BATCH = 256


class Selection:
    """Scores students on the selection set, in f32; the teacher's outputs for it are computed once."""

    def __init__(self, lesson: Lesson, objective: Objective, teacher: Module | None, device: str) -> None:
        self._lesson, self._objective, self._device = lesson, objective, device
        self._targets: list[Tensor] | None = None
        if teacher is not None and lesson.teacher is not None:
            self._targets = self._outputs(teacher, lesson.teacher.signature)

    def score(self, student: Module) -> EpochScore | None:
        """The student as it is now, batch normalization by its running statistics; None if its loss is no number."""
        import torch

        samples = self._lesson.selection
        outputs = self._outputs(student, self._lesson.student.signature)
        labels = None
        if self._lesson.labelled and samples.labels is not None:
            labels = torch.from_numpy(samples.labels)
        loss = float(self._objective(outputs, self._targets, labels))
        if not math.isfinite(loss):
            return None
        return EpochScore(value=_decibels(loss) if self._lesson.by_fidelity else self._value(outputs), loss=loss)

    def _value(self, outputs: list[Tensor]) -> float:
        samples = self._lesson.selection
        own = [output.numpy() for output in outputs if output.is_floating_point()]
        if not self._lesson.classifies:
            assert self._targets is not None
            return sqnr_db(tuple(t.numpy() for t in self._targets if t.is_floating_point()), tuple(own))
        if samples.labels is None:
            assert self._targets is not None
            samples = Samples(samples.inputs, _classes(self._targets[0].numpy()))
        scored = measured("top1", samples, own)
        assert isinstance(scored, Counted)
        return 100 * float(scored.right.mean())

    def _outputs(self, module: Module, signature: Signature) -> list[Tensor]:
        import torch

        count = len(signature.outputs)
        with torch.no_grad():
            rows = [tuple(module(*inputs))[:count] for inputs in self._chunks(signature)]
        return [torch.cat([row[number].cpu() for row in rows]) for number in range(count)]

    def _chunks(self, signature: Signature) -> Iterator[tuple[Tensor, ...]]:
        samples = self._lesson.selection
        for start in range(0, len(samples), _BATCH):
            part = samples.take(range(start, min(start + _BATCH, len(samples))))
            yield inputs_of(part, signature, self._device)


def _decibels(loss: float) -> float:
    """A loss that is a share of the signal, as a ratio of signal to noise; of class scores, their divergence."""
    return min(-10 * math.log10(max(loss, 1e-20)), 200.0)


def _classes(scores: Array) -> Integers:
    classes: Integers = scores.reshape(len(scores), -1).argmax(axis=1).astype(np.int64)
    return classes
