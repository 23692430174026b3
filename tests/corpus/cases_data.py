"""Data sets that are missing, malformed, not finite, too small, or that do not fit the model or each other."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import numpy as np
from corpus_case import Cases
from corpus_place import Place
from PIL import Image

CASES = case = Cases()
RANDOM = np.random.default_rng(5)
X = RANDOM.standard_normal((12, 3, 8, 8)).astype(np.float32)
CALIBRATION = '{ source = "data.py:calibration" }'
EVALUATION = '{ source = "data.py:evaluation" }'


def npz(place: Place, name: str = "set.npz", calibrate: bool = True, **arrays: np.ndarray) -> None:
    """The given arrays as a data set of the project."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    place.write(name, buffer.getvalue())
    place.toml(CALIBRATION if calibrate else EVALUATION, '{ source = "set.npz" }')


def changed(place: Place, body: str) -> None:
    """The project's samples after some lines of Python on ``x`` and ``labels``."""
    lines = f"    labels = random.integers(0, 3, 40)\n    {body}\n" + '    return {"x": x, "labels": labels}'
    place.edit("data.py", '    return {"x": x, "labels": random.integers(0, 3, 40)}', lines)


@case(2, "[data.calibration]", "sets.npz does not exist", "did you mean set.npz")
def data_file_misspelt(place: Place) -> None:
    npz(place, x=X)
    place.toml("set.npz", "sets.npz")


@case(2, "data.py:calibrate", "there is no 'calibrate'", "did you mean calibration")
def data_callable_misspelt(place: Place) -> None:
    place.toml("data.py:calibration", "data.py:calibrate")


@case(3, "data.py:calibration raised at data.py:11", "KeyError")
def data_entry_raises(place: Place) -> None:
    place.edit("data.py", "return samples(1)", 'return {}["x"]')


@case(2, "data.py:calibration", "returned tuple", "dict of arrays")
def data_entry_returns_a_tuple(place: Place) -> None:
    place.edit("data.py", "return samples(1)", 'return samples(1)["x"], samples(1)["labels"]')


@case(2, "data.py:calibration", "x is list", "numpy.stack")
def data_entry_gives_lists(place: Place) -> None:
    changed(place, "x = x.tolist()")


@case(2, "has X", "missing: x", "rename: 'X' to 'x'")
def data_named_unlike_the_input(place: Place) -> None:
    place.edit("data.py", '{"x": x', '{"X": x')


@case(2, "set.h5", "not a kind of data source", ".npz")
def data_of_an_unknown_kind(place: Place) -> None:
    place.write("set.h5", b"\x89HDF\r\n")
    place.toml("data.py:calibration", "set.h5")


