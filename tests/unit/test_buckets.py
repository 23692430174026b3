"""Buckets of shapes: what may be declared, which bucket a sample goes to, and the projects that they make."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from edgebuild.core.errors import ConfigError
from edgebuild.core.profile import Profile
from edgebuild.core.project import InputSpec, Project
from edgebuild.models.buckets import in_bucket
from edgebuild.pipeline.buckets import in_buckets

IDS = InputSpec(shape=(1, 4), dtype="int64", buckets=((1, 8), (1, 6)), pad=9)
ROWS = np.array([[1, 2, 3, 9, 9, 9, 9], [1, 9, 9, 9, 5, 9, 9], [1, 2, 3, 4, 5, 6, 7], [9, 9, 9, 9, 9, 9, 9]])
LABELS = np.arange(4)
QUICK = Profile.model_validate({"schema": 1, "name": "q"})


def project(ids: dict[str, object], mask: dict[str, object]) -> Project:
    inputs = {"ids": ids, "mask": mask, "other": {"shape": [1, 2]}}
    value = {"name": "p", "model": {"source": "m.onnx", "inputs": inputs}, "build": {"targets": ["host-litert"]}}
    return Project.model_validate(value)


def own(shape: tuple[int, int]) -> dict[str, InputSpec]:
    return {"ids": IDS.model_copy(update={"shape": shape, "buckets": tuple(s for s in IDS.sizes if s != shape)})}


@pytest.mark.parametrize(
    ("shape", "rows", "labels"),
    [
        ((1, 4), [[1, 2, 3, 9], [9, 9, 9, 9]], [0, 3]),
        ((1, 6), [[1, 9, 9, 9, 5, 9]], [1]),
        ((1, 8), [[1, 2, 3, 4, 5, 6, 7, 9]], [2]),
    ],
)
def test_a_sample_goes_to_the_smallest_that_holds_it(
    shape: tuple[int, int], rows: list[list[int]], labels: list[int]
) -> None:
    found = in_bucket({"ids": ROWS, "labels": LABELS}, own(shape), "[data.x]")
    np.testing.assert_array_equal(found["ids"], rows)
    assert found["ids"].dtype == ROWS.dtype
    assert found["labels"].tolist() == labels


def test_the_longest_input_decides() -> None:
    specs = {**own((1, 6)), "mask": IDS.model_copy(update={"shape": (1, 6), "buckets": ((1, 4), (1, 8)), "pad": 0})}
    mask = np.array([[1, 1, 1, 1, 1, 0, 0]] + [[0] * 7] * 3)
    found = in_bucket({"ids": ROWS, "mask": mask, "labels": LABELS}, specs, "[data.x]")
    assert found["labels"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.ones((2, 9), np.int64), "sample 0 is 9 long"),
        (np.ones((2, 8), np.int64), "no sample belongs to the bucket [1, 4]"),
        (np.ones((2, 3, 3), np.int64), "2 axes"),
    ],
)
def test_what_fits_no_bucket_is_told(rows: np.ndarray, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        in_bucket({"ids": rows}, own((1, 4)), "[data.x]")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "buckets",
    [[[1, 4]], [[1, 8], [1, 8]], [[2, 4]], [[1, 4, 1]], [[2, 8]]],
    ids=["the shape itself", "twice", "batches", "rank", "two axes"],
)
def test_buckets_differ_along_one_axis(buckets: list[list[int]]) -> None:
    with pytest.raises(ValidationError, match=r"axis|axes"):
        InputSpec.model_validate({"shape": [1, 4], "buckets": buckets})


def test_each_bucket_is_a_project_of_its_own() -> None:
    wide: dict[str, object] = {"shape": [1, 8], "buckets": [[1, 4]]}
    found = list(in_buckets(project(wide, {"shape": [1, 4, 2], "buckets": [[1, 8, 2]]}), QUICK))
    assert [bucket.label for bucket in found] == ["1x4", "1x8"]
    assert [bucket.project.name for bucket in found] == ["p-1x4", "p-1x8"]
    shapes = [{name: spec.shape for name, spec in each.project.model.inputs.items()} for each in found]
    assert shapes[0] == {"ids": (1, 4), "mask": (1, 4, 2), "other": (1, 2)}
    assert shapes[1] == {"ids": (1, 8), "mask": (1, 8, 2), "other": (1, 2)}
    assert all(each.project.model.inputs["ids"].sizes == ((1, 4), (1, 8)) for each in found)


def test_inputs_have_equally_many_buckets() -> None:
    with pytest.raises(ValidationError, match="different numbers of buckets"):
        project({"shape": [1, 4], "buckets": [[1, 8]]}, {"shape": [1, 4], "buckets": [[1, 8], [1, 16]]})


def test_a_project_without_buckets_is_one() -> None:
    plain = project({"shape": [1, 4]}, {"shape": [1, 4]})
    (only,) = in_buckets(plain, QUICK)
    assert (only.label, only.project) == ("", plain)
