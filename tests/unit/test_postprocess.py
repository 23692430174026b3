"""Post-processing: each step against its definition, and what does not fit refused before anything is run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from edgebuild.core.errors import ConfigError
from edgebuild.core.postprocess import Nms, PostStep
from edgebuild.core.signature import Signature, TensorSpec
from edgebuild.steps.boxes import ious
from edgebuild.steps.nms import suppressed
from edgebuild.steps.postprocess import PostProcess, check_post

STEPS: TypeAdapter[tuple[PostStep, ...]] = TypeAdapter(tuple[PostStep, ...])


def post(names: Sequence[str], *steps: dict[str, object]) -> PostProcess:
    return PostProcess(tuple(names), STEPS.validate_python(steps))


def test_softmax_then_argmax() -> None:
    scores = np.random.default_rng(0).normal(scale=300, size=(3, 5, 2)).astype(np.float32)
    shares = post("y", {"op": "softmax", "axis": 2})([scores])["y"]
    np.testing.assert_allclose(shares.sum(axis=2), 1, rtol=1e-6)
    assert np.isfinite(shares).all()
    found = post("y", {"op": "softmax", "axis": 1}, {"op": "argmax", "axis": 1})([scores])["y"]
    np.testing.assert_array_equal(found, scores.argmax(axis=1))


def test_sigmoid_and_threshold_change_the_output_that_is_named() -> None:
    a, b = np.array([[-1000.0, 0, 1000]]), np.array([[0.1, 0.5]])
    found = post("ab", {"op": "sigmoid"}, {"op": "threshold", "output": "b", "at": 0.5})([a, b])
    assert found["a"].tolist() == [[0, 0.5, 1]]
    assert found["b"].tolist() == [[0, 1]]


def test_ctc_joins_repeats_and_leaves_blanks_out() -> None:
    best = np.array([[0, 2, 2, 0, 2, 3], [0, 0, 0, 0, 0, 0]])
    found = post("y", {"op": "ctc"})([np.eye(4)[best]])["y"]
    assert found.tolist() == [[2, 2, 3, -1, -1, -1], [-1] * 6]


def test_boxes_are_decoded_from_every_coding() -> None:
    corners = np.array([[[4.0, 8, 12, 16], [0, 0, 8, 8], [16, 0, 20, 30], [2, 2, 6, 6]]] * 2)
    size = corners[..., 2:] - corners[..., :2]
    centres = np.concatenate([corners[..., :2] + size / 2, size], axis=2) / 32
    np.testing.assert_allclose(post("b", {"op": "boxes", "coding": "centres", "scale": 32})([centres])["b"], corners)
    np.testing.assert_allclose(post("b", {"op": "boxes", "scale": 0.5})([2 * corners])["b"], corners)
    cells = np.array([[8.0, 8], [24, 8], [8, 24], [24, 24]])  # x, y: row by row
    reach = np.concatenate([cells - corners[..., :2], corners[..., 2:] - cells], axis=2) / 16
    grid = {"op": "boxes", "coding": "distances", "strides": [16], "size": [32, 32]}
    np.testing.assert_allclose(post("b", grid)([reach])["b"], corners, atol=1e-5)
    clipped = post("b", grid)([reach + 9])["b"]
    assert clipped.min() >= 0
    assert clipped.max() <= 32
    two = {**grid, "strides": [16, 32]}
    assert post("b", two)([np.concatenate([reach, reach[:, :1]], axis=1)])["b"].shape == (2, 5, 4)


def _by_hand(boxes: np.ndarray, scores: np.ndarray, step: Nms) -> list[tuple[float, ...]]:
    left = sorted(
        ((float(scores[a, k]), a, k) for a, k in np.ndindex(scores.shape) if scores[a, k] >= step.threshold),
        reverse=True,
    )
    kept: list[tuple[float, int, int]] = []
    for score, a, k in left:
        if all(k != c or ious(boxes[a : a + 1], boxes[b : b + 1])[0, 0] <= step.iou for _, b, c in kept):
            kept.append((score, a, k))
    return [(*boxes[a], score, k) for score, a, k in kept[: step.most]]


def test_suppression_is_that_of_the_definition() -> None:
    random = np.random.default_rng(1)
    for most in (3, 30):
        near = random.uniform(0, 20, (25, 2))
        boxes, scores = np.concatenate([near, near + random.uniform(4, 12, (25, 2))], axis=1), random.random((25, 3))
        step = Nms(iou=0.4, threshold=0.3, most=most)
        found, wanted = suppressed(boxes, scores, step), np.array(_by_hand(boxes, scores, step))
        np.testing.assert_allclose(found[: len(wanted)], wanted, rtol=1e-6)
        assert (found[len(wanted) :] == -1).all()


def test_detections_take_the_place_of_boxes_and_scores() -> None:
    boxes, scores = np.array([[[0.0, 0, 9, 9], [0, 0, 9, 8]]]), np.array([[[0.9, 0.01], [0.8, 0.7]]])
    steps = {"op": "nms", "most": 3}
    found = post(("boxes", "other", "scores"), steps)([boxes, np.ones((1, 2)), scores])
    assert list(found) == ["detections", "other"]
    np.testing.assert_allclose(found["detections"], [[[0, 0, 9, 9, 0.9, 0], [0, 0, 9, 8, 0.7, 1], [-1] * 6]])
    assert post("y").seconds([boxes]) is None
    took = post(("boxes", "scores"), steps).seconds([boxes, scores])
    assert took is not None
    assert 0 < took < 1


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"op": "softmax", "output": "z"}, "[model] post, softmax: there is no output 'z'\n  expected: boxes, scores"),
        ({"op": "argmax", "axis": 3}, "axis 3 of [N, 16, 4]\n  expected: an axis from 1 to 2"),
        ({"op": "boxes", "output": "scores"}, "[model] post, boxes: [N, 16, 3]\n  expected: [N, A, 4]"),
        ({"op": "nms", "boxes": "scores"}, "boxes [N, 16, 3] and scores [N, 16, 3]"),
        ({"op": "ctc", "blank": 4}, "expected: [N, T, tokens] with more than 4 tokens"),
        (
            {"op": "boxes", "coding": "distances", "strides": [16], "size": [32, 32]},
            "16 boxes\n  expected: 4: a grid of strides [16] over 32 x 32 pixels",
        ),
    ],
)
def test_steps_that_do_not_fit_are_refused_before_the_model_is_run(step: dict[str, object], words: str) -> None:
    outputs = (TensorSpec(name="boxes", shape=(1, 16, 4)), TensorSpec(name="scores", shape=(1, 16, 3)))
    with pytest.raises(ConfigError) as caught:
        check_post(
            Signature(inputs=(TensorSpec(name="x", shape=(1, 2)),), outputs=outputs), STEPS.validate_python([step])
        )
    assert words in caught.value.message


def test_distances_need_a_grid() -> None:
    with pytest.raises(ValidationError, match="needs strides and size"):
        STEPS.validate_python([{"op": "boxes", "coding": "distances"}])
