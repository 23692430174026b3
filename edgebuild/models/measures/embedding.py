"""Embeddings: how near they are to float's."""

from __future__ import annotations

from edgebuild.core.array import Array, Floats, np
from edgebuild.models.measures.base import Case, Pooled, mean_of


def cosine(case: Case) -> Pooled:
    """The mean cosine of the first output to the float twin's; 1 where both are zero, 0 where one is."""
    assert case.twin is not None
    own, twin = unit_rows(case.outputs[0]), unit_rows(case.twin[0])
    cosines = (own * twin).sum(axis=1)
    both_zero = ~own.any(axis=1) & ~twin.any(axis=1)
    return mean_of(np.where(both_zero, 1.0, cosines), case.units)


def unit_rows(output: Array) -> Floats:
    """(N, …) as rows of length 1, (N, D); zeros stay zeros."""
    rows = output.reshape(len(output), -1).astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: Floats = rows / np.where(lengths > 0, lengths, 1.0)
    return units
