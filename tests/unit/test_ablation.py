"""Inputs that may be missing: what stands in for them, which are left out, and what all of them win."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgebuild.ablation import ablations, gain
from edgebuild.core.artifact import Quality
from edgebuild.core.errors import ConfigError
from edgebuild.core.intervals import mcnemar
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Signature, TensorSpec
from edgebuild.models.sample_checks import check_names, check_samples
from edgebuild.models.samples import Samples, prepare_inputs, save_prepared

NORMAL = {"op": "normalize", "mean": [3.0], "channel_axis": 1}
SPECS = {
    "a": InputSpec(shape=(1, 2)),
    "b": InputSpec.model_validate({"shape": [1, 3], "absent": "zeros", "pre": [NORMAL]}),
    "c": InputSpec.model_validate({"shape": [1, 2], "dtype": "int32", "absent": -7}),
}
SAMPLES = Samples({"a": np.arange(10.0).reshape(5, 2), "b": np.ones((5, 3)), "c": np.ones((5, 2), np.int64)})


def signature(**absent: str | None) -> Signature:
    inputs = tuple(TensorSpec.model_validate({"name": n, "shape": [1, 2], "absent": v}) for n, v in absent.items())
    return Signature(inputs=inputs, outputs=(TensorSpec(name="y", shape=(1, 2)),))


def test_what_is_declared_stands_in_after_the_pre_steps(tmp_path: Path) -> None:
    left = SAMPLES.without("b", "c")
    check_names(left.inputs, SPECS, "[data]")
    check_samples(left, SPECS, "[data]")
    prepared = prepare_inputs(left, SPECS)
    np.testing.assert_array_equal(prepared["b"], np.zeros((5, 3), np.float32))
    np.testing.assert_array_equal(prepared["c"], np.full((5, 2), -7, np.int32))
    save_prepared(left, SPECS, tmp_path / "inputs.npz")
    with np.load(tmp_path / "inputs.npz", allow_pickle=False) as stored:
        for name, value in prepared.items():
            np.testing.assert_array_equal(stored[name], value)
            assert stored[name].dtype == value.dtype


def test_an_input_that_may_not_be_missing_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="missing: a"):
        check_names({"b": 1}, SPECS, "[data]")
    optional = {name: spec for name, spec in SPECS.items() if name != "a"}
    with pytest.raises(ConfigError, match="has no arrays"):
        check_names({"labels": 1}, optional, "[data]")


def test_each_is_left_out_and_each_left_alone() -> None:
    samples = Samples({name: np.zeros((2, 2)) for name in "abc"})
    assert ablations(signature(a="zeros", b="zeros", c="zeros"), samples) == (
        ("a",), ("b",), ("c",), ("b", "c"), ("a", "c"), ("a", "b"),
    )  # fmt: skip
    assert ablations(signature(a=None, b="zeros", c="zeros"), samples) == (("b",), ("c",), ("b", "c"))
    assert ablations(signature(a="zeros", b="zeros"), replace(samples, inputs={"a": np.zeros((2, 2))})) == ()
    assert ablations(signature(a="zeros"), samples.without("b", "c")) == ()


def test_mcnemar_is_the_binomial() -> None:
    from scipy.stats import binomtest

    for won, lost in ((0, 0), (5, 0), (37, 12), (3, 9), (120, 31)):
        wanted = binomtest(won, won + lost, alternative="greater").pvalue if won + lost else 1.0
        assert mcnemar(won, lost) == pytest.approx(wanted)
    counted = Quality(metric="top1", dataset="0" * 64, samples=50, won=9, lost=1)
    found = gain(counted)
    assert found is not None
    assert (found.won, found.lost) == (9, 1)
    assert gain(counted.model_copy(update={"won": None})) is None
