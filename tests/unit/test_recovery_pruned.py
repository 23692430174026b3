"""A net that lost half its channels, brought back: pruning and recovery together, on real digits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from recovery_samples import IMAGE, SMALL, conv_net, digits, needs_data, small_images, train_teacher
from scipy.stats import spearmanr

from edgebuild.compress.compression import Material, Pupil, compress, taylor
from edgebuild.compress.groups import groups_of
from edgebuild.compress.lesson import Lesson
from edgebuild.compress.prune import prune
from edgebuild.compress.recovery import recover
from edgebuild.core.compression import Pruning
from edgebuild.core.errors import BuildError
from edgebuild.core.recovery import Recovery
from edgebuild.models.batched import BatchedModel, export_batched
from edgebuild.models.copying import put_state
from edgebuild.models.graph import export_module
from edgebuild.models.samples import prepare_inputs


@needs_data
def test_a_net_that_lost_half_its_channels_is_brought_back_and_runs_by_single_samples(tmp_path: Path) -> None:
    module = conv_net(8, 28)
    teacher = train_teacher(tmp_path / "teacher", module, digits(0, 3000), digits(3000, 3500))
    single = export_module(module, IMAGE)
    removal = {group.name: range(0, group.width, 2) for group in groups_of(single.program).groups}
    student = BatchedModel(prune(teacher.program, removal), teacher.signature)
    pruned = prune(single.program, removal)
    assert pruned.state_dict["0.weight"].shape == (4, 1, 3, 3)

    lesson = Lesson(student, teacher, digits(0, 3000), digits(3000, 3500))
    settings = Recovery(epochs=2, batch_size=64, learning_rate=0.005, feature_weight=0.5)
    done = recover(lesson, settings, tmp_path / "recovery")
    assert done.scores[0].value < 80
    assert done.scores[done.best_epoch].value > 85

    ready = replace(single, program=put_state(pruned, done.state))
    held_back = digits(3500, 3560)
    (scores,) = ready.run(prepare_inputs(held_back, ready.signature))
    assert (scores.argmax(1) == held_back.labels).mean() > 0.8
    together = put_state(student.program, done.state).module(check_guards=False)
    with torch.no_grad():
        batch = together(torch.from_numpy(prepare_inputs(held_back, ready.signature)["image"]))
    np.testing.assert_allclose(batch.numpy(), scores, atol=1e-4)


def test_a_model_whose_scores_are_no_numbers_is_refused(tmp_path: Path) -> None:
    module = conv_net(8, 8, classes=4)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1e20)
    dense = Pupil(export_module(module, SMALL), export_batched(module, SMALL))
    material = Material(small_images(64), small_images(96, seed=1), classes=True)
    with pytest.raises(BuildError, match="NaN or infinite before training"):
        compress(dense, Pruning(keep=0.6, round_to=1), Recovery(epochs=1, batch_size=16), material, tmp_path, print)


def test_other_samples_and_other_drawn_labels_say_much_the_same_of_which_channels_matter() -> None:
    model, settings = export_batched(conv_net(32, 8, classes=4), SMALL), Pruning(keep=0.5, samples=512)
    grouped = groups_of(model.program)
    one, other = (taylor(model, grouped, settings, Recovery(seed=seed), small_images(1024)) for seed in (0, 1))
    for group in grouped.groups:
        assert spearmanr(one[group.name], other[group.name]).statistic > 0.85
