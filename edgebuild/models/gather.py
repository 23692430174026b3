"""From rows to arrays: every input of every row read, labels and groups beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from edgebuild.core.array import Array, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import DataSource
from edgebuild.models.labels import Label, class_number
from edgebuild.models.notes import Notes
from edgebuild.models.readers import Reader
from edgebuild.models.rows import Row


@dataclass(frozen=True, eq=False)
class Raw:
    """The arrays of a source by name, what happened while they were read, and how messages name each sample."""

    arrays: dict[str, Array]
    notes: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Sample:
    row: Row
    inputs: dict[str, Array]
    label: Label | None
    group: str | None


def gather(
    rows: Iterable[Row | ConfigError],
    readers: Mapping[str, Reader],
    source: DataSource,
    notes: Notes,
    subject: str,
    labels: Mapping[str, Label] | None = None,
    *,
    labelled: bool = True,
) -> Raw:
    """Read the first ``limit`` rows.

    Args:
        rows: or what is wrong with one.
        labels: by ``where`` of a row; default a column.
        labelled: whether labels are wanted at all.

    Raises:
        ConfigError: a row can't be used, and is not to be skipped; or no row can.
    """
    samples: list[_Sample] = []
    for row in islice(rows, source.limit):
        notes.read += 1
        try:
            samples.append(_read(row, readers, source, labels if labelled else {}, samples[:1]))
        except ConfigError as error:
            if not source.skip_bad:
                raise (_skippable(error) if labelled else error) from error
            notes.left_out.append(error)
    if not samples and notes.left_out:
        first = notes.left_out[0]
        raise ConfigError(
            subject, f"all {notes.read} samples are left out; the first, {first.subject}: {first.found}",
            expected=first.expected, fix=first.fix,
        )  # fmt: skip
    return Raw(_arrays(samples, readers), notes.lines(), tuple(sample.row.where for sample in samples))


def _skippable(error: ConfigError) -> ConfigError:
    fix = f"{error.fix}, or add skip_bad = true to the data set" if error.fix else "add skip_bad = true to the data set"
    return ConfigError(error.subject, error.found, expected=error.expected, fix=fix)


def _read(
    row: Row | ConfigError, readers: Mapping[str, Reader], source: DataSource, labels: Mapping[str, Label] | None,
    first: list[_Sample],
) -> _Sample:  # fmt: skip
    if isinstance(row, ConfigError):
        raise row
    inputs = {name: reader.read(row) for name, reader in readers.items()}
    for name, array in inputs.items():
        if first and array.shape != first[0].inputs[name].shape:
            raise _unequal(row, array, first[0].row, first[0].inputs[name], readers[name])
    group = str(row.cell(source.group)) if source.group else None
    return _Sample(row, inputs, _label(row, source, labels, first), group)


def _label(row: Row, source: DataSource, labels: Mapping[str, Label] | None, first: list[_Sample]) -> Label | None:
    if labels is not None:
        return labels.get(row.where)
    if row.is_file or (source.label not in row.cells and (not first or first[0].label is None)):
        return None
    return class_number(row.cell(source.label), row.where, source.classes)


def _unequal(row: Row, array: Array, first: Row, wanted: Array, reader: Reader) -> ConfigError:
    unit = {"image": "pixels", "audio": "samples"}.get(reader.kind, "values")
    sizes = [" x ".join(map(str, one.shape[:2])) for one in (array, wanted)]
    where = row.where if row.is_file else f"{row.where}, {row.cell(reader.column)}"
    return ConfigError(
        where,
        f"{sizes[0]} {unit}; {first.where} has {sizes[1]}",
        expected=f"{reader.kind}s of one size",
        fix=reader.fix,
    )


def _arrays(samples: list[_Sample], readers: Mapping[str, Reader]) -> dict[str, Array]:
    arrays: dict[str, Array] = {
        name: np.stack([sample.inputs[name] for sample in samples]) if samples else np.zeros((0, 1)) for name in readers
    }
    labels = [sample.label for sample in samples if sample.label is not None]
    if labels:
        arrays["labels"] = np.asarray(labels)
    groups = [sample.group for sample in samples if sample.group is not None]
    if groups:
        numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
        arrays["groups"] = np.asarray([numbers[group] for group in groups], np.int64)
    return arrays
