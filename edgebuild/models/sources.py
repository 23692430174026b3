"""Where samples come from: the user's callable, .npz files, folders of files, or files with a row a sample."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgebuild.core.array import Array, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import DataSource, InputSpec
from edgebuild.models.entry import call_entry, is_entry
from edgebuild.models.gather import Raw, gather
from edgebuild.models.labels import Label, file_labels, folder_labels
from edgebuild.models.notes import Notes
from edgebuild.models.npz import concatenate, read_npz
from edgebuild.models.paths import given
from edgebuild.models.readers import SUFFIXES, file_columns, folder_readers, one_kind, readers_for
from edgebuild.models.rows import MANIFESTS, Row, folder_rows, manifest_rows
from edgebuild.models.texts import ReadFile, with_tokens
from edgebuild.store.cache import Cache

FOLDERS = "folders"


def read_source(
    source: DataSource, specs: Mapping[str, InputSpec], root: Path, cache: Cache, subject: str, read_file: ReadFile
) -> Raw:
    """The arrays of a data source by name, not yet checked.

    Args:
        read_file: gives the files that steps name.

    Raises:
        ConfigError: the source is missing, unreadable, or no kind of data source. BuildError: the callable failed.
    """
    if is_entry(source.source):
        result = call_entry(source.source, root, pure=source.pure, input_files=source.input_files, cache=cache)
        return _tokenized(_arrays(result, f"{subject} {source.source}"), specs, read_file, subject)
    path = given(root, source.source, subject)
    if path.is_dir() and not list(path.glob("*.npz")):
        return _read_folder(source, path, specs, root, subject)
    _refuse_labels(source, subject)
    if path.suffix in MANIFESTS and path.is_file():
        notes = Notes()
        readers = readers_for(specs, source, read_file, notes, subject)
        return gather(manifest_rows(path), readers, source, notes, subject)
    files = sorted(path.glob("*.npz")) if path.is_dir() else []
    arrays = concatenate([(file.name, read_npz(file)) for file in files]) if files else read_npz(path)
    return _tokenized(arrays, specs, read_file, subject)


def files_named(source: DataSource, path: Path, specs: Mapping[str, InputSpec]) -> list[Path]:
    """The files that the rows of a ``.csv`` or ``.jsonl`` file name: they are data as it is."""
    columns = file_columns(specs)
    if not columns:
        return []
    rows = [row for row in manifest_rows(path) if isinstance(row, Row)][: source.limit]
    named = {path.parent / str(row.cells[column]) for row in rows for column in columns & set(row.cells)}
    return sorted(file for file in named if file.is_file())


def _read_folder(source: DataSource, folder: Path, specs: Mapping[str, InputSpec], root: Path, subject: str) -> Raw:
    notes = Notes()
    readers = folder_readers(specs, source, notes, subject)
    kind, column = one_kind(readers, subject)
    rows = folder_rows(folder, column, SUFFIXES[kind], nested=source.labels == FOLDERS)
    if not rows:
        what = {"image": "images", "audio": "WAV files"}[kind]
        places = "its sub-folders hold no" if source.labels == FOLDERS else "holds neither .npz files nor"
        raise ConfigError(subject, f"empty: {source.source} {places} {what}", fix="check the folder's name")
    return gather(rows, readers, source, notes, subject, _labels(source, [row.where for row in rows], root, subject))


def _labels(source: DataSource, names: list[str], root: Path, subject: str) -> dict[str, Label] | None:
    if not source.labels:
        return None
    if source.labels == FOLDERS:
        return folder_labels(names, source.classes, subject)
    return file_labels(given(root, source.labels, f"{subject} labels"), names, source.classes)


def _refuse_labels(source: DataSource, subject: str) -> None:
    if source.labels:
        raise ConfigError(
            f"{subject} labels",
            "labels of their own are for folders of files only",
            fix="store the array `labels` in the .npz, or the column `label` in the .csv or .jsonl",
        )


def _tokenized(arrays: dict[str, Array], specs: Mapping[str, InputSpec], read_file: ReadFile, subject: str) -> Raw:
    notes = Notes()
    return Raw(with_tokens(arrays, specs, read_file, notes, subject), notes.lines())


def _arrays(result: object, subject: str) -> dict[str, Array]:
    if not isinstance(result, Mapping):
        raise ConfigError(
            subject,
            f"returned {type(result).__name__}",
            expected="a dict of arrays by input name, with labels and groups if there are some",
            fix='return {"x": images, "labels": labels}',
        )
    return {str(name): _array(str(name), value, subject) for name, value in result.items()}


def _array(name: str, value: object, subject: str) -> Array:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if not isinstance(value, np.ndarray):
        raise ConfigError(
            subject,
            f"{name} is {type(value).__name__}",
            expected="a numpy array",
            fix="use numpy.stack or numpy.asarray",
        )
    return value
