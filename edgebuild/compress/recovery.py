"""Recovery: a student is trained until it does what its teacher does, or what the labels say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.compress.augment import check_augmentation
from edgebuild.compress.classroom import Classroom
from edgebuild.compress.lesson import STAGE, Lesson, check_lesson
from edgebuild.compress.soft_targets import SoftTargets
from edgebuild.compress.telling import Say
from edgebuild.compress.trainer import Place, Room, Trainer
from edgebuild.core.digest import Digest, Json, digest_json
from edgebuild.core.errors import Untrainable
from edgebuild.core.recovery import EpochScore, Precision, Recovery, ScoreName
from edgebuild.models.blame import short_text

if TYPE_CHECKING:
    import torch

_FORMAT = 1
_NOUNS = {STAGE: "recovery", "distill": "distillation"}


@dataclass(frozen=True, eq=False)
class Recovered:
    """What a recovery gave.

    Attributes:
        state: the best epoch's parameters and buffers by name, for ``put_state``.
        score_name: what ``scores`` are: "top1" and "agreement" (with the teacher) in percent, "fidelity" (signal to
            noise against the teacher) in decibels.
        scores: on the selection set, before training and after each epoch.
        best_epoch: which of them ``state`` is from; 0: training made nothing better.
        stopped_early: whether patience ran out.
        resumed: whether a checkpoint was taken up.
        seconds: of all that went into it, before a kill too.
        precision, device: what it was trained in and on.
    """

    state: dict[str, torch.Tensor]
    score_name: ScoreName
    scores: tuple[EpochScore, ...]
    best_epoch: int
    stopped_early: bool
    resumed: bool
    seconds: float
    precision: Precision
    device: str

    @property
    def epochs(self) -> int:
        """How many were run."""
        return len(self.scores) - 1


def recover(
    lesson: Lesson,
    settings: Recovery,
    folder: Path,
    say: Say = lambda _: None,
    targets: SoftTargets | None = None,
) -> Recovered:
    """Train a student, and give the state that was best on the selection set.

    On the CPU, a run that was killed and called again gives bit for bit what an uninterrupted one gives, on the same
    machine with the same number of threads. A GPU is used where there is one. Neither program is changed.

    Args:
        lesson: who learns what from whom.
        settings: how.
        folder: for checkpoints; one recovery's own. The last one stays, so that a second call with the same arguments
            returns at once.
        say: told the progress, every few seconds.
        targets: a table of the teacher's outputs, shared between recoveries of the same teacher and training set.

    Raises:
        ConfigError: data is missing or does not fit.
        BuildError: teacher and student do not fit, or the loss is no number any more; no checkpoint is left then.
    """
    import torch

    check_lesson(lesson, settings)
    check_augmentation(lesson.student.signature, settings.augmentation)
    place = Place(folder, recovery_key(lesson, settings))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return trained(lambda: Classroom(lesson, settings, device, targets), place, say)


def trained(enter: Callable[[], Room], place: Place, say: Say, stage: str = STAGE) -> Recovered:
    """Train in a room; go on from the place's checkpoint if there is one.

    Raises:
        BuildError: as ``recover``.
    """
    try:
        return _train(enter(), place, say)
    except RuntimeError as error:
        raise Untrainable(
            stage,
            f"training failed: {short_text(error)}",
            expected="memory for a batch, and operators that have a gradient",
            fix=f"lower batch_size, or build without {_NOUNS[stage]}",
        ) from error


def _train(room: Room, place: Place, say: Say) -> Recovered:
    trainer = Trainer(room, place, say)
    resumed = trainer.resume()
    if not resumed:
        trainer.begin()
    trainer.train()
    facts = trainer.facts
    return Recovered(
        state=trainer.best_state(),
        score_name=room.lesson.score_name,
        scores=facts.scores,
        best_epoch=facts.best_epoch,
        stopped_early=len(facts.scores) - 1 < room.settings.epochs,
        resumed=resumed,
        seconds=facts.seconds,
        precision=facts.precision,
        device=room.device,
    )


def recovery_key(lesson: Lesson, settings: Recovery) -> Digest:
    """The digest of all that decides what a recovery gives: two with the same key give the same."""
    import torch

    teacher = None if lesson.teacher is None else lesson.teacher.digest
    models: list[Json] = [lesson.student.digest, teacher]
    data: list[Json] = [lesson.training.digest, lesson.selection.digest, lesson.classifies]
    data += ["zeros"] if lesson.zeros else []
    return digest_json(["recovery", _FORMAT, torch.__version__, settings.model_dump(mode="json"), models, data])
