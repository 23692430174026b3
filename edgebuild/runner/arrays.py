"""Inputs from an .npz file, matched to the model's own and fed one sample at a time."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from runner.faults import Fault

Tensor = tuple[str, Any, tuple[int, ...]]
"""A model's input: name, numpy dtype, shape with the batch dimension, which is 1."""


def read_inputs(path: Path, tensors: Sequence[Tensor]) -> list[list[Any]]:
    """One list of arrays a sample, in the model's order, each of the model's own shape and dtype.

    A model with one input takes it under any name.
    """
    with np.load(str(path), allow_pickle=False) as file:
        given = {name: file[name] for name in file.files}
    if len(tensors) == 1 and len(given) == 1:
        given = {tensors[0][0]: next(iter(given.values()))}
    missing = [tensor[0] for tensor in tensors if tensor[0] not in given]
    if missing:
        raise Fault("bad_request", "no input {}; given: {}".format(", ".join(missing), ", ".join(given)))
    columns = [_column(given[tensor[0]], tensor) for tensor in tensors]
    counts = {len(column) for column in columns}
    if len(counts) != 1 or 0 in counts:
        raise Fault("bad_request", f"inputs have {sorted(counts)} samples")
    return [list(row) for row in zip(*columns)]  # noqa: B905


def zeros(tensors: Sequence[Tensor]) -> list[list[Any]]:
    """One sample of zeros."""
    return [[np.zeros(shape, dtype) for _, dtype, shape in tensors]]


def _column(array: Any, tensor: Tensor) -> list[Any]:
    name, dtype, shape = tensor
    if array.dtype != np.dtype(dtype):
        raise Fault("bad_request", f"input {name} is {array.dtype}; the model takes {np.dtype(dtype)}")
    size = int(np.prod(shape))
    if array.ndim < 1 or array[:1].size != size:
        raise Fault("bad_request", f"input {name} has shape {array.shape}; the model takes {shape}")
    return [np.ascontiguousarray(sample).reshape(shape) for sample in array]


def write_outputs(path: Path, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """One array an output, ``NUMBER/NAME`` in the model's order, of shape (N, *shape[1:])."""
    arrays: dict[str, Any] = {}
    for number, name in enumerate(names):
        parts = [np.asarray(row[number]) for row in rows]
        alike = all(part.ndim > 0 and part.shape[0] == 1 for part in parts)
        arrays["{}/{}".format(number, name.replace("/", "_"))] = np.concatenate(parts) if alike else np.stack(parts)
    with path.open("wb") as file:
        np.savez(file, **arrays)
