"""The example with a teacher: its network, what training images go through, and a training that is interrupted."""

from __future__ import annotations

import importlib
import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from edgebuild.core.project import Project
from edgebuild.steps.preprocess import apply_steps

EXAMPLE = Path(__file__).parents[2] / "examples" / "resnet50_mobile"
NAMES = ("augment", "data", "model", "train_teacher", "trainer")


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The example's modules, which are forgotten afterwards: other examples have some of the same names."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield {name: importlib.import_module(name) for name in NAMES}
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture
def small(example: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The same with a network of four narrow blocks, and twelve images of each set."""
    monkeypatch.setattr(example["model"], "BLOCKS", (1, 1, 1, 1))
    monkeypatch.setattr(example["model"], "WIDTHS", (4, 4, 8, 8))
    rng = np.random.default_rng(0)
    samples = {
        "image": rng.integers(0, 256, (12, 32, 32, 1), np.uint8),
        "labels": rng.integers(0, 10, 12),
    }
    for name in ("training", "selection", "evaluation"):
        monkeypatch.setattr(example["train_teacher"], name, lambda: samples)
    return example


def _state(folder: Path) -> dict[str, Tensor]:
    from safetensors.torch import load

    return load((folder / "weights.safetensors").read_bytes())


def _train(modules: dict[str, ModuleType], folder: Path, *more: str) -> None:
    modules["train_teacher"].main(["--out", str(folder), "--epochs", "2", "--batch", "4", "--device", "cpu", *more])


def _killed_in_the_second_epoch(modules: dict[str, ModuleType], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = modules["trainer"].Training
    whole = training._step
    steps = iter(range(5))  # Three in an epoch.

    def step(self: object, *given: object) -> Tensor:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return whole(self, *given)

    with monkeypatch.context() as patched:
        patched.setattr(training, "_step", step)
        with pytest.raises(KeyboardInterrupt):
            _train(modules, folder)


def test_it_is_resnet50(example: dict[str, ModuleType]) -> None:
    net = example["model"].ResNet50().eval()
    assert sum(p.numel() for p in net.parameters()) == 23_522_250
    # Torchvision's has 25,557,032 with three channels and a thousand classes.
    assert 23_522_250 + 2 * 64 * 49 + 990 * 2049 == 25_557_032
    with torch.no_grad():
        assert net(torch.zeros(2, 1, 32, 32)).shape == (2, 10)


def test_without_weights_the_model_says_what_to_do(
    example: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example["model"], "WEIGHTS", tmp_path / "weights.safetensors")
    with pytest.raises(RuntimeError, match=r"weights\.safetensors is not there; run train_teacher\.py first"):
        example["model"].teacher()


def test_training_sees_what_the_project_file_makes(example: dict[str, ModuleType]) -> None:
    project = Project.model_validate(tomllib.loads((EXAMPLE / "edgebuild.toml").read_text(encoding="utf-8")))
    raw = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), np.uint8)
    made = apply_steps(raw, project.model.inputs["image"].pre)
    seen = example["augment"].normalized(torch.from_numpy(raw).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(seen, made, atol=1e-6)


def test_images_are_mirrored_shifted_and_erased(example: dict[str, ModuleType]) -> None:
    augment, rng = example["augment"], torch.Generator().manual_seed(0)
    images = torch.zeros(400, 1, 32, 32, dtype=torch.uint8)
    images[:, 0, 10, 12] = 255
    mirrored = augment.mirrored(images, rng)
    assert {tuple(place.tolist()) for place in mirrored[:, 0].nonzero()[:, 1:]} == {(10, 12), (10, 19)}
    places = augment.shifted(images, 2, rng)[:, 0].nonzero()
    assert places[:, 0].tolist() == list(range(400))
    assert {tuple(place.tolist()) for place in places[:, 1:]} == {(r, c) for r in range(8, 13) for c in range(10, 15)}
    white = torch.full_like(images, 255)
    black = (augment.erased(white, 8, rng) == 0).sum((1, 2, 3))
    assert (black.max(), black.min() >= 1) == (64, True)
    assert torch.equal(augment.erased(white, 0, rng), white)


def test_the_rate_rises_and_falls(example: dict[str, ModuleType]) -> None:
    recipe = example["trainer"].Recipe(lr=0.2, warmup=0.25)
    assert [round(recipe.rate(done), 3) for done in (0, 0.125, 0.25, 0.625, 1)] == [0, 0.1, 0.2, 0.1, 0]


def test_killed_and_resumed_it_comes_to_the_same_weights(
    small: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    through, killed = tmp_path / "through", tmp_path / "killed"
    _train(small, through)
    assert sorted(path.name for path in through.iterdir()) == ["weights.safetensors"]
    assert "of test" in capsys.readouterr().out
    _killed_in_the_second_epoch(small, killed, monkeypatch)
    assert sorted(path.name for path in killed.iterdir()) == ["checkpoint.safetensors"]
    capsys.readouterr()
    _train(small, killed)
    assert "epoch 1/2" not in capsys.readouterr().err
    expected, found = _state(through), _state(killed)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    monkeypatch.setattr(small["model"], "WEIGHTS", through / "weights.safetensors")
    assert not small["model"].teacher().training


def test_a_checkpoint_of_another_recipe_or_damaged_is_refused(
    small: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _killed_in_the_second_epoch(small, tmp_path, monkeypatch)
    with pytest.raises(SystemExit, match="is of another recipe"):
        _train(small, tmp_path, "--lr", "0.2")
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(SystemExit, match="cannot be read"):
        _train(small, tmp_path)


def test_a_loss_that_is_no_number_ends_it(small: dict[str, ModuleType], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="the loss is nan; try a smaller --lr"):
        _train(small, tmp_path, "--lr", "1e30")


def test_without_the_data_it_says_so(
    example: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGEBUILD_DATA", raising=False)
    with pytest.raises(SystemExit, match="EDGEBUILD_DATA is not set"):
        _train(example, tmp_path)


@pytest.mark.skipif(not os.environ.get("EDGEBUILD_DATA"), reason="EDGEBUILD_DATA is not set")
@pytest.mark.skipif(
    not (EXAMPLE / "teacher" / "weights.safetensors").is_file(), reason="the teacher is not trained here"
)
def test_the_teacher_is_as_good_as_it_should_be(example: dict[str, ModuleType]) -> None:
    samples = {name: values[:500] for name, values in example["data"].selection().items()}
    assert example["train_teacher"].accuracy(example["model"].teacher(), samples, "cpu") >= 0.90
