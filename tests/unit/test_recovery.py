"""Recovery: what is learnt, what is kept, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from recovery_samples import (
    IMAGE,
    SMALL,
    TOKENS,
    Transformer,
    conv_net,
    digits,
    needs_data,
    same_state,
    small_images,
    small_lesson,
    token_lesson,
    token_samples,
    train_teacher,
)
from torch import nn

from edgebuild.compress.checkpoints import NAME
from edgebuild.compress.classroom import Classroom
from edgebuild.compress.lesson import Lesson
from edgebuild.compress.recovery import recover
from edgebuild.compress.soft_targets import SoftTargets
from edgebuild.compress.trainable import trainable
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.core.recovery import Recovery
from edgebuild.models.batched import BatchedModel, export_batched
from edgebuild.models.copying import put_state
from edgebuild.models.graph import export_module
from edgebuild.models.samples import Samples

QUICK = Recovery(epochs=2, batch_size=16, precision="f32")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> BatchedModel:
    """A net trained on real digits."""
    return train_teacher(tmp_path_factory.mktemp("teacher"), conv_net(8, 28), digits(0, 3000), digits(3000, 3500))


def damaged(model: BatchedModel) -> BatchedModel:
    """The same net with noise on its weights."""
    random = torch.Generator().manual_seed(0)
    state = model.program.state_dict
    noisy = {
        name: tensor + 1.5 * tensor.std() * torch.randn(tensor.shape, generator=random)
        for name, tensor in state.items()
        if name.endswith("weight") and tensor.ndim > 1
    }
    return BatchedModel(put_state(model.program, noisy), model.signature)


@needs_data
def test_distillation_makes_a_narrow_net_as_good_as_a_wide_one(teacher: BatchedModel, tmp_path: Path) -> None:
    student = conv_net(4, 28, 1)
    lesson = Lesson(export_batched(student, IMAGE), teacher, digits(0, 3000), digits(3000, 3500))
    said: list[str] = []
    done = recover(lesson, Recovery(epochs=3, batch_size=64, learning_rate=0.005), tmp_path, said.append)
    assert (done.score_name, done.epochs, done.resumed, done.stopped_early) == ("top1", 3, False, False)
    assert done.scores[0].value < 30 < 85 < done.scores[done.best_epoch].value
    assert done.scores[done.best_epoch].loss < 0.5 * done.scores[0].loss
    assert "epoch 1 of 3, batch 1 of 46, loss " in "\n".join(said)
    assert said[-1].startswith("epoch 3 of 3: top-1 ")

    single = export_module(student, IMAGE)
    ready = replace(single, program=put_state(single.program, done.state))
    held_back = digits(3500, 3600)
    from edgebuild.models.samples import prepare_inputs

    (scores,) = ready.run(prepare_inputs(held_back, ready.signature))
    assert (scores.argmax(1) == held_back.labels).mean() > 0.8


@needs_data
def test_unlabelled_digits_alone_bring_a_damaged_net_back_to_its_teacher(teacher: BatchedModel, tmp_path: Path) -> None:
    lesson = Lesson(damaged(teacher), teacher, digits(0, 3000, False), digits(3000, 3500, False), classes=True)
    done = recover(lesson, Recovery(epochs=2, batch_size=64, learning_rate=0.005), tmp_path)
    assert done.score_name == "agreement"
    assert done.scores[0].value < 75
    assert done.scores[done.best_epoch].value > 92


@needs_data
def test_outputs_that_are_no_classes_are_learnt_as_values(teacher: BatchedModel, tmp_path: Path) -> None:
    lesson = Lesson(damaged(teacher), teacher, digits(0, 2000, False), digits(3000, 3300, False))
    done = recover(lesson, Recovery(epochs=2, batch_size=64, learning_rate=0.005), tmp_path)
    assert done.score_name == "fidelity"
    assert done.scores[done.best_epoch].value > done.scores[0].value + 6


@pytest.mark.parametrize("labels", [True, False])
def test_a_transformer_learns(labels: bool, tmp_path: Path) -> None:
    model = Transformer(seed=3)
    alone = Lesson(export_batched(model, TOKENS), None, token_samples(700), token_samples(100, 1))
    quick = Recovery(epochs=4, batch_size=32, learning_rate=0.01)
    taught = recover(alone, quick, tmp_path / "teacher")
    assert taught.scores[taught.best_epoch].value > 80
    model.load_state_dict(taught.state)
    student = export_batched(Transformer(seed=4, hidden=8), TOKENS)
    lesson = Lesson(student, export_batched(model, TOKENS), token_samples(700, 0, labels), token_samples(100, 1), True)
    done = recover(lesson, quick.model_copy(update={"feature_weight": 1.0}), tmp_path / "student")
    best = done.scores[done.best_epoch]
    assert best.loss < 0.2 * done.scores[0].loss
    assert best.value > taught.scores[taught.best_epoch].value - 5
    assert torch.equal(done.state["head.weight"], done.state["embed.weight"])


@pytest.mark.parametrize("lesson", [small_lesson, token_lesson])
def test_the_best_epoch_is_kept_and_the_programs_are_not_changed(lesson: object, tmp_path: Path) -> None:
    assert callable(lesson)
    given: Lesson = lesson()
    before = given.student.digest
    done = recover(given, QUICK, tmp_path)
    ranks = [score.rank for score in done.scores]
    assert ranks[done.best_epoch] == max(ranks)
    assert BatchedModel(given.student.program, given.student.signature).digest == before
    assert done.state.keys() == given.student.program.state_dict.keys()


def test_training_that_helps_nothing_keeps_the_model_as_it_came(tmp_path: Path) -> None:
    model = export_batched(conv_net(4, 8, 1, 4), SMALL)
    lesson = Lesson(model, model, small_images(64, labels=False), small_images(32, 1, labels=False), classes=True)
    done = recover(lesson, QUICK.model_copy(update={"patience": 1, "epochs": 9, "learning_rate": 0.3}), tmp_path)
    assert (done.best_epoch, done.epochs, done.stopped_early) == (0, 1, True)
    assert same_state(done.state, dict(model.program.state_dict))


def test_the_same_arguments_give_the_same_bits_and_another_seed_others(tmp_path: Path) -> None:
    states = [
        recover(small_lesson(), QUICK.model_copy(update={"seed": seed}), tmp_path / str(number)).state
        for number, seed in enumerate((0, 0, 1))
    ]
    assert same_state(states[0], states[1])
    assert not same_state(states[0], states[2])


def test_a_finished_recovery_is_not_run_again(tmp_path: Path) -> None:
    first = recover(small_lesson(), QUICK, tmp_path)
    said: list[str] = []
    again = recover(small_lesson(), QUICK, tmp_path, said.append)
    assert (again.resumed, again.scores, said) == (True, first.scores, [])
    assert same_state(first.state, again.state)


@pytest.mark.parametrize("change", ["settings", "data", "model"])
def test_a_checkpoint_of_something_else_is_not_taken_up(change: str, tmp_path: Path) -> None:
    recover(small_lesson(), QUICK, tmp_path)
    settings = QUICK.model_copy(update={"temperature": 2.0}) if change == "settings" else QUICK
    lesson = small_lesson(labels=change != "data", width=3 if change == "model" else 4)
    said: list[str] = []
    done = recover(lesson, settings, tmp_path, said.append)
    assert not done.resumed
    assert said[0] == f"{NAME} is of other settings, another model or other data: training starts anew"


@pytest.mark.parametrize("content", [b"", b"\x80\x04nonsense", b"\x10" + b"\0" * 40, "half"])
def test_a_damaged_checkpoint_is_not_taken_up(content: bytes | str, tmp_path: Path) -> None:
    first = recover(small_lesson(), QUICK, tmp_path)
    whole = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(content if isinstance(content, bytes) else whole[: len(whole) // 2])
    said: list[str] = []
    again = recover(small_lesson(), QUICK, tmp_path, said.append)
    assert not again.resumed
    assert "is damaged" in said[0]
    assert same_state(first.state, again.state)


def test_a_table_of_the_teachers_outputs_is_shared(tmp_path: Path) -> None:
    lesson, table = small_lesson(), SoftTargets(100)
    first = recover(lesson, QUICK, tmp_path / "one", targets=table)
    assert int(table.filled.sum()) >= 96
    kept = [output.clone() for output in table.outputs]
    second = recover(lesson, QUICK.model_copy(update={"epochs": 1}), tmp_path / "two", targets=table)
    assert all(torch.equal(a[table.filled], b[table.filled]) for a, b in zip(kept, table.outputs, strict=True))
    assert first.scores[0] == second.scores[0]
    other = replace(lesson, training=small_images(100, 7))
    with pytest.raises(BuildError, match="table of soft targets is of another teacher"):
        recover(other, QUICK, tmp_path / "three", targets=table)


def test_moved_forms_come_again_and_the_teacher_is_asked_once_for_each(tmp_path: Path) -> None:
    lesson, table = small_lesson(), SoftTargets(300)
    settings = QUICK.model_copy(update={"epochs": 7, "augmentation": "flip-crop", "variants": 3})
    first = recover(lesson, settings, tmp_path / "one", targets=table)
    assert 3 * 80 <= int(table.filled.sum()) <= 300
    room = Classroom(lesson, settings, "cpu", table)
    batches, signature = room.batches, lesson.student.signature
    a, b = (batches.rows(step * batches.per_epoch) for step in (0, 3))
    assert (a // 100 == 0).all()
    assert (b // 100 == 0).all()
    assert (batches.rows(batches.per_epoch) // 100 == 1).all()
    assert lesson.teacher is not None
    asked = trainable(lesson.teacher.program)(*batches.forms(a, lesson.teacher.signature, "cpu"))[0]
    assert torch.allclose(table.take(a, "cpu")[0], asked, atol=1e-4)
    assert not torch.equal(batches.forms(a, signature, "cpu")[0], batches.forms(a + 100, signature, "cpu")[0])
    again = recover(lesson, settings, tmp_path / "two")
    assert same_state(first.state, again.state)


class Explodes(nn.Module):
    """Finite before training; each step makes its scores larger, until they overflow."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 4)
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.linear(image.flatten(1)) * torch.exp(40 * self.gain.abs())


