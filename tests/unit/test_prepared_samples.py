"""Prepared samples: written a few at a time, they are the same as prepared at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Normalize, Transpose
from edgebuild.models.samples import Samples, prepare_inputs, save_prepared

COUNT = 130
"""More than two chunks, the last one not full."""


def test_what_is_written_is_what_is_prepared(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 3, 4, 2), np.uint8)
    samples = Samples({"image": images, "token": np.arange(COUNT)})
    steps = (Transpose(order=(0, 3, 1, 2)), Normalize(mean=(127.5,), std=(127.5,)))
    specs = {"image": InputSpec(shape=(1, 2, 3, 4), pre=steps), "token": InputSpec(shape=(1,), dtype="int64")}
    save_prepared(samples, specs, tmp_path / "inputs.npz")
    with np.load(tmp_path / "inputs.npz", allow_pickle=False) as written:
        found = dict(written)
    expected = prepare_inputs(samples, specs)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


def test_values_that_do_not_fit_are_refused_in_a_later_chunk_too(tmp_path: Path) -> None:
    samples = Samples({"token": np.array([0] * (COUNT - 1) + [300])})
    with pytest.raises(ConfigError, match="do not fit uint8"):
        save_prepared(samples, {"token": InputSpec(shape=(1,), dtype="uint8")}, tmp_path / "inputs.npz")
