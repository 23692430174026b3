"""Single weights that become zero: which, that training and quantization keep them so, and what is refused."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from recovery_samples import SMALL, conv_net, small_images
from tiny_project import edit, make_project, write_samples
from torch import nn

from edgebuild.cli.main import main
from edgebuild.compress.compression import Material, Pruned, Pupil, compress
from edgebuild.compress.lesson import Lesson
from edgebuild.compress.recovery import recovery_key
from edgebuild.compress.sparsity import choose, layer_weights
from edgebuild.core.compression import Pruning, Sparsity
from edgebuild.core.errors import BuildError
from edgebuild.core.project import InputSpec
from edgebuild.core.recovery import Recovery
from edgebuild.models.batched import export_batched
from edgebuild.models.graph import export_module
from edgebuild.pipeline.project import build_project
from edgebuild.report.build import compression_text
from edgebuild.store.cache import Cache


def _made(folder: Path, sparsity: Sparsity, pruning: Pruning | None = None, recovery: Recovery | None = None) -> Pruned:
    module = conv_net(8, 8, classes=4)
    dense = Pupil(export_module(module, SMALL), export_batched(module, SMALL))
    material = Material(small_images(64), small_images(64), classes=True)
    return compress(dense, pruning, recovery, material, folder, lambda _: None, sparsity=sparsity)


def test_of_every_four_inputs_the_two_largest_stay_and_are_trained(tmp_path: Path) -> None:
    start = _made(tmp_path / "a", Sparsity())
    done = _made(tmp_path / "b", Sparsity(), recovery=Recovery(epochs=2, batch_size=16))
    (told,) = [step.zeros for step in done.record.steps]
    assert told is not None
    assert (told.pattern, told.layers, told.dense) == ("2:4", 2, 1)  # the first layer has one input
    dense = layer_weights(export_module(conv_net(8, 8, classes=4), SMALL).program)
    for name, weight in layer_weights(done.model.program).items():
        before, begun = dense[name], layer_weights(start.model.program)[name]
        assert torch.equal(weight != 0, begun != 0)
        assert not torch.signbit(weight[weight == 0]).any()  # one kind of zero, as compression likes it
        if weight.shape[1] % 4:
            assert bool((weight != 0).all())
            continue
        assert not torch.allclose(weight, begun)  # what stays has learned
        blocks = before.abs().movedim(1, -1).reshape(-1, 4)
        left = (weight != 0).movedim(1, -1).reshape(-1, 4)
        assert left.sum(1).eq(2).all()
        assert torch.equal(torch.where(left, blocks, 0).sum(1), blocks.topk(2).values.sum(1))
    assert done.record.model != done.record.dense == start.record.dense
    assert done.record.groups == ()
    assert "% of weights zero (2:4 in 2 layers, 1 do not fit)" in compression_text(done.record)


def test_weights_anywhere_are_chosen_by_what_they_add_to_their_layer() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
            self.a.weight.data = torch.tensor([[4.0, 3.0], [2.0, 1.0]])
            self.b.weight.data = torch.tensor([[0.4, 0.0], [0.0, 0.0001]])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(self.a(x))

    program = export_module(Two(), {"x": InputSpec(shape=(1, 2))}).program
    kept, told = choose(program, Sparsity(pattern="unstructured", share=0.5))
    # Squares 1, 4, 9, 16 over the sums of those not smaller: 1/30, 4/29, 9/25, 1. The small layer's own largest has 1.
    assert kept["a.weight"].tolist() == [[True, True], [True, False]]
    assert kept["b.weight"].tolist() == [[True, False], [False, False]]
    assert told.share == 0.5


def test_a_recovery_that_keeps_zeros_takes_up_no_checkpoint_of_one_that_does_not() -> None:
    model, images = export_batched(conv_net(8, 8, classes=4), SMALL), small_images(16)
    lesson = Lesson(model, model, images, images)
    assert recovery_key(lesson, Recovery()) != recovery_key(replace(lesson, zeros=True), Recovery())


def test_channels_go_first_and_then_weights_of_what_is_left(tmp_path: Path) -> None:
    pruning, recovery = Pruning(keep=0.6, round_to=4), Recovery(epochs=2, batch_size=16)
    record = _made(tmp_path, Sparsity(), pruning, recovery).record
    first, second = record.steps
    assert (first.zeros, len(first.scores)) == (None, 2)  # a short recovery, since another one follows
    assert second.zeros is not None
    assert len(second.scores) == 3
    assert second.parameters == first.parameters < record.parameters
    assert second.latencies == first.latencies
    assert record.groups


def test_a_pattern_that_fits_no_layer_is_refused() -> None:
    program = export_module(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)), SMALL).program
    with pytest.raises(BuildError, match="no layer of this model has weights for 8:16") as caught:
        choose(program, Sparsity(pattern="8:16"))
    assert "unstructured" in caught.value.message


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = make_project(tmp_path / "project")
    write_samples(place, "training", 9)
    edit(place / "edgebuild.toml", "[build]", '[data.training]\nsource = "training.npz"\n\n[build]')
    profile = place / "profiles" / "tiny.toml"
    text = '[sparsity]\npattern = "unstructured"\nshare = 0.6\n\n[recovery]\nepochs = 2\nbatch_size = 8\n\n'
    edit(profile, "[quantization]", text + "[quantization]")
    return place


@pytest.mark.slow
def test_zeros_are_in_the_files_of_the_bundle_in_float_and_int8(root: Path, tmp_path: Path) -> None:
    (built,) = build_project(root, cache=Cache(tmp_path / "cache")).built
    assert built.error is None
    assert built.bundle is not None
    record = built.bundle.manifest.compression
    assert record is not None
    assert record.steps[-1].zeros is not None
    variants = {variant.precision: variant for variant in built.bundle.manifest.parts[0].variants}
    assert variants
    for variant in variants.values():
        model = onnx.load_model(io.BytesIO(built.bundle.read(variant.files[0].name)))
        weights = [onnx.numpy_helper.to_array(one) for one in model.graph.initializer]
        matrices = [one for one in weights if one.ndim > 1]
        share = sum(int((one == 0).sum()) for one in matrices) / sum(one.size for one in matrices)
        assert share == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('pattern = "4:2"', "leaves no zeros"),
        ('pattern = "half"', "pattern"),
        ("share = 1.0", "share"),
        ("share = 0.5\n[fit]\ntrials = 2", "does not keep zeros"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    root: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(root / "profiles" / "tiny.toml", 'pattern = "unstructured"\nshare = 0.6', text)
    assert main(["build", str(root)]) == 2
    assert words in capsys.readouterr().err
