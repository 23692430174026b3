"""The scale and offset of an input that the first batch normalization's statistics speak for."""

from __future__ import annotations

from collections.abc import Mapping

from edgebuild.core.array import Array, Floats, np
from edgebuild.inputcheck.norm import FirstNorm, moments

_SCALES = tuple(float(scale) for scale in 2.0 ** np.arange(-20, 20.01, 0.25))
_LINEAR = 1e-3


def fitted(norm: FirstNorm, inputs: Mapping[str, Array], name: str) -> tuple[float, float] | None:
    """Factor and offset, ``factor * x + offset``, under which samples look most like what the model remembers.

    What comes before the normalization must be linear but for a constant: y(ax + b) = y(0) + a·(y(x) − y(0)) + b·(y(1)
    − y(0)). For each factor the offset is the weighted least squares one of the channels' means.

    Returns:
        None where that part is not linear.
    """
    values = inputs[name]
    others = _firsts(inputs, name)
    base, full = (norm.before({**others, name: np.full_like(values[:1], fill)})[0] for fill in (0, 1))
    unit = full - base
    signal = [part - base for part in norm.before(inputs)]
    doubled = norm.before({**others, name: 2 * values[:1]})[0] - base
    if np.abs(doubled - 2 * signal[0][:1]).max() > _LINEAR * max(1e-9, float(np.abs(doubled).max())):
        return None
    return _best(norm, base, unit, signal)


def _firsts(inputs: Mapping[str, Array], name: str) -> dict[str, Array]:
    return {other: array[:1] for other, array in inputs.items() if other != name}


def _best(norm: FirstNorm, base: Floats, unit: Floats, signal: list[Floats]) -> tuple[float, float]:
    mean, _ = moments(signal)
    level, step = base.mean(axis=(0, 2)), unit.mean(axis=(0, 2))
    weight = 1 / np.maximum(norm.variance, 1e-3 * float(np.median(norm.variance)))

    def offset(factor: float) -> float:
        rest = norm.mean - level - factor * mean
        return float((weight * step * rest).sum() / max(1e-12, float((weight * step * step).sum())))

    def distance(factor: float) -> float:
        got = moments([base + factor * part + offset(factor) * unit for part in signal])
        return float(np.mean(norm.divergence(*got)))

    best = min(_SCALES, key=distance)
    finer = min((best * float(step) for step in 2.0 ** np.arange(-0.25, 0.2501, 0.02)), key=distance)
    return finer, offset(finer)
