"""The paired bootstrap: how far a score, and the difference of two on the same units, may be off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgebuild.core.array import Floats, Integers, np
from edgebuild.models.measures.base import Pooled

RESAMPLES = 2000


def interval(own: Pooled, seed: int) -> dict[str, float]:
    """The 95 % percentile interval of a score in percent (Efron and Tibshirani 1993, chapter 13)."""
    return _interval(_resampled((own,), seed)[:, 0])


def against(own: Pooled, twin: Pooled, confidence: float, seed: int) -> dict[str, float]:
    """The same, and the upper bound at ``confidence`` of what is lost against a twin on the same resampled units."""
    both = _resampled((own,) if twin is own else (own, twin), seed)[:, [0, -1]]
    drop = float(np.quantile(both[:, 1] - both[:, 0], confidence))
    return _interval(both[:, 0]) | {"drop_high": 100 * drop, "drop_confidence": confidence}


def _interval(scores: Floats) -> dict[str, float]:
    low, high = np.quantile(scores, (0.025, 0.975))
    return {"low": 100 * float(low), "high": 100 * float(high)}


def _resampled(models: Sequence[Pooled], seed: int) -> Floats:
    """Scores over resamples of the units, the same resample for each model: (resamples, models)."""
    units = models[0].units
    count = int(units.max()) + 1
    drawn = _draws(count, models[0].strata, seed)
    return np.asarray([[model.score(times[units]) for model in models] for times in drawn], np.float64)


def _draws(count: int, strata: Integers | None, seed: int) -> Iterator[Floats]:
    """How often each unit is drawn, with replacement and within its stratum, as many as there are."""
    random = np.random.default_rng(seed)
    parts = [np.arange(count)] if strata is None else [np.flatnonzero(strata == value) for value in np.unique(strata)]
    for _ in range(RESAMPLES):
        chosen = np.concatenate([part[random.integers(0, len(part), len(part))] for part in parts])
        yield np.bincount(chosen, minlength=count).astype(np.float64)
