"""Retrieval: whether the nearest embeddings, by cosine, are of the right item."""

from __future__ import annotations

from edgebuild.core.array import Array, Booleans, Floats, Indices, Integers, np
from edgebuild.core.errors import ConfigError
from edgebuild.models.measures.base import Case, Counted
from edgebuild.models.measures.embedding import unit_rows

_BLOCK = 512


def top1(case: Case) -> Counted:
    """Whether each query's nearest item is a right one."""
    return _found(case, 1)


def recall5(case: Case) -> Counted:
    """Whether a right one is among each query's nearest five."""
    return _found(case, 5)


def _found(case: Case, count: int) -> Counted:
    """Whether a right item is among the nearest ``count``.

    Labels (N,): each sample asks for the others of its item. Labels (N, 2), of two outputs: the rows of the first ask
    for rows of the second; a column of labels for each says which item they are.
    """
    labels = case.labels_of_units().astype(np.int64)
    asking = case.averaged(unit_rows(case.outputs[0]))
    if labels.ndim == 1:
        nearest = _nearest(asking, asking, count, apart=True)
        wanted, there = labels, labels
    else:
        nearest = _nearest(asking, case.averaged(unit_rows(_second(case, asking))), count, apart=False)
        wanted, there = labels[:, 0], labels[:, 1]
    _refuse_unanswerable(wanted, there, alone=labels.ndim == 1)
    right: Booleans = (there[nearest] == wanted[:, None]).any(axis=1)
    return Counted(right, nearest[:, 0].astype(np.int64))


def _nearest(asking: Floats, kept: Floats, count: int, *, apart: bool) -> Indices:
    """For each row that asks the nearest kept ones, the first first, (rows, count); with ``apart`` not itself."""
    kept = kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-30)
    found = []
    for start in range(0, len(asking), _BLOCK):
        likeness = asking[start : start + _BLOCK] @ kept.T
        if apart:
            likeness[np.arange(len(likeness)), start + np.arange(len(likeness))] = -np.inf
        found.append(np.argsort(-likeness, axis=1, kind="stable")[:, :count])
    return np.concatenate(found)


def _second(case: Case, asking: Floats) -> Array:
    if len(case.outputs) < 2 or case.outputs[1].size != case.outputs[0].size:
        shapes = ", ".join(str(list(output.shape[1:])) for output in case.outputs)
        raise ConfigError(
            "[data] labels",
            f"pairs need two outputs of one size; the outputs are {shapes} a sample",
            expected=f"two embeddings of {asking.shape[1]} values",
            fix="give one item number a sample, of shape [N], for one embedding",
        )
    return case.outputs[1]


def _refuse_unanswerable(wanted: Integers, there: Integers, *, alone: bool) -> None:
    items, counts = np.unique(there, return_counts=True)
    enough = set(items[counts > (1 if alone else 0)].tolist())
    missing = next((int(item) for item in wanted if int(item) not in enough), None)
    if missing is not None:
        raise ConfigError(
            "[data] labels",
            f"item {missing} is asked for, and {'no other sample' if alone else 'no pair'} has it",
            expected="something to find for each query",
            fix="take such samples out of the set",
        )
