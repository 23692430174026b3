"""Ranges and errors of tensors that a runtime shows, infinities in them included."""

from __future__ import annotations

import numpy as np
import pytest

from edgebuild.core.plan import QuantPlan, QuantSetting
from edgebuild.core.target import Int8Scheme
from edgebuild.quant.numerics import sqnr_db
from edgebuild.quant.runtime_plan import observed_ranges

PADDED = np.array([-np.inf, -2.0, 0.5, 3.0, -np.inf], np.float32)
"""What LiteRT has in front of a pooling that takes maxima."""


@pytest.mark.parametrize("ranges", ["minmax", "mse", "percentile"])
def test_padding_with_infinity_does_not_widen_a_range(ranges: str) -> None:
    setting = QuantSetting.model_validate({"ranges": ranges})
    plan = QuantPlan(scheme=Int8Scheme(), setting=setting, activations={})
    found = observed_ranges(plan, ["padded"], [{"padded": PADDED}, {"padded": PADDED / 2}])["padded"]
    assert -2.0 <= found.low < -1.0
    assert 2.0 < found.high <= 3.0


def test_the_error_is_of_what_is_finite() -> None:
    rounded = np.array([-2.0, -2.0, 0.5, 3.0, -2.0], np.float32)
    assert sqnr_db(PADDED, rounded) == 200
    assert sqnr_db(PADDED, rounded * 2) == pytest.approx(0)
