"""Samples: the arrays of one data set, with labels and groups where there are some."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgebuild.core.array import Array, Integers, np
from edgebuild.core.digest import Digest
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Role, Signature, stand_in_for
from edgebuild.steps.preprocess import apply_steps, cast

_FILE = "samples.npz"
NOTES = "notes.json"
_CHUNK = 64


def evenly(total: int, count: int) -> Integers:
    """At most ``count`` of ``total`` places, spread evenly from the first to the last."""
    places: Integers = np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(np.int64))
    return places


@dataclass(frozen=True, eq=False)
class Samples:
    """N samples as the user gave them, before the ``pre`` steps.

    Attributes:
        inputs: one array of shape (N, …) per model input. Of a model with state, samples are sequences: (N, T, …) per
            input that is none. Where the states are there too, they are single steps of sequences, (N, …) each.
        labels: (N, …) as the metric takes them, or None.
        groups: (N,): windows of the same clip have the same number and are scored as one; or None.
        notes: what happened while they were read, such as samples left out; a sentence each.
    """

    inputs: dict[str, Array]
    labels: Array | None = None
    groups: Integers | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def without(self, *names: str) -> Samples:
        """The same samples without some inputs, for a model that declares what stands in for them."""
        return dataclasses.replace(self, inputs={n: array for n, array in self.inputs.items() if n not in names})

    def take(self, indices: Sequence[int] | Integers) -> Samples:
        """The samples at some indices, in that order."""
        chosen = np.asarray(indices, np.int64)
        return Samples(
            {name: array[chosen] for name, array in self.inputs.items()},
            None if self.labels is None else self.labels[chosen],
            None if self.groups is None else self.groups[chosen],
        )

    def evenly(self, count: int) -> Samples:
        """At most so many samples, taken evenly: sets come sorted by class or by clip."""
        if len(self) <= count:
            return self
        return self.take(evenly(len(self), count))

    @cached_property
    def digest(self) -> Digest:
        """Of every array, its name, dtype and shape."""
        hasher = hashlib.sha256()
        for name, array in sorted(self._arrays().items()):
            hasher.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            hasher.update(np.ascontiguousarray(array).tobytes())
        return hasher.hexdigest()

    @cached_property
    def sample_digests(self) -> tuple[Digest, ...]:
        """Of each sample's inputs: equal where two samples hold the same data."""
        names = sorted(self.inputs)
        return tuple(
            hashlib.sha256(
                b"|".join(np.ascontiguousarray(self.inputs[name][i]).tobytes() for name in names)
            ).hexdigest()
            for i in range(len(self))
        )

    def save(self, folder: Path) -> None:
        """Write ``samples.npz`` into an existing folder, and ``notes.json`` if there are notes."""
        np.savez(folder / _FILE, **self._arrays())  # type: ignore[arg-type]
        if self.notes:
            (folder / NOTES).write_text(json.dumps(self.notes, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Samples:
        """Read back what ``save`` wrote."""
        with np.load(folder / _FILE, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
        inputs = {name.removeprefix("input:"): array for name, array in arrays.items() if name.startswith("input:")}
        return cls(inputs, arrays.get("labels"), arrays.get("groups"))

    def _arrays(self) -> dict[str, Array]:
        arrays: dict[str, Array] = {f"input:{name}": array for name, array in self.inputs.items()}
        if self.labels is not None:
            arrays["labels"] = self.labels
        if self.groups is not None:
            arrays["groups"] = self.groups
        return arrays


def prepare_inputs(samples: Samples, model: Signature | Mapping[str, InputSpec]) -> dict[str, Array]:
    """What the model takes: the ``pre`` steps applied, in the model's dtype, of shape (N, *shape[1:]).

    Args:
        samples: as the user gave them; of sequences every step is a row.
        model: its signature, or the declared inputs.

    Raises:
        ConfigError: a step does not fit, or values do not fit the dtype.
    """
    specs = input_specs(model) if isinstance(model, Signature) else model
    rows = in_rows(samples, specs)
    count = len(next(iter(rows.values())))
    return {
        name: prepare_input(name, rows[name], spec) if name in rows else stand_in(spec, count)
        for name, spec in specs.items()
        if name in rows or not spec.is_state
    }


def stand_in(spec: InputSpec, count: int) -> Array:
    """What so many samples' missing input is replaced by, (count, *shape[1:])."""
    return np.full((count, *spec.shape[1:]), stand_in_for(spec.absent), spec.dtype)


def steps_of(samples: Samples, specs: Mapping[str, InputSpec]) -> int | None:
    """How many steps the sequences of a model with state have; None for samples that are single calls."""
    if all(name in samples.inputs for name, spec in specs.items() if spec.is_state):
        return None
    first = next(name for name, spec in specs.items() if not spec.is_state and name in samples.inputs)
    return int(samples.inputs[first].shape[1])


def in_rows(samples: Samples, specs: Mapping[str, InputSpec]) -> dict[str, Array]:
    """What there is for each input, a call a row: of sequences step after step, without the states."""
    given = {name: samples.inputs[name] for name in specs if name in samples.inputs}
    if steps_of(samples, specs) is None:
        return given
    return {name: array.reshape(-1, *array.shape[2:]) for name, array in given.items()}


def prepare_input(name: str, array: Array, spec: InputSpec) -> Array:
    """One input's array, prepared."""
    subject = f"[model.inputs.{name}] pre"
    prepared = apply_steps(array, spec.pre, subject)
    if prepared.dtype.kind == "f" and np.dtype(spec.dtype).kind != "f":
        raise ConfigError(
            f"[data] {name}",
            f"samples are {prepared.dtype}; the model takes {spec.dtype}",
            expected=spec.dtype,
            fix=f'give integers, or add the pre step {{ op = "cast", dtype = "{spec.dtype}" }}',
        )
    return cast(prepared, spec.dtype, subject)


def prepare_chunks(name: str, array: Array | None, spec: InputSpec, count: int = 0) -> Iterator[Array]:
    """One input's array, prepared a few samples at a time, to save memory; if it is missing, what stands in for it."""
    if array is None:
        yield stand_in(spec, count)
        return
    for start in range(0, len(array), _CHUNK):
        yield prepare_input(name, array[start : start + _CHUNK], spec)


def save_prepared(samples: Samples, specs: Mapping[str, InputSpec], place: Path) -> None:
    """Write what ``prepare_inputs`` gives as an uncompressed ``.npz``, never whole in memory.

    Raises:
        ConfigError: as ``prepare_inputs``.
    """
    with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as archive:
        rows = in_rows(samples, specs)
        count = len(next(iter(rows.values())))
        for name in (name for name, spec in specs.items() if name in rows or not spec.is_state):
            chunks = prepare_chunks(name, rows.get(name), specs[name], count)
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                for number, chunk in enumerate(chunks):
                    if number == 0:
                        header = np.lib.format.header_data_from_array_1_0(chunk)
                        header["shape"] = (count, *chunk.shape[1:])
                        np.lib.format.write_array_header_1_0(member, header)
                    member.write(chunk.data)


def input_specs(signature: Signature) -> dict[str, InputSpec]:
    """The inputs of a signature as they would be declared in a project."""
    return {
        spec.name: InputSpec(
            shape=spec.shape,
            dtype=spec.dtype,
            layout=spec.layout,
            role=spec.role if spec.fed_by else Role.DATA,
            fed_by=spec.fed_by,
            buckets=spec.buckets,
            pad=spec.pad,
            pre=signature.pre.get(spec.name, ()),
            absent=spec.absent,
        )
        for spec in signature.inputs
    }