def test_a_loss_that_is_no_number_stops_and_leaves_no_checkpoint(tmp_path: Path) -> None:
    lesson = Lesson(export_batched(Explodes(), SMALL), None, small_images(64), small_images(16, 1))
    settings = Recovery(
        epochs=3, batch_size=16, optimizer="sgd", learning_rate=5, warmup=0, checkpoint_minutes=0, precision="f32"
    )
    with pytest.raises(
        BuildError, match=r"the (loss|gradient) became NaN or infinite in epoch \d, step \d of 4"
    ) as bad:
        recover(lesson, settings, tmp_path)
    assert "lower learning_rate" in bad.value.message
    assert "learning_rate is 5" in bad.value.message
    assert [*tmp_path.iterdir()] == []


def test_a_student_that_gives_nan_is_refused_before_training(tmp_path: Path) -> None:
    class Nan(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(64, 4)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.linear(image.flatten(1).sub(1e3).log())

    lesson = Lesson(export_batched(Nan(), SMALL), None, small_images(64), small_images(16, 1))
    with pytest.raises(BuildError, match="selection set is NaN or infinite before training"):
        recover(lesson, QUICK, tmp_path)


def test_a_teacher_of_another_shape_is_refused(tmp_path: Path) -> None:
    lesson = small_lesson()
    other = export_batched(conv_net(4, 8, classes=5), SMALL)
    with pytest.raises(BuildError, match=r"teacher gives float32 \[1, 5\]; the student gives float32 \[1, 4\]"):
        recover(replace(lesson, teacher=other), QUICK, tmp_path)
    with pytest.raises(BuildError, match=r"the teacher takes tokens: int64 \[1, 6\]; the student takes image"):
        recover(replace(lesson, teacher=export_batched(Transformer(), TOKENS)), QUICK, tmp_path)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("change", "settings", "words"),
    [
        ({"training": Samples({"image": np.zeros((0, 1, 8, 8), np.float32)})}, QUICK, "[data.training]: empty"),
        ({"selection": Samples({"image": np.zeros((0, 1, 8, 8), np.float32)})}, QUICK, "[data.selection]: empty"),
        ({"teacher": None, "training": small_images(8, labels=False)}, QUICK, "neither a teacher nor a label"),
        ({"teacher": None}, QUICK.model_copy(update={"feature_weight": 1.0}), "no teacher to match"),
        ({"training": Samples(small_images(8).inputs, np.full(8, 4))}, QUICK, "label 4 does not match"),
    ],
)
def test_data_that_cannot_teach_is_refused(
    change: dict[str, object], settings: Recovery, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        recover(replace(small_lesson(), **change), settings, tmp_path)  # type: ignore[arg-type]
    assert words in caught.value.message


def test_labels_for_outputs_that_are_no_scores_are_refused(tmp_path: Path) -> None:
    model = export_batched(nn.Sequential(nn.Conv2d(1, 2, 1)), SMALL)
    with pytest.raises(ConfigError, match=r"the first output is \[1, 2, 8, 8\]"):
        recover(Lesson(model, model, small_images(8), small_images(8, 1)), QUICK, tmp_path)


def test_images_alone_are_augmented(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='"crop" is for images'):
        recover(token_lesson(), QUICK.model_copy(update={"augmentation": "crop"}), tmp_path)


def test_a_model_without_parameters_is_refused(tmp_path: Path) -> None:
    model = export_batched(nn.Flatten(), {"image": InputSpec(shape=(1, 2))})
    samples = Samples({"image": np.zeros((4, 2), np.float32)})
    with pytest.raises(BuildError, match="no float parameters to train"):
        recover(Lesson(model, model, samples, samples), QUICK, tmp_path)


def test_bf16_trains_too(tmp_path: Path) -> None:
    settings = Recovery(epochs=4, batch_size=25, precision="bf16", learning_rate=0.01)
    done = recover(small_lesson(), settings, tmp_path)
    assert done.precision == "bf16"
    assert done.scores[done.best_epoch].loss < done.scores[0].loss
    assert {tensor.dtype for name, tensor in done.state.items() if "tracked" not in name} == {torch.float32}
