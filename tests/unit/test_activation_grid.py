"""Rounding activations to 8 and to 16 bits: how far off it is, and what every width keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgebuild.core.plan import Range
from edgebuild.core.profile import QuantSetting
from edgebuild.core.target import Int8Scheme
from edgebuild.quant.numerics import grid, pick_range, quantize_activation, sqnr_db

SCHEMES = {
    "u8": Int8Scheme(),
    "symmetric 8": Int8Scheme(activation_dtype="s8", activation_symmetric=True),
    "u16": Int8Scheme(activation_dtype="u16"),
    "s16": Int8Scheme(activation_dtype="s16", activation_symmetric=True),
}
every_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
ends = st.floats(0, 1e3, width=32)


@every_scheme
@given(low=ends, high=ends, shares=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20))
def test_a_value_in_range_comes_back_within_half_a_step(
    scheme: Int8Scheme, low: float, high: float, shares: list[float]
) -> None:
    limits = Range(low=-low, high=max(high, 1e-3))
    scale, zero_point = grid(limits, scheme)
    assert 0 <= zero_point < 1 << scheme.activation_bits
    values = torch.tensor([limits.low + share * (limits.high - limits.low) for share in shares])
    found = quantize_activation(values, limits, scheme)
    assert float((found - values).abs().max()) <= 0.51 * scale  # the hundredth is float32's
    assert float(quantize_activation(torch.zeros(1), limits, scheme)) == 0


@every_scheme
@given(low=ends, high=ends, shares=st.lists(st.floats(-1, 2, width=32), min_size=1, max_size=20), ties=st.booleans())
def test_it_is_to_the_bit_what_torch_gives(
    scheme: Int8Scheme, low: float, high: float, shares: list[float], ties: bool
) -> None:
    limits = Range(low=-low, high=max(high, 1e-3))
    scale, zero_point = grid(limits, scheme)
    values = torch.tensor([limits.low + share * (limits.high - limits.low) for share in shares])
    values = ((values / scale).round() + 0.5) * scale if ties else values
    steps = (1 << scheme.activation_bits) - 1
    wanted = torch.fake_quantize_per_tensor_affine(values, scale, zero_point, 0, steps)
    assert torch.equal(quantize_activation(values, limits, scheme), wanted)


def test_half_precision_is_rounded_by_a_scale_of_full() -> None:
    nothing = Range(low=0, high=1e-8)
    half = torch.zeros(3, dtype=torch.float16)
    found = quantize_activation(half, nothing, SCHEMES["u8"])
    assert found.dtype == torch.float16
    assert torch.equal(found, half)


@pytest.mark.parametrize(("narrow", "wide"), [("u8", "u16"), ("symmetric 8", "s16")])
def test_8_bits_more_are_48_decibels(narrow: str, wide: str) -> None:
    values = torch.from_numpy(np.random.default_rng(0).uniform(-2, 1, 10_000).astype(np.float32))
    limits = Range(low=-2, high=1)
    found = [sqnr_db(values.numpy(), quantize_activation(values, limits, SCHEMES[n]).numpy()) for n in (narrow, wide)]
    assert found[1] - found[0] == pytest.approx(48.2, abs=0.5)


def test_signed_integers_of_16_bits_stay_signed_where_nothing_is_negative() -> None:
    """As TFLite has them; symmetric ones of 8 bits become unsigned there, as OpenVINO has them."""
    limits = Range(low=0, high=1)
    assert grid(limits, SCHEMES["s16"]) == (1 / 32767, 32768)
    assert grid(limits, SCHEMES["symmetric 8"]) == (1 / 255, 0)


def test_the_finer_grid_clips_less_for_its_least_squared_error() -> None:
    sample = np.random.default_rng(1).standard_t(4, 20_000).astype(np.float32)
    setting = QuantSetting.model_validate({"ranges": "mse"})
    limits = [float(sample.min()), float(sample.max())]
    narrow, wide = (pick_range(sample, *limits, setting, SCHEMES[name]) for name in ("u8", "u16"))
    assert narrow.high < wide.high <= limits[1]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"activation_dtype": "s16"}, "activation_symmetric = true"),
        ({"activation_dtype": "s16", "activation_symmetric": True, "io": "int8"}, "does not go with"),
        ({"io": "int16"}, "does not go with"),
    ],
)
def test_a_scheme_that_no_runtime_has_is_refused(facts: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Int8Scheme.model_validate(facts)
