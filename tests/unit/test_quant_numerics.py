"""Ranges and errors of tensors that a runtime shows, infinities in them included."""

from __future__ import annotations

import numpy as np
import pytest

from edgebuild.core.plan import QuantPlan, QuantSetting, Range
from edgebuild.core.target import Int8Scheme
from edgebuild.quant.numerics import sqnr_db
from edgebuild.quant.runtime_plan import Ranges, observed_ranges

PADDED = np.array([-np.inf, -2.0, 0.5, 3.0, -np.inf], np.float32)
"""What LiteRT has in front of a pooling that takes maxima."""


@pytest.mark.parametrize("ranges", ["minmax", "mse", "percentile"])
def test_padding_with_infinity_does_not_widen_a_range(ranges: str) -> None:
    setting = QuantSetting.model_validate({"ranges": ranges})
    plan = QuantPlan(scheme=Int8Scheme(), setting=setting, activations={})
    found = observed_ranges(plan, ["padded"], [{"padded": PADDED}, {"padded": PADDED / 2}])["padded"]
    assert -2.0 <= found.low < -1.0
    assert 2.0 < found.high <= 3.0


def test_ranges_are_observed_when_one_is_asked_for_and_once() -> None:
    asked = []

    def observe(names: list[str]) -> dict[str, Range]:
        asked.append(names)
        return {name: Range(low=0, high=len(asked)) for name in names}

    known = {"a": Range(low=-1, high=1)}
    ranges = Ranges(known, ["a", "b", "c"], observe)
    assert [*ranges] == ["a", "b", "c"]
    assert (len(ranges), "b" in ranges, "d" in ranges, ranges["a"].low, asked) == (3, True, False, -1, [])
    assert (ranges["b"].high, dict(ranges)["c"].high, asked) == (1, 1, [["b", "c"]])
    with pytest.raises(KeyError):
        _ = ranges["d"]
    assert dict(Ranges(known, ["a"], observe)) == known
    assert len(asked) == 1


def test_the_error_is_of_what_is_finite() -> None:
    rounded = np.array([-2.0, -2.0, 0.5, 3.0, -2.0], np.float32)
    assert sqnr_db(PADDED, rounded) == 200
    assert sqnr_db(PADDED, rounded * 2) == pytest.approx(0)
