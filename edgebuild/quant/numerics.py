"""The arithmetic of affine quantization, 8-bit weights and 8- or 16-bit activations, and ranges from samples.

Scheme: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
CVPR 2018, equation 1: real = scale × (integer − zero_point).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edgebuild.core.array import np
from edgebuild.core.plan import Range
from edgebuild.core.profile import QuantSetting
from edgebuild.core.target import Int8Scheme

if TYPE_CHECKING:
    import torch

_INTEGERS = 254
"""Steps of symmetric s8, from -127 to 127."""
_MSE_GRID = np.linspace(0.35, 1.0, 27)
"""Shares of the min-max range that are tried; the best usually lies well inside (Nagel et al. 2021, section 3.1)."""


def _nearest(values: torch.Tensor) -> torch.Tensor:
    return values.round()


def quantize_activation(values: torch.Tensor, limits: Range, scheme: Int8Scheme) -> torch.Tensor:
    """Round to the levels of a range, 256 or 65536, and back.

    To the bit what ``torch.fake_quantize_per_tensor_affine`` gives, in a sixth of its time: that one keeps a mask for a
    gradient, which nobody asks for here.
    """
    import torch

    scale, zero_point = grid(limits, scheme)
    levels = (values.detach().float() * (1 / torch.tensor(scale, dtype=torch.float32))).round_().add_(zero_point)
    return levels.clamp_(0, steps_of(scheme)).sub_(zero_point).mul_(scale).to(values.dtype)


def grid(limits: Range, scheme: Int8Scheme) -> tuple[float, int]:
    """Scale and zero point (for unsigned integers) of a range; zero is exactly representable.

    Where nothing is negative, symmetric 8-bit integers are unsigned ones. Those of 16 bits stay signed, as in TFLite.
    """
    steps = steps_of(scheme)
    if scheme.activation_symmetric and (limits.low < 0 or scheme.activation_bits == 16):
        return max(-limits.low, limits.high) / (steps // 2), steps // 2 + 1
    scale = (limits.high - limits.low) / steps
    return scale, round(-limits.low / scale)


def steps_of(scheme: Int8Scheme) -> int:
    """From the lowest integer to the highest."""
    return (1 << scheme.activation_bits) - 1


def quantize_weight(
    weight: torch.Tensor,
    scheme: Int8Scheme,
    steps: float,
    least: float = 0,
    rounded: Callable[[torch.Tensor], torch.Tensor] = _nearest,
) -> torch.Tensor:
    """Round a weight to symmetric s8, one scale an output channel (axis 0) or one in all, and back.

    Args:
        steps, least: as in a ``WeightGrid``. Where steps are not whole, each channel's extreme is a tie, and what it
            becomes hangs on the last bit of float32: so this is computed as OpenVINO's FakeQuantize does.
        rounded: to the nearest integer; training has its own gradient for it.
    """
    high = weight_limit(weight, scheme, least) * (_INTEGERS / 2 / steps)
    level = rounded((weight + high) / (2 * high) * _INTEGERS) - _INTEGERS / 2
    return level * (2 * high / _INTEGERS)


def weight_limit(weight: torch.Tensor, scheme: Int8Scheme, least: float = 0) -> torch.Tensor:
    """The largest magnitude of each output channel, or of all; other axes have length 1."""
    axes = tuple(range(1, weight.ndim)) if scheme.weight_granularity == "per_channel" else tuple(range(weight.ndim))
    extreme = weight.abs().amax(dim=axes, keepdim=True)
    return extreme.clamp_min(max(1e-12, least * float(extreme.detach().max())))


def pick_range(sample: np.ndarray, low: float, high: float, setting: QuantSetting, scheme: Int8Scheme) -> Range:
    """A tensor's range by the setting's method.

    Args:
        sample: values drawn evenly from the tensor over the calibration set, shape (n,).
        low, high: the true extremes.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-8:
        high = low + 1e-8
    if setting.ranges == "percentile":
        tail = (100 - setting.percentile) / 2
        cut = np.percentile(sample, [tail, 100 - tail])
        low, high = max(low, min(float(cut[0]), 0.0)), min(high, max(float(cut[1]), 0.0))
    if setting.ranges == "mse":
        return min((_shrunk(low, high, share) for share in _MSE_GRID), key=lambda r: _error(sample, r, scheme))
    return Range(low=low, high=max(high, low + 1e-8))


def _shrunk(low: float, high: float, share: float) -> Range:
    return Range(low=low * float(share), high=high * float(share))


def _error(sample: np.ndarray, limits: Range, scheme: Int8Scheme) -> float:
    scale, zero_point = grid(limits, scheme)
    rounded = np.clip(np.round(sample / scale) + zero_point, 0, steps_of(scheme))
    return float(np.square((rounded - zero_point) * scale - sample).sum())


def sqnr_db(reference: np.ndarray, value: np.ndarray) -> float:
    """Signal-to-quantization-noise ratio in decibels, ±200 at most (equal), where the reference is not infinite.

    A mask's most negative number becomes infinite by rounding: then there is nothing but noise.
    """
    counted = ~np.isinf(reference)
    exact = reference[counted].astype(np.float64)
    signal = float(np.square(exact).sum())
    with np.errstate(over="ignore", invalid="ignore"):
        noise = float(np.square(exact - value[counted].astype(np.float64)).sum())
    if noise <= signal * 1e-20:
        return 200.0
    if not np.isfinite(noise):
        return -200.0
    return 10 * float(np.log10(max(signal, 1e-30) / noise))
