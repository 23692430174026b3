"""The training itself: steps, epochs, checkpoints, and where it can go on."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgebuild.compress.batches import Batches
from edgebuild.compress.checkpoints import CheckpointFacts, read_checkpoint, remove_checkpoint, write_checkpoint
from edgebuild.compress.lesson import NAN_FIX, Lesson
from edgebuild.compress.losses import Objective
from edgebuild.compress.optimizing import (
    learning_rate,
    make_optimizer,
    optimizer_tensors,
    restore_optimizer,
    set_rate,
)
from edgebuild.compress.precision import faster_precision
from edgebuild.compress.selecting import Selection
from edgebuild.compress.soft_targets import SoftTargets
from edgebuild.compress.sparsity import keep_zeros, zeros_of
from edgebuild.compress.telling import Progress, Say, score_line
from edgebuild.compress.trainable import state_tensors, trained_state
from edgebuild.core.digest import Digest
from edgebuild.core.errors import BuildError
from edgebuild.core.interrupts import raise_if_interrupted
from edgebuild.core.recovery import EpochScore, Precision, Recovery

if TYPE_CHECKING:
    import torch


class Room(Protocol):
    """Where a student is trained: what it is, and what each step's loss is.

    Attributes:
        student, teacher: they take batches, and give a tuple of outputs.
        targets: what the teacher said of samples so far, where that is remembered.
    """

    lesson: Lesson
    settings: Recovery
    device: str
    batches: Batches
    objective: Objective
    targets: SoftTargets | None

    @property
    def student(self) -> torch.nn.Module:
        """What is trained."""
        ...

    @property
    def teacher(self) -> torch.nn.Module | None:
        """What it learns from."""
        ...

    def use_batch_statistics(self, on: bool) -> None:
        """Switch the student's batch normalization, if it has one."""
        ...

    def loss(self, step: int, precision: Precision) -> torch.Tensor:
        """The loss of a step, counted from 0 over all epochs; it has a gradient."""
        ...


@dataclass(frozen=True)
class Place:
    """Where a recovery keeps its checkpoint, and under which key."""

    folder: Path
    key: Digest


