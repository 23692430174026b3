"""What a recovery is given: a student, a teacher, and samples to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.recovery import Recovery, ScoreName
from edgebuild.core.signature import Signature
from edgebuild.models.batched import BatchedModel
from edgebuild.models.samples import Samples
from edgebuild.models.score import check_labels

STAGE = "recover"
NAN_FIX = 'lower learning_rate, tenfold at first; with precision = "bf16", try "f32"'


@dataclass(frozen=True, eq=False)
class Lesson:
    """Who learns what from whom.

    Attributes:
        student: the model that is trained.
        teacher: what it shall become like again; None: the labels alone teach.
        training: raw samples, before the ``pre`` steps; labels where there are some.
        selection: decides which epoch is kept; disjoint from what is reported.
        classes: whether the first output holds one score a class, (N, classes). Default: if training has labels.
        stage: as messages name what is done.
        by_fidelity: whether epochs are compared by how near the outputs are to the teacher's, by the loss alone.
        zeros: whether weights of the student that are zero stay so.
    """

    student: BatchedModel
    teacher: BatchedModel | None
    training: Samples
    selection: Samples
    classes: bool | None = None
    stage: str = STAGE
    by_fidelity: bool = False
    zeros: bool = False

    @property
    def classifies(self) -> bool:
        """Whether the first output is taken for class scores."""
        return self.training.labels is not None if self.classes is None else self.classes

    @property
    def labelled(self) -> bool:
        """Whether the labels of the training set teach."""
        return self.classifies and self.training.labels is not None

    @property
    def score_name(self) -> ScoreName:
        """What the selection set is scored by."""
        if not self.classifies or self.by_fidelity:
            return "fidelity"
        return "agreement" if self.selection.labels is None else "top1"


def check_lesson(lesson: Lesson, settings: Recovery) -> None:
    """Refuse what cannot be taught, before anything is run.

    Raises:
        ConfigError: data is missing or does not fit.
        BuildError: teacher and student do not fit.
    """
    if not len(lesson.training) or not len(lesson.selection):
        empty = settings.learn_from if not len(lesson.training) else "selection"
        raise ConfigError(f"[data.{empty}]", "empty", expected="samples to recover with", fix="give some")
    if len(lesson.training) < 2:
        place = f"[data.{settings.learn_from}]"
        raise ConfigError(place, "one sample", expected="2 or more, better thousands", fix="give more")
    if lesson.teacher is None:
        _check_no_teacher(lesson, settings)
    else:
        _check_teacher(lesson.student.signature, lesson.teacher.signature, lesson.stage)
    if lesson.classifies:
        _check_classes(lesson)


def _check_no_teacher(lesson: Lesson, settings: Recovery) -> None:
    if not lesson.labelled or lesson.selection.labels is None:
        raise ConfigError(
            "[data.training]",
            "there is neither a teacher nor a label for each class score to learn from",
            expected="a teacher, or labels in the training and the selection set",
            fix="give labels, or a teacher",
        )
    if settings.feature_weight:
        raise ConfigError("feature_weight", "there is no teacher to match", fix="give a teacher, or feature_weight = 0")


def _check_teacher(student: Signature, teacher: Signature, stage: str) -> None:
    own, other = _inputs(student), _inputs(teacher)
    if own != other:
        raise BuildError(
            stage, f"the teacher takes {other}; the student takes {own}", expected="a teacher with the same inputs",
            fix="name a teacher that was trained for the same data",
        )  # fmt: skip
    own, other = _outputs(student), _outputs(teacher)
    if own != other:
        raise BuildError(
            stage, f"the teacher gives {other}; the student gives {own}",
            expected="a teacher with the same outputs in the same order",
            fix="name a teacher that was trained for the same task, or recover without one",
        )  # fmt: skip


def _inputs(signature: Signature) -> str:
    return ", ".join(
        f"{spec.name}: {spec.dtype} {list(spec.shape)}" for spec in sorted(signature.inputs, key=lambda spec: spec.name)
    )


def _outputs(signature: Signature) -> str:
    return ", ".join(f"{spec.dtype} {list(spec.shape)}" for spec in signature.outputs)


def _check_classes(lesson: Lesson) -> None:
    shape = lesson.student.signature.outputs[0].shape
    classes = max(shape[1:], default=1)
    if classes < 2 or prod(shape) != classes:
        raise ConfigError(
            lesson.stage,
            f"labels teach class scores; the first output is {list(shape)}",
            expected="[1, classes] with at least 2 classes",
            fix="make the scores the first output, or recover without labels",
        )
    for samples in (lesson.training, lesson.selection):
        if samples.labels is not None:
            check_labels("top1", samples, classes)
