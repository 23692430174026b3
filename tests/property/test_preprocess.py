from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgebuild.core.errors import ConfigError
from edgebuild.core.signature import Cast, Normalize, ReverseChannels, Transpose
from edgebuild.steps.preprocess import apply_steps

PIXELS = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=4, max_dims=4, max_side=5))


@given(PIXELS, st.permutations([1, 2, 3]))
def test_transposing_there_and_back_changes_nothing(pixels: np.ndarray, order: list[int]) -> None:
    there = (0, *order)
    back = tuple(int(i) for i in np.argsort(there))
    moved = apply_steps(pixels, [Transpose(order=there)])
    assert moved.shape == tuple(pixels.shape[i] for i in there)
    np.testing.assert_array_equal(apply_steps(moved, [Transpose(order=back)]), pixels)


@given(PIXELS, st.integers(1, 3))
def test_reversing_twice_changes_nothing(pixels: np.ndarray, axis: int) -> None:
    step = ReverseChannels(axis=axis)
    once = apply_steps(pixels, [step])
    np.testing.assert_array_equal(np.take(once, 0, axis), np.take(pixels, -1, axis))
    np.testing.assert_array_equal(apply_steps(pixels, [step, step]), pixels)


@given(PIXELS, st.integers(1, 3), st.data())
def test_normalizing_is_the_formula_per_channel(pixels: np.ndarray, axis: int, data: st.DataObject) -> None:
    count = pixels.shape[axis]
    mean = data.draw(st.lists(st.floats(-2, 2, width=32), min_size=count, max_size=count))
    std = data.draw(st.lists(st.floats(0.125, 4, width=32), min_size=count, max_size=count))
    step = Normalize(scale=1 / 256, mean=tuple(mean), std=tuple(std), channel_axis=axis)
    result = apply_steps(pixels, [step])
    assert result.dtype == np.float32
    for channel in range(count):
        wanted = (np.take(pixels, channel, axis) / 256 - mean[channel]) / std[channel]
        np.testing.assert_allclose(np.take(result, channel, axis), wanted, rtol=1e-4, atol=1e-4)


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.just(3)), elements=st.floats(-300, 300, width=32)))
def test_casting_keeps_what_fits_and_refuses_the_rest(values: np.ndarray) -> None:
    whole = np.trunc(values)
    if whole.min() >= -128 and whole.max() <= 127:
        np.testing.assert_array_equal(apply_steps(values, [Cast(dtype="int8")]), whole.astype(np.int8))
    else:
        with pytest.raises(ConfigError, match="do not fit int8"):
            apply_steps(values, [Cast(dtype="int8")])
