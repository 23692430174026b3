"""From what some pruned models were measured to take to what any would: a sum of physical parts, fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log
from statistics import median

from edgebuild.compress.costs import Counted, Term, Widths
from edgebuild.core.array import np
from edgebuild.search.parts import SINGLY, Multiples, Parts, relevant

CONSTANT = "constant"
"""The kind of what takes its time at any widths."""

MULTIPLES = (1, 4, 8, 16, 32)
_SLOWER = (SINGLY, *(Multiples(whole=n) for n in MULTIPLES[1:]), *(Multiples(narrow=n) for n in (8, 16, 32)))
"""For which channels kernels may be slower: for none, for those beyond whole multiples, or where there are few."""

_RIDGE = 1e-2
_DENSE_WEIGHT = 3.0
_WORTH = 0.7
"""Slower kernels are believed in where less than this share of the error is left."""


@dataclass(frozen=True)
class Fitted:
    """A latency table: what each kind of work takes.

    Attributes:
        multiples: of channels, that kernels take at once.
        shares: by kind, of the dense model's latency at whichever of the probes, or the dense model, has most of it;
            none is negative.
        units: by kind, what one unit of it takes, as a share of the dense model's latency.
        left_out: of each probe, the latency predicted by a table made from the others.
    """

    multiples: Multiples
    shares: Mapping[str, float]
    units: Mapping[str, float]
    left_out: tuple[float, ...]

    def cost(self, parts: Parts, factor: float = 1.0) -> Counted:
        """The latency of a program at any widths, as a share of the dense model's, times a factor."""
        terms = [
            part.term(factor * self.units[part.kind], self.multiples)
            for part in parts.parts
            if self.units.get(part.kind, 0.0) > 0
        ]
        constant = Term(CONSTANT, factor * self.shares[CONSTANT], ())
        return Counted((constant, *terms), parts.full)


def fit(parts: Parts, probes: Sequence[Widths], measured: Sequence[float]) -> Fitted:
    """The table that predicts probes best that it was not made from, over the multiples that kernels may like.

    Non-negative least squares (Lawson and Hanson, "Solving least squares problems", 1974, chapter 23) of relative
    errors, with a ridge that shares out among kinds what the probes cannot tell apart.

    Args:
        parts: of the dense model.
        measured: of each probe, its latency as a share of the dense model's.
    """

    @cache
    def column(kind: str, multiples: Multiples) -> np.ndarray:
        amount = parts.amount(kind, multiples)
        return np.array([amount(widths) for widths in (*probes, {})])

    candidates = [
        slower._replace(given=given, read=read)
        for slower in _SLOWER
        for given in MULTIPLES
        for read in MULTIPLES
        if read <= given
    ]
    fits = [_fit(parts.kinds, column, measured, multiples) for multiples in candidates]

    def missed(fitted: Fitted) -> float:
        return _squared(fitted.left_out, measured)

    plain = min((fitted for fitted in fits if (fitted.multiples.whole, fitted.multiples.narrow) == (1, 1)), key=missed)
    best = min(fits, key=missed)
    return best if missed(best) < _WORTH * missed(plain) else plain


def error_of(predicted: Sequence[float], measured: Sequence[float]) -> float:
    """The median of how far apart they are, as a share of what was measured; of none, 0."""
    return median([abs(a / b - 1) for a, b in zip(predicted, measured, strict=True)] or [0.0])


def _squared(predicted: Sequence[float], measured: Sequence[float]) -> float:
    return sum(log(max(a, 1e-9) / b) ** 2 for a, b in zip(predicted, measured, strict=True))


def _fit(
    kinds: Sequence[str],
    column: Callable[[str, Multiples], np.ndarray],
    measured: Sequence[float],
    multiples: Multiples,
) -> Fitted:
    """A table by some multiples; ``column`` gives a kind's amounts at all probes, and last at the dense model."""
    known = {kind: column(kind, relevant(kind, multiples)) for kind in kinds}
    amounts = {kind: amount for kind, amount in known.items() if (amount != amount[-1]).any()}
    most = np.array([amount.max() for amount in amounts.values()])
    rows = np.column_stack([*amounts.values(), np.ones(len(measured) + 1)])
    rows[:, :-1] /= most
    times = np.array([*measured, 1.0])
    shares = _solve(rows, times)
    left_out = []
    for number in range(len(measured)):
        others = np.arange(len(rows)) != number
        left_out.append(float(rows[number] @ _solve(rows[others], times[others])))
    units = {kind: float(share / amount) for kind, share, amount in zip(amounts, shares, most, strict=False)}
    named = {kind: float(share) for kind, share in zip((*amounts, CONSTANT), shares, strict=True)}
    return Fitted(multiples, named, units, tuple(left_out))


def _solve(rows: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Shares, the last row being the dense model's."""
    from scipy.optimize import nnls

    weight = 1 / times
    weight[-1] *= _DENSE_WEIGHT
    ridge = _RIDGE * np.eye(rows.shape[1])
    found, _ = nnls(np.vstack([rows * weight[:, None], ridge]), np.concatenate([times * weight, np.zeros(len(ridge))]))
    solved: np.ndarray = found
    return solved
