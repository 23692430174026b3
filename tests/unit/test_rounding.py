"""What is called rounding, and what a wrong layer."""

from __future__ import annotations

import numpy as np
import pytest

from edgebuild.core.array import Array
from edgebuild.rounding import Layers, judge_layers

NAMES = ("first", "second", "scores")


def tensors(second: int = 0, scores: float = 0.0) -> list[Array]:
    """Of two vectors; ``second`` and ``scores`` are added to a value of vector 1."""
    made: list[Array] = [np.zeros((2, 3), np.int8), np.zeros((2, 4), np.int8), np.zeros((2, 2), np.float32)]
    made[1][1, 2] += second
    made[2][1, 0] += scores
    made[2][:, 1] = 10.0
    return made


def test_one_step_that_became_more_is_rounding_and_its_reason_is_where_it_began() -> None:
    there = tensors(second=1, scores=4.0)
    again = tensors(second=0, scores=4.0)
    cause = judge_layers(Layers(NAMES, there, tensors(), again), [1])
    assert cause.rounding
    assert cause.why == (
        "rounding that grew, as each of 3 tensors is the same here from the device's own inputs, to one step; "
        "it differs in vector 1 first at second, 1 of 4 values by 1 step"
    )


@pytest.mark.parametrize(
    ("there", "again", "words"),
    [
        (tensors(second=2), tensors(), "second, 1 of 4 values by 2 steps in vector 1"),
        (tensors(second=-128), tensors(second=127), "second, 1 of 4 values by 255 steps in vector 1"),
        (tensors(scores=0.02), tensors(), "scores, 1 of 2 values by 0.002 of its range in vector 1"),
        (tensors(scores=np.nan), tensors(), "scores, 1 of 2 values by inf of its range in vector 1"),
        ([*tensors()[:2], np.zeros((2, 7), np.float32)], tensors(), "scores, 2 of 2 values by inf"),
    ],
)
def test_a_layer_that_is_more_than_one_step_off_by_itself_is_wrong(
    there: list[Array], again: list[Array], words: str
) -> None:
    cause = judge_layers(Layers(NAMES, there, tensors(), again), [1])
    assert not cause.rounding
    assert cause.why.startswith("a layer is wrong")
    assert words in cause.why


def test_the_same_beyond_all_numbers_is_no_difference() -> None:
    there, again = tensors(second=1, scores=np.inf), tensors(scores=np.inf)
    assert judge_layers(Layers(NAMES, there, tensors(), again), [1]).rounding


def test_every_vector_has_its_own_reason() -> None:
    there = tensors(second=1)
    there[0][0, 0] = -1
    why = judge_layers(Layers(NAMES, there, tensors(), tensors()), [0, 1]).why
    assert "vector 0 first at first, 1 of 3 values by 1 step, vector 1 first at second" in why
