from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgebuild.core.errors import ConfigError
from edgebuild.core.project import DataSource, InputSpec
from edgebuild.core.signature import Normalize, Resize, Transpose
from edgebuild.models.data import load_samples, refuse_overlap, source_state, split_selection
from edgebuild.models.samples import Samples, prepare_inputs
from edgebuild.store.cache import Cache

DATA = os.environ.get("EDGEBUILD_DATA")
FLAT = {"x": InputSpec(shape=(1, 4))}
IMAGE = {"x": InputSpec(shape=(1, 3, 5, 6), layout="NCHW")}
random = np.random.default_rng(0)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def load(root: Path, cache: Cache, specs: dict[str, InputSpec], arrays: dict[str, Any], **more: Any) -> Samples:
    np.savez(root / "d.npz", **arrays)
    return load_samples(DataSource(source="d.npz", **more), specs, root, cache, "calibration")


GOOD = random.normal(size=(3, 4)).astype(np.float32)
BAD: list[tuple[dict[str, InputSpec], dict[str, Any], list[str]]] = [
    (FLAT, {"x": GOOD[:0]}, ["empty"]),
    (FLAT, {"x": np.ones((3, 4))}, ["constant: all 3 samples are the same"]),
    (FLAT, {"x": np.ones((1, 4))}, ["constant", "one value"]),
    (FLAT, {"x": random.normal(size=(3, 5))}, ["[N, 5]", "[N, 4]"]),
    (FLAT, {"x": GOOD[0]}, ["[N]", "an axis is missing"]),
    (FLAT, {"x": GOOD[:, None]}, ["drop the second axis"]),
    (FLAT, {"x": np.where(np.arange(12).reshape(3, 4) == 7, np.nan, GOOD)}, ["sample 1 holds NaN", "1 such"]),
    (FLAT, {"x": np.where(np.arange(12).reshape(3, 4) > 7, np.inf, GOOD)}, ["sample 2 holds NaN or infinity"]),
    (FLAT, {"x": np.array([["a"] * 4] * 3)}, ["<U1"]),
    (FLAT, {"y": GOOD}, ["missing: x"]),
    (FLAT, {"x": GOOD, "z": GOOD}, ["not an input of the model: z"]),
    ({"image": FLAT["x"]}, {"imgae": GOOD}, ["'imgae' to 'image'"]),
    (FLAT, {"x": GOOD, "labels": np.arange(2)}, ["2 labels for 3 samples"]),
    (FLAT, {"x": GOOD, "labels": np.eye(3, dtype=int)}, ["one-hot"]),
    (FLAT, {"x": GOOD, "labels": np.array([0.5, 1, 2])}, ["labels are float64"]),
    (FLAT, {"x": GOOD, "labels": np.array([0, -1, 2])}, ["a label is -1"]),
    (FLAT, {"x": GOOD, "groups": np.arange(4)}, ["4 groups for 3 samples"]),
    (IMAGE, {"x": random.normal(size=(2, 5, 6, 3))}, ["layout mistake", "channels-last", "[0, 3, 1, 2]"]),
    (IMAGE, {"x": random.normal(size=(2, 1, 5, 6))}, ["have 1 channels and the model takes 3"]),
    ({"x": InputSpec(shape=(1, 4), dtype="int64")}, {"x": GOOD}, ["samples are float32", "takes int64", "cast"]),
    ({"x": InputSpec(shape=(1, 4), dtype="int8")}, {"x": np.arange(12).reshape(3, 4) * 20}, ["0 to 220", "int8"]),
    (
        {"x": InputSpec(shape=(1, 3, 5, 6), pre=(Normalize(mean=(0, 0, 0), std=(1, 1, 1), channel_axis=3),))},
        {"x": random.normal(size=(2, 3, 5, 6))},
        ["3 channels", "axis 3 of the samples has 6"],
    ),
    ({"x": InputSpec(shape=(1, 4), pre=(Transpose(order=(1, 0)),))}, {"x": GOOD}, ["transpose order [1, 0]"]),
    ({"x": InputSpec(shape=(1, 4), pre=(Normalize(scale=3e38),))}, {"x": GOOD * 100}, ["after the pre steps"]),
]


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(("specs", "arrays", "words"), BAD)
def test_bad_samples_are_refused_in_words(
    specs: dict[str, InputSpec], arrays: dict[str, Any], words: list[str], tmp_path: Path, cache: Cache
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, cache, specs, arrays)
    assert (
        "[data.calibration]" in caught.value.message
        or "[model.inputs" in caught.value.message
        or "[data]" in caught.value.message
    )
    for word in words:
        assert word in caught.value.message