@case(2, "set.npz", "not a readable .npz")
def npz_truncated(place: Place) -> None:
    npz(place, x=X)
    whole = (place.project / "set.npz").read_bytes()
    place.write("set.npz", whole[: len(whole) // 2])


@case(2, "set.npz", "pickled objects", "never loaded")
def npz_of_pickled_objects(place: Place) -> None:
    npz(place, x=np.array([{"a": 1}, "b"], dtype=object))


@case(2, "set.npz", "never loaded")
def npz_that_is_a_pickle(place: Place) -> None:
    npz(place, x=X)
    place.write("set.npz", pickle.dumps({"x": X}))


@case(2, "set.npz", "not a readable .npz")
def npz_with_a_member_that_is_no_array(place: Place) -> None:
    npz(place, x=X)
    with zipfile.ZipFile(place.project / "set.npz", "w") as archive:
        archive.writestr("x.npy", b"not an array at all")


@case(2, "EDGEBUILD_CORPUS_FOLDER is not set")
def data_path_of_an_unset_variable(place: Place) -> None:
    place.patch.delenv("EDGEBUILD_CORPUS_FOLDER", raising=False)
    place.toml("data.py:calibration", "${EDGEBUILD_CORPUS_FOLDER}/set.npz")


@case(2, "[data.calibration]", "does not exist", "nowhere")
def data_path_of_a_wrong_variable(place: Place) -> None:
    place.patch.setenv("EDGEBUILD_CORPUS_FOLDER", str(place.root / "nowhere"))
    place.toml("data.py:calibration", "${EDGEBUILD_CORPUS_FOLDER}/set.npz")


@case(2, "input 'x'", "[N, 3, 9, 9]", "[N, 3, 8, 8]")
def samples_of_another_size(place: Place) -> None:
    npz(place, x=np.zeros((4, 3, 9, 9), np.float32))


@case(2, "input 'x'", "channels-last", "transpose", "[0, 3, 1, 2]")
def samples_channels_last(place: Place) -> None:
    npz(place, x=X.transpose(0, 2, 3, 1).copy())


@case(2, "input 'x'", "the samples have 1 channels and the model takes 3")
def samples_grey(place: Place) -> None:
    npz(place, x=X[:, :1].copy())


@case(2, "input 'x'", "an axis is missing")
def samples_without_channel_axis(place: Place) -> None:
    npz(place, x=X[:, 0].copy())


@case(2, "drop the second axis")
def samples_with_a_batch_axis(place: Place) -> None:
    npz(place, x=X[:, None].copy())


@case(2, "input 'x'", "numbers that become float32")
def samples_of_text(place: Place) -> None:
    npz(place, x=np.array(["a", "b"]))


@case(2, "input 'x'", "sample 7 holds NaN or infinity")
def samples_nan(place: Place) -> None:
    changed(place, 'x[7, 0, 0, 0] = float("nan")')


@case(2, "[data.evaluation], input 'x'", "sample 3 holds NaN or infinity")
def samples_infinite(place: Place) -> None:
    bad = X.copy()
    bad[3, 1, 2, 3] = -np.inf
    npz(place, calibrate=False, x=bad, labels=np.zeros(12, int))


@case(2, "[data.calibration]", "empty")
def samples_none(place: Place) -> None:
    changed(place, "x, labels = x[:0], labels[:0]")


@case(2, "[data.calibration]", "too small to split", "at least 2")
def samples_one(place: Place) -> None:
    npz(place, x=X[:1], labels=np.zeros(1, int))


@case(2, "[data.calibration]", "constant", "all 12 samples are the same")
def samples_constant(place: Place) -> None:
    npz(place, x=np.repeat(X[:1], 12, axis=0))


@case(2, "39 labels for 40 samples")
def labels_too_few(place: Place) -> None:
    changed(place, "labels = labels[:39]")


@case(2, "label 3", "3 classes", "0 to 2")
def labels_out_of_range(place: Place) -> None:
    changed(place, "labels = labels + 1")


@case(2, "a label is -1", "from 0")
def labels_negative(place: Place) -> None:
    changed(place, "labels = labels - 1")


@case(2, "labels are float64", "class numbers, not one-hot rows")
def labels_one_hot(place: Place) -> None:
    changed(place, "labels = np.eye(3)[labels]")


@case(
    2, "[data.calibration]", "box 0 of sample 0, [4, 1, 2, 3, 0]", "inverted or empty", "corners, not width and height"
)
def boxes_inverted(place: Place) -> None:
    place.toml('"top1"', '"map"')
    changed(place, "labels = np.tile([4, 1, 2, 3, 0], (40, 1, 1))")


@case(2, "[data.calibration]", "lies outside the image of 8 x 8 pixels", "pixels of the model's input")
def boxes_outside_the_image(place: Place) -> None:
    place.toml('"top1"', '"map"')
    changed(place, "labels = np.tile([0, 0, 4, 9, 0], (40, 1, 1))")


@case(2, "[data.calibration]", "labels are int64 of shape [40]", "a class for each pixel")
def labels_of_another_kind(place: Place) -> None:
    place.toml('"top1"', '"miou"')


@case(2, "no labels", 'metric = "top1" needs them')
def labels_missing(place: Place) -> None:
    place.edit("data.py", ', "labels": random.integers(0, 3, 40)', "")


@case(2, "auc has labels [0, 1, 2]", "both 0 (normal) and 1")
def labels_of_three_classes_for_auc(place: Place) -> None:
    place.toml('metric = "top1"', 'metric = "auc"\nscore = "reconstruction_mse"')


@case(2, "auc needs one score a sample", "3 values")
def auc_of_class_scores(place: Place) -> None:
    place.edit("data.py", "random.integers(0, 3, 40)", "random.integers(0, 2, 40)")
    place.toml('metric = "top1"', 'metric = "auc"')


@case(2, "reconstruction_mse", "[N, 3]", "[N, 3, 8, 8]")
def reconstruction_of_a_classifier(place: Place) -> None:
    place.edit("data.py", "random.integers(0, 3, 40)", "random.integers(0, 2, 40)")
    place.toml('metric = "top1"', 'metric = "auc"\nscore = "reconstruction_mse"')


@case(3, "data.py:score", "one finite number a sample", "shape [40]")
def score_of_the_wrong_shape(place: Place) -> None:
    place.edit("data.py", "random.integers(0, 3, 40)", "random.integers(0, 2, 40)")
    place.edit("data.py", "def calibration", "def score(inputs, outputs):\n    return outputs[0]\n\n\ndef calibration")
    place.toml('metric = "top1"', 'metric = "auc"\nscore = "data.py:score"')


@case(2, "group", "different labels", "one label a group")
def groups_of_mixed_labels(place: Place) -> None:
    place.edit("data.py", '{"x": x', '{"groups": np.arange(40) // 4, "x": x')


@case(2, "calibration and evaluation", "share 40 samples", "disjoint")
def sets_that_are_the_same(place: Place) -> None:
    place.edit("data.py", "return samples(2)", "return samples(1)")
    place.toml("calibration = {", "selection = { source = 'data.py:selection' }\ncalibration = {")
    place.edit("data.py", "def evaluation", "def selection():\n    return samples(3)\n\n\ndef evaluation")


@case(2, "selection and evaluation", "share 1 samples", "sample 39 of evaluation")
def sets_that_share_one_sample(place: Place) -> None:
    place.toml("calibration = {", "selection = { source = 'data.py:selection' }\ncalibration = {")
    body = '    made = samples(2)\n    made["x"][39] = samples(3)["x"][0]\n    return made'
    place.edit("data.py", "    return samples(2)", body)
    place.edit("data.py", "def evaluation", "def selection():\n    return samples(3)\n\n\ndef evaluation")


@case(2, "[model.inputs.x] pre", "normalize has values for 2 channels", "has 3")
def normalize_for_other_channels(place: Place) -> None:
    place.toml('"NCHW"', '"NCHW"\npre = [{ op = "normalize", mean = [0.5, 0.5], std = [0.2, 0.2] }]')


@case(2, "[model.inputs.x] pre", "transpose order [0, 1, 2]")
def transpose_of_three_axes(place: Place) -> None:
    place.toml('"NCHW"', '"NCHW"\npre = [{ op = "transpose", order = [0, 1, 2] }]')


@case(2, "[data.calibration]", "neither .npz files nor images")
def folder_of_nothing(place: Place) -> None:
    (place.project / "empty").mkdir()
    place.toml("data.py:calibration", "empty")


@case(2, "b.png", "not a readable image")
def image_damaged(place: Place) -> None:
    images(place, {"a.png": (8, 8)})
    place.write("images/b.png", b"\x89PNG\r\n\x1a\n, and then nothing")


@case(2, "b.png", "9 x 8 pixels", "resize")
def images_of_two_sizes(place: Place) -> None:
    images(place, {"a.png": (8, 8), "b.png": (8, 9)})


@case(2, "labels.csv", "no label for b.png")
def image_without_label(place: Place) -> None:
    images(place, {"a.png": (8, 8), "b.png": (8, 8)}, "file,label\na.png,0\n")


@case(2, "labels.csv:3", "label 'cat'", "whole number", "name the classes")
def image_labelled_in_words(place: Place) -> None:
    images(place, {"a.png": (8, 8), "b.png": (8, 8)}, "file,label\na.png,0\nb.png,cat\n")


def images(place: Place, sizes: dict[str, tuple[int, int]], labels: str = "") -> None:
    """A folder of images as calibration set, with labels in a CSV file if given."""
    (place.project / "images").mkdir()
    for name, size in sizes.items():
        Image.effect_noise(size, 50).convert("RGB").save(place.project / "images" / name)
    place.toml('"NCHW"', '"NCHW"\npre = [{ op = "transpose", order = [0, 3, 1, 2] }]')
    if labels:
        place.write("labels.csv", labels)
    source = {"source": "images"} | ({"labels": "labels.csv"} if labels else {})
    place.toml(CALIBRATION, "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in source.items()) + " }")
