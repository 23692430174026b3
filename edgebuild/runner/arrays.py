"""Inputs from an .npz file, matched to the model's own and fed one sample at a time."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from runner.faults import Fault

Tensor = tuple[str, Any, tuple[int, ...]]
"""A model's input: name, numpy dtype, shape with the batch dimension, which is 1."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_inputs(path: Path, tensors: Sequence[Tensor]) -> Iterator[list[Any]]:
    """One list of arrays a sample, in the model's order, each of the model's own shape and dtype.

    A sample is read when it is asked for: a data set may be larger than the device's memory.
    A model with one input takes it under any name.
    """
    with zipfile.ZipFile(str(path)) as archive:
        names = _names(archive, tensors)
        columns = [_Column(archive.open(name + ".npy"), tensor) for name, tensor in zip(names, tensors)]  # noqa: B905
        counts = {column.count for column in columns}
        if len(counts) != 1 or 0 in counts:
            raise Fault("bad_request", f"inputs have {sorted(counts)} samples")
        for _ in range(counts.pop()):
            yield [column.read() for column in columns]


def read_as_they_are(path: Path, tensors: Sequence[Tensor]) -> Iterator[list[Any]]:
    """The same with arrays of any dtype and shape, (N, …), which the steps before the model are still to be made of."""
    with zipfile.ZipFile(str(path)) as archive:
        columns = []
        for name in _names(archive, tensors):
            with archive.open(name + ".npy") as file:
                columns.append(np.lib.format.read_array(file, allow_pickle=False))
    if len({len(column) for column in columns}) != 1:
        raise Fault("bad_request", f"inputs have {sorted(len(column) for column in columns)} samples")
    for number in range(len(columns[0])):
        yield [column[number : number + 1] for column in columns]


def _names(archive: zipfile.ZipFile, tensors: Sequence[Tensor]) -> list[str]:
    """The names in the archive of a model's inputs, in the model's order."""
    given = [name[: -len(".npy")] for name in archive.namelist()]
    names = given if len(tensors) == 1 == len(given) else [tensor[0] for tensor in tensors]
    missing = [name for name in names if name not in given]
    if missing:
        raise Fault("bad_request", "no input {}; given: {}".format(", ".join(missing), ", ".join(given)))
    return names


def zeros(tensors: Sequence[Tensor]) -> list[list[Any]]:
    """One sample of zeros."""
    return [[np.zeros(shape, dtype) for _, dtype, shape in tensors]]


class _Column:
    """One input's samples in their order, read from its member of the file."""

    def __init__(self, file: IO[bytes], tensor: Tensor) -> None:
        name, dtype, self._shape = tensor
        read_header = _HEADERS[np.lib.format.read_magic(file)]
        shape, by_column, self._dtype = read_header(file)
        if self._dtype != np.dtype(dtype):
            raise Fault("bad_request", f"input {name} is {self._dtype}; the model takes {np.dtype(dtype)}")
        size = int(np.prod(self._shape))
        if len(shape) < 1 or int(np.prod(shape[1:])) != size or (by_column and len(shape) > 1):
            raise Fault("bad_request", f"input {name} has shape {shape}; the model takes {self._shape}")
        self.count: int = shape[0]
        self._file, self._bytes = file, size * self._dtype.itemsize

    def read(self) -> Any:
        """The next sample, of the model's shape."""
        data = bytearray(self._file.read(self._bytes))  # to be written to: openvino takes nothing else
        return np.frombuffer(data, self._dtype).reshape(self._shape)


def write_outputs(path: Path, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """One array an output, ``NUMBER/NAME`` in the model's order, of shape (N, *shape[1:])."""
    arrays: dict[str, Any] = {}
    for number, name in enumerate(names):
        parts = [np.asarray(row[number]) for row in rows]
        shapes = sorted({part.shape for part in parts})
        if len(shapes) > 1:
            listed = " and ".join(map(str, shapes[:2]))
            raise Fault("bad_request", f"output {name} has another shape with every sample, such as {listed}")
        alike = all(part.ndim > 0 and part.shape[0] == 1 for part in parts)
        arrays["{}/{}".format(number, name.replace("/", "_"))] = np.concatenate(parts) if alike else np.stack(parts)
    with path.open("wb") as file:
        np.savez(file, **arrays)