class Trainer:
    """One recovery under way.

    All that it comes to follows from the arguments and ``facts.step``: nothing is drawn from a generator that goes on.

    Attributes:
        facts: how far it is.
        best: the best epoch's tensors.
    """

    def __init__(self, room: Room, place: Place, say: Say) -> None:
        self.room, self._place, self._say = room, place, say
        self._settings = room.settings
        self._steps = room.settings.epochs * room.batches.per_epoch
        self._optimizer = make_optimizer(room.student, room.settings)
        self._zeros = zeros_of(room.student) if room.lesson.zeros else []
        self._selection = Selection(room.lesson, room.objective, room.teacher, room.device)
        self._began = self._saved = time.monotonic()
        self.facts: CheckpointFacts
        self.best: dict[str, torch.Tensor]

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False if there is none that fits."""
        own = state_tensors(self.room.student)
        found = read_checkpoint(self._place.folder, self._place.key, own, self._say)
        if found is None:
            return False
        self.facts, groups = found
        _copy_into(own, groups["model"])
        restore_optimizer(self.room.student, self._optimizer, groups.get("optimizer", {}))
        self.best = groups["best"]
        if self.room.targets is not None:
            self.room.targets.restore(groups["targets"])
        self._began -= self.facts.seconds
        if not self.facts.finished:
            self._say(f"resumed after {self.facts.step} of {self._steps} steps")
        return True

    def begin(self) -> None:
        """Score the student as it is, decide the precision, and write the first checkpoint."""
        score = self._scored("before training")
        self._keep_best()
        precision: Precision = "f32" if self._settings.precision == "auto" else self._settings.precision
        if self._settings.precision == "auto":
            precision = faster_precision(self.room.device, self._try_step, self._say)
        self.facts = CheckpointFacts(
            key=self._place.key, step=0, precision=precision, scores=(score,), best_epoch=0, finished=False, seconds=0
        )
        self._save()
        self._tell(0, score, best=True)

    def train(self) -> None:
        """Run the epochs that are left.

        Raises:
            BuildError: the loss became NaN; the checkpoint is removed.
        """
        per_epoch = self.room.batches.per_epoch
        progress = Progress(self._say, self._steps, per_epoch, self.facts.step)
        while not self.facts.finished:
            self.room.use_batch_statistics(True)
            ends = (self.facts.step // per_epoch + 1) * per_epoch
            while self.facts.step < ends:
                loss = self._step()
                progress.step(self.facts.step, loss)
                if self.facts.step < ends and self._is_due():
                    self._save()
            self._score()
            self._save()

    def _step(self) -> float:
        """One step of the optimizer; its loss."""
        import torch

        step = self.facts.step
        set_rate(self._optimizer, learning_rate(step, self._steps, self._settings))
        self._optimizer.zero_grad(set_to_none=True)
        loss = self.room.loss(step, self.facts.precision)
        loss.backward()  # type: ignore[no-untyped-call]
        length = torch.nn.utils.clip_grad_norm_(self.room.student.parameters(), self._settings.clip_norm)
        value = float(loss.detach())
        if not (math.isfinite(value) and math.isfinite(float(length))):
            what, per_epoch = "gradient" if math.isfinite(value) else "loss", self.room.batches.per_epoch
            raise self._not_finite(
                f"the {what} became NaN or infinite in epoch {step // per_epoch + 1}, "
                f"step {step % per_epoch + 1} of {per_epoch}"
            )
        self._optimizer.step()
        keep_zeros(self._zeros)
        self.facts = self.facts.model_copy(update={"step": step + 1})
        return value

    def _try_step(self, precision: Precision) -> float:
        """The work of a step, without a change: batch normalization keeps its running statistics."""
        loss = self.room.loss(0, precision)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _not_finite(self, found: str) -> BuildError:
        remove_checkpoint(self._place.folder)
        expected = f"finite numbers; learning_rate is {self._settings.peak_rate:g}"
        return BuildError(self.room.lesson.stage, found, expected=expected, fix=NAN_FIX)

    def _scored(self, when: str) -> EpochScore:
        self.room.use_batch_statistics(False)
        score = self._selection.score(self.room.student)
        if score is None:
            raise self._not_finite(f"the loss on the selection set is NaN or infinite {when}")
        return score

    def _score(self) -> None:
        """Score the epoch that has just ended, and see whether training is over."""
        score = self._scored(f"after epoch {len(self.facts.scores)}")
        scores = (*self.facts.scores, score)
        epoch, best = len(scores) - 1, self.facts.best_epoch
        better = score.rank > scores[best].rank
        if better:
            best = epoch
            self._keep_best()
        waited = self._settings.patience is not None and epoch - best >= self._settings.patience
        self.facts = self.facts.model_copy(
            update={"scores": scores, "best_epoch": best, "finished": waited or self.facts.step >= self._steps}
        )
        self._tell(epoch, score, better)

    def _tell(self, epoch: int, score: EpochScore, best: bool) -> None:
        self._say(score_line(epoch, self._settings.epochs, score, self.room.lesson.score_name, best))

    def _keep_best(self) -> None:
        self.best = {name: t.detach().to("cpu", copy=True) for name, t in state_tensors(self.room.student).items()}

    def _is_due(self) -> bool:
        return time.monotonic() - self._saved >= 60 * self._settings.checkpoint_minutes

    def _save(self) -> None:
        raise_if_interrupted()
        self.facts = self.facts.model_copy(update={"seconds": time.monotonic() - self._began})
        groups = {
            "model": state_tensors(self.room.student),
            "best": self.best,
            "optimizer": optimizer_tensors(self.room.student, self._optimizer),
        }
        if self.room.targets is not None:
            groups["targets"] = self.room.targets.tensors()
        write_checkpoint(self._place.folder, self.facts, groups)
        self._saved = time.monotonic()

    def best_state(self) -> dict[str, torch.Tensor]:
        """The best epoch's tensors by every name they have."""
        _copy_into(state_tensors(self.room.student), self.best)
        return trained_state(self.room.student)


def _copy_into(own: dict[str, torch.Tensor], values: dict[str, torch.Tensor]) -> None:
    import torch

    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(values[name])
