"""The parts of a recovery against what is written about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from recovery_samples import SMALL, TOKENS, Transformer, conv_net, small_images
from torch import nn
from torch.nn.functional import normalize

from edgebuild.compress.augment import Moves, augment
from edgebuild.compress.batches import Batches
from edgebuild.compress.checkpoints import CheckpointFacts, read_checkpoint, write_checkpoint
from edgebuild.compress.features import choose_features, feature_loss
from edgebuild.compress.losses import Objective, drawn_loss, label_loss, soft_loss, value_loss
from edgebuild.compress.precision import faster_precision
from edgebuild.compress.telling import Progress, duration
from edgebuild.compress.trainable import tap, trainable
from edgebuild.core.errors import BuildError
from edgebuild.core.project import InputSpec
from edgebuild.core.recovery import EpochScore, Precision, Recovery
from edgebuild.core.signature import Signature, TensorSpec
from edgebuild.models.batched import export_batched

KEY = "a" * 64


def test_soft_targets_are_hintons() -> None:
    own, other = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 1.0]]), torch.tensor([[2.0, 0.0, 4.0], [1.0, -1.0, 3.0]])
    p, q = (other / 3).softmax(1), (own / 3).softmax(1)
    wanted = 9 * (p * (p / q).log()).sum() / 2
    torch.testing.assert_close(soft_loss(own, other, 3.0), wanted)
    assert float(soft_loss(other + 5, other, 3.0)) == pytest.approx(0, abs=1e-6)


def test_drawn_labels_tell_of_classes_that_a_model_is_sure_of() -> None:
    scores = torch.tensor([[20.0, 0.0, 0.0]] * 4096, requires_grad=True)
    (sure,) = torch.autograd.grad(label_loss(scores, torch.zeros(4096, dtype=torch.int64)), scores)
    (drawn,) = torch.autograd.grad(drawn_loss(scores, 4, torch.Generator().manual_seed(0)), scores)
    told = (scores[0].detach() / 4).softmax(0)
    fisher = (torch.diag(told) - torch.outer(told, told)) / 16
    torch.testing.assert_close(4096 * drawn.T @ drawn, fisher, rtol=0.3, atol=1e-5)
    assert 4096 * sure.square().sum() < 1e-6 * fisher.trace()


def test_the_loss_weighs_soft_targets_against_labels() -> None:
    own, other, labels = torch.randn(5, 3), torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    settings = Recovery(soft_weight=0.25, temperature=2)
    objective = Objective(settings, classifies=True)
    soft, hard = soft_loss(own, other, 2), nn.functional.cross_entropy(own, labels)
    torch.testing.assert_close(objective([own], [other], labels), 0.25 * soft + 0.75 * hard)
    torch.testing.assert_close(objective([own], [other], None), soft)
    torch.testing.assert_close(objective([own], None, labels), hard)
    values = Objective(settings, classifies=False)
    torch.testing.assert_close(values([own], [other], labels), value_loss(own, other))
    assert float(value_loss(other * 1.1, other)) == pytest.approx(0.01, rel=1e-4)


def test_other_outputs_than_the_scores_are_values_too_and_integers_are_none() -> None:
    scores, more, count = torch.randn(4, 3), torch.randn(4, 2, 2), torch.ones(4, 1, dtype=torch.int64)
    objective = Objective(Recovery(), classifies=True)
    loss = objective([scores, more * 2, count], [scores, more, count], None)
    torch.testing.assert_close(loss, torch.tensor(1.0))


def test_features_of_a_narrower_net_are_maps_of_spatial_attention() -> None:
    teacher, student = (trainable(export_batched(conv_net(width, 8), SMALL).program) for width in (8, 4))
    x = torch.randn(5, 1, 8, 8)
    features = choose_features(teacher, student, ((x,), (x,)))
    assert [(f.name, f.kind) for f in features] == [("relu_", "spatial"), ("relu", "spatial")]
    for module in (teacher, student):
        tap(module, [feature.name for feature in features])
    theirs, own = teacher(x)[1:], student(x)[1:]
    wanted = []
    for a, b in zip(own, theirs, strict=True):
        one, two = (normalize(value.square().mean(1).flatten(1), dim=1) for value in (a, b))
        wanted.append((one - two).square().sum() / two.square().sum())
    torch.testing.assert_close(feature_loss(features, own, theirs), sum(wanted) / 2)
    assert feature_loss(features, theirs, theirs).detach() == 0


def test_features_of_a_transformer_are_its_attention_and_its_sums() -> None:
    teacher, student = (trainable(export_batched(Transformer(hidden=h), TOKENS).program) for h in (32, 8))
    tokens = torch.zeros(3, 6, dtype=torch.int64)
    features = choose_features(teacher, student, ((tokens,), (tokens,)))
    assert [f.kind for f in features] == ["attention"] * 2 + ["values"] * 4
    assert [f.name for f in features[2:]] == ["add", "add_1", "add_2", "add_3"]
    narrow = trainable(export_batched(Transformer(width=8), TOKENS).program)
    assert {f.kind for f in choose_features(teacher, narrow, ((tokens,), (tokens,)))} == {"attention", "relation"}


def test_nets_that_share_nothing_are_refused() -> None:
    one = trainable(export_batched(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), SMALL).program)
    other = trainable(export_batched(conv_net(4, 8), SMALL).program)
    x = torch.randn(2, 1, 8, 8)
    with pytest.raises(BuildError, match="feature_weight = 0"):
        choose_features(other, one, ((x,), (x,)))


def image_signature(layout: str, shape: tuple[int, ...]) -> Signature:
    spec = TensorSpec(name="x", shape=shape, layout=layout)
    return Signature(inputs=(spec,), outputs=(TensorSpec(name="y", shape=(1, 2)),))


def test_crops_are_windows_of_the_mirrored_image_and_flips_mirror_half() -> None:
    images = np.random.default_rng(0).normal(size=(40, 3, 16, 24)).astype(np.float32)
    signature = image_signature("NCHW", (1, 3, 16, 24))
    for how in ("crop", "flip-crop"):
        moved = augment({"x": images}, signature, how, Moves.of(len(images), 0, 5))["x"]  # type: ignore[arg-type]
        padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (3, 3)), mode="reflect")
        flipped, offsets = 0, set()
        for before, after in zip(padded, moved, strict=True):
            places = [
                (top, left, flip)
                for top in range(5)
                for left in range(7)
                for flip in (False, True)
                if (before[:, top : top + 16, left : left + 24][..., :: -1 if flip else 1] == after).all()
            ]
            assert len(places) == 1
            flipped += places[0][2]
            offsets.add(places[0][:2])
        assert len(offsets) > 15
        assert (8 < flipped < 32) if how == "flip-crop" else flipped == 0


def test_augmentation_follows_its_seed_and_the_layout() -> None:
    images = np.random.default_rng(0).normal(size=(6, 3, 16, 16)).astype(np.float32)
    first = image_signature("NCHW", (1, 3, 16, 16))
    last = image_signature("NHWC", (1, 16, 16, 3))
    one = augment({"x": images}, first, "flip-crop", Moves.of(len(images), 0, 5))["x"]
    np.testing.assert_array_equal(one, augment({"x": images}, first, "flip-crop", Moves.of(len(images), 0, 5))["x"])
    assert (one != augment({"x": images}, first, "flip-crop", Moves.of(len(images), 0, 6))["x"]).any()
    other = augment({"x": images.transpose(0, 2, 3, 1)}, last, "flip-crop", Moves.of(len(images), 0, 5))["x"]
    np.testing.assert_array_equal(one, other.transpose(0, 3, 1, 2))


def test_an_epoch_sees_each_sample_once_and_steps_can_be_asked_for_in_any_order() -> None:
    batches = Batches(small_images(64), Recovery(batch_size=16, seed=3))
    assert batches.per_epoch == 4
    steps = [batches.indices(step) for step in range(8)]
    for epoch in (steps[:4], steps[4:]):
        assert sorted(np.concatenate(epoch).tolist()) == list(range(64))
    assert (steps[0] != steps[4]).any()
    again = Batches(small_images(64), Recovery(batch_size=16, seed=3))
    for step in (5, 2, 7):
        np.testing.assert_array_equal(again.indices(step), steps[step])


def test_few_samples_are_one_batch_and_what_is_left_over_waits() -> None:
    assert Batches(small_images(5), Recovery(batch_size=16)).indices(3).shape == (5,)
    batches = Batches(small_images(20), Recovery(batch_size=16))
    assert batches.per_epoch == 1
    assert {*batches.indices(0).tolist(), *batches.indices(1).tolist(), *batches.indices(2).tolist()} == {*range(20)}


def test_samples_are_prepared_as_the_signature_says() -> None:
    model = export_batched(conv_net(4, 8), SMALL)
    from edgebuild.core.signature import Normalize

    scaled = {"image": InputSpec(shape=(1, 1, 8, 8), pre=(Normalize(scale=2.0, mean=(1.0,), std=(4.0,)),))}
    signature = export_batched(conv_net(4, 8), scaled).signature
    batches = Batches(small_images(8), Recovery(batch_size=4))
    raw, prepared = batches.inputs(0, model.signature, "cpu")[0], batches.inputs(0, signature, "cpu")[0]
    torch.testing.assert_close(prepared, (raw * 2 - 1) / 4)


def test_checkpoints_come_back_as_they_were_written(tmp_path: Path) -> None:
    facts = CheckpointFacts(
        key=KEY, step=3, precision="f32", scores=(EpochScore(value=0.1 + 0.2, loss=1 / 3),), best_epoch=0,
        finished=False, seconds=2.5,
    )  # fmt: skip
    model = {"a.b": torch.randn(2, 3), "n": torch.tensor(7)}
    groups = {"model": model, "best": model, "optimizer": {"a.b/step": torch.tensor(3.0)}}
    groups["best"] = {name: tensor + 1 for name, tensor in model.items()}
    write_checkpoint(tmp_path / "new", facts, groups)
    found = read_checkpoint(tmp_path / "new", KEY, model, pytest.fail)
    assert found is not None
    assert found[0] == facts
    for group, named in groups.items():
        assert found[1][group].keys() == named.keys()
        assert all(torch.equal(found[1][group][name], tensor) for name, tensor in named.items())
    said: list[str] = []
    assert read_checkpoint(tmp_path / "new", "b" * 64, model, said.append) is None
    assert read_checkpoint(tmp_path / "none", KEY, model, pytest.fail) is None
    assert read_checkpoint(tmp_path / "new", KEY, {"a.b": model["a.b"]}, said.append) is None
    assert "of other settings" in said[0]
    assert "is damaged (ValueError)" in said[1]


class Clock:
    """Time that passes as told, by precision."""

    def __init__(self, **seconds: float) -> None:
        self.now, self._seconds = 0.0, seconds

    def run(self, precision: Precision) -> float:
        self.now += self._seconds[precision]
        return 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("f32", "bf16", "chosen"), [(1.0, 0.5, "bf16"), (1.0, 0.9, "f32"), (1.0, 9.0, "f32")])
def test_bf16_is_taken_where_it_is_clearly_faster(f32: float, bf16: float, chosen: str) -> None:
    clock, said = Clock(f32=f32, bf16=bf16), list[str]()
    assert faster_precision("cuda", clock.run, said.append, clock) == chosen
    assert said[0].endswith(f": {chosen}")


def test_bf16_that_does_not_run_is_not_taken() -> None:
    def run(precision: Precision) -> float:
        if precision == "bf16":
            raise RuntimeError("not implemented for 'BFloat16'")
        return 0.0

    said: list[str] = []
    assert faster_precision("cuda", run, said.append) == "f32"
    assert "bf16 does not work" in said[0]


def test_progress_is_said_at_once_and_then_seldom() -> None:
    said: list[str] = []
    progress = Progress(said.append, 400, 100)
    for step in range(1, 300):
        progress.step(step, 0.5)
    assert len(said) == 1
    assert said[0].startswith("epoch 1 of 4, batch 1 of 100, loss 0.5, about ")


@pytest.mark.parametrize(("seconds", "text"), [(4.2, "4 s"), (200, "3 min"), (9000, "2.5 h")])
def test_durations_are_said_in_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text