def test_good_samples_are_prepared(tmp_path: Path, cache: Cache) -> None:
    spec = InputSpec(
        shape=(1, 3, 2, 2), pre=(Transpose(order=(0, 3, 1, 2)), Normalize(scale=1 / 255, mean=(0.5,), std=(0.25,)))
    )
    pixels = random.integers(0, 256, (5, 2, 2, 3), np.uint8)
    samples = load(tmp_path, cache, {"x": spec}, {"x": pixels, "labels": np.arange(5, dtype=np.uint8)}, limit=4)
    assert len(samples) == 4
    assert samples.labels is not None
    assert samples.labels.dtype == np.int64
    prepared = prepare_inputs(samples, {"x": spec})["x"]
    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared, (pixels[:4].transpose(0, 3, 1, 2) / 255 - 0.5) / 0.25, rtol=1e-5, atol=1e-5)


def test_a_limit_does_not_hide_that_labels_differ(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(ConfigError, match="9 labels for 3 samples"):
        load(tmp_path, cache, FLAT, {"x": GOOD, "labels": np.arange(9)}, limit=2)


def test_pickled_and_damaged_npz(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(ConfigError, match="pickled objects"):
        load(tmp_path, cache, FLAT, {"x": np.array([{}, 1], dtype=object)})
    (tmp_path / "d.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(ConfigError, match=r"d\.npz: not a readable .npz"):
        load_samples(DataSource(source="d.npz"), FLAT, tmp_path, cache)


def test_a_folder_of_npz_is_read_in_order_of_names(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "set").mkdir()
    for name, value in (("b", 2), ("a", 1)):
        np.savez(tmp_path / "set" / f"{name}.npz", x=np.full((2, 4), value))
    source = DataSource(source="set")
    assert load_samples(source, FLAT, tmp_path, cache).inputs["x"][:, 0].tolist() == [1, 1, 2, 2]
    before = source_state(source, tmp_path, cache)
    np.savez(tmp_path / "set" / "c.npz", x=np.zeros((1, 5)))
    assert source_state(source, tmp_path, cache) != before
    with pytest.raises(ConfigError, match=r"c.npz: x has shape \[1, 5\]"):
        load_samples(source, FLAT, tmp_path, cache)


def test_what_a_callable_returns_is_checked(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "d.py").write_text(
        "def pair():\n    return [1], [2]\ndef lists():\n    return {'x': [[1.0] * 4]}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="returned tuple"):
        load_samples(DataSource(source="d.py:pair"), FLAT, tmp_path, cache)
    with pytest.raises(ConfigError, match="x is list"):
        load_samples(DataSource(source="d.py:lists"), FLAT, tmp_path, cache)


def test_images_are_upright_rgb_and_cropped(tmp_path: Path, cache: Cache) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    grey = Image.fromarray(np.tile(np.linspace(0, 255, 40, dtype=np.uint8), (20, 1)))
    grey.save(folder / "b.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    grey.save(folder / "a.jpg", exif=exif, quality=95)
    (tmp_path / "labels.csv").write_text("file,class_index\nb.png,1\na.jpg,0\n", encoding="utf-8")
    spec = {"x": InputSpec(shape=(1, 8, 8, 3), dtype="uint8", pre=(Resize(shorter=10, crop=(8, 8)),))}
    samples = load_samples(DataSource(source="images", labels="labels.csv"), spec, tmp_path, cache)
    turned, straight = samples.inputs["x"]
    assert samples.labels is not None
    assert samples.labels.tolist() == [0, 1]
    assert straight[0, 7, 0] > straight[0, 0, 0] + 40
    assert turned[7, 0, 0] > turned[0, 0, 0] + 40
    assert abs(int(turned[0, 0, 0]) - int(turned[0, 7, 0])) < 5


@pytest.mark.parametrize(
    ("csv", "words"),
    [
        ("b.png,1\n", "no label for a.png"),
        ("a.png,0\nb.png,1\nc.png,2\n", "not in the folder: c.png"),
        ("a.png,0\nb.png,cat\n", "labels.csv:2"),
        ("a.png,0\na.png,1\nb.png,1\n", "two labels"),
    ],
)
def test_labels_must_match_the_images(csv: str, words: str, tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        Image.fromarray(random.integers(0, 255, (5, 6, 3), np.uint8)).save(tmp_path / "images" / f"{name}.png")
    (tmp_path / "labels.csv").write_text(csv, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        load_samples(DataSource(source="images", labels="labels.csv"), IMAGE, tmp_path, cache)


def test_an_unreadable_image_is_named(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "broken.jpg").write_bytes(b"\xff\xd8\xff not an image")
    with pytest.raises(ConfigError, match=r"broken.jpg: not a readable image"):
        load_samples(DataSource(source="images"), IMAGE, tmp_path, cache)
    (tmp_path / "images" / "broken.jpg").unlink()
    with pytest.raises(ConfigError, match=r"neither .npz files nor images"):
        load_samples(DataSource(source="images"), IMAGE, tmp_path, cache)


def test_splitting_keeps_groups_and_twins_together() -> None:
    x = random.normal(size=(40, 4))
    x[7] = x[30]
    samples = Samples({"x": x}, np.arange(40), np.arange(40) // 2)
    for seed in range(20):
        calibration, selection = split_selection(samples, 0.5, seed)
        assert calibration.groups is not None
        assert selection.groups is not None
        assert calibration.labels is not None
        assert selection.labels is not None
        assert not set(calibration.groups) & set(selection.groups)
        assert sorted([*calibration.labels, *selection.labels]) == list(range(40))
        refuse_overlap(calibration, selection)
        assert len({7, 30} & set(selection.labels.tolist())) != 1
    again = split_selection(samples, 0.5, 3)[1]
    assert again.digest == split_selection(samples, 0.5, 3)[1].digest != split_selection(samples, 0.5, 4)[1].digest


def test_too_few_samples_and_shared_samples_are_refused() -> None:
    with pytest.raises(ConfigError, match="too small to split"):
        split_selection(Samples({"x": np.ones((5, 4))}), 0.5, 0)
    whole = Samples({"x": np.arange(20).reshape(5, 4)})
    with pytest.raises(ConfigError, match="share 2 samples; sample 1 of calibration is sample 0 of evaluation"):
        refuse_overlap(whole, whole.take([1, 3]), ("calibration", "evaluation"))


def test_samples_are_saved_and_loaded(tmp_path: Path) -> None:
    samples = Samples({"file": GOOD, "y": GOOD.astype(np.int32)}, np.arange(3), None)
    samples.save(tmp_path)
    again = Samples.load(tmp_path)
    assert again.digest == samples.digest
    assert again.groups is None
    assert list(again.inputs) == ["file", "y"]


@pytest.mark.skipif(DATA is None, reason="EDGEBUILD_DATA is not set")
def test_real_images_with_labels(cache: Cache) -> None:
    spec = {
        "x": InputSpec(
            shape=(1, 3, 224, 224), pre=(Resize(shorter=256, crop=(224, 224)), Transpose(order=(0, 3, 1, 2)))
        )
    }
    source = DataSource(source="imagenet_dev", labels="imagenet_dev/labels.csv", limit=3)
    samples = load_samples(source, spec, Path(str(DATA)), cache)
    assert samples.labels is not None
    assert samples.labels.tolist() == [0, 1, 5]
    assert prepare_inputs(samples, spec)["x"].shape == (3, 3, 224, 224)
