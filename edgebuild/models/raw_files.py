"""What a model takes from one file: an image, a sound, lines of text, rows of a table, or a folder of files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgebuild.core.errors import ConfigError
from edgebuild.core.project import DataSource, InputSpec
from edgebuild.core.reading import Tokenize
from edgebuild.models.gather import Raw, gather
from edgebuild.models.notes import Notes
from edgebuild.models.readers import SUFFIXES, folder_readers, one_kind, readers_for
from edgebuild.models.rows import MANIFESTS, Row, folder_rows, line_rows, manifest_rows
from edgebuild.models.texts import ReadFile

_TEXT = ".txt"
_FILES = tuple(suffix for kind in SUFFIXES.values() for suffix in kind)
KINDS = ", ".join((*_FILES, _TEXT, *MANIFESTS))


def is_raw(path: Path) -> bool:
    """Whether a file is one of those that ``read_raw`` reads, by its name."""
    return path.is_dir() or path.suffix.lower() in (*MANIFESTS, *_FILES, _TEXT)


def read_raw(path: Path, specs: Mapping[str, InputSpec], read_file: ReadFile) -> Raw:
    """Samples before the steps on arrays, of one file or of many.

    Args:
        read_file: gives the files that steps name, from the bundle.

    Raises:
        ConfigError: the file is unreadable, or not of the kind that the model's inputs are read from.
    """
    subject, notes, source = path.name, Notes(), DataSource(source=path.name, max_clipped=1.0)
    if path.suffix in MANIFESTS:
        readers, rows = readers_for(specs, source, read_file, notes, subject), manifest_rows(path)
    elif path.suffix.lower() == _TEXT:
        readers = readers_for(specs, source, read_file, notes, subject)
        rows = iter(line_rows(path, _column(specs, subject)))
    else:
        readers = folder_readers(specs, source, notes, subject)
        rows = iter(_file_rows(path, *one_kind(readers, subject), subject))
    return gather(rows, readers, source, notes, subject, labelled=False)


def _file_rows(path: Path, kind: str, column: str, subject: str) -> list[Row | ConfigError]:
    wanted = SUFFIXES["image" if kind == "image" else "audio"]
    if path.is_dir():
        found = folder_rows(path, column, wanted)
        if not found:
            raise ConfigError(subject, f"holds no {kind} files", expected=", ".join(wanted))
        return [*found]
    if path.suffix.lower() not in wanted:
        raise ConfigError(subject, f"the model takes {kind} files", expected=", ".join((*wanted, *MANIFESTS, ".npz")))
    return [Row(path.name, {column: path.name}, path.parent, is_file=True)]


def _column(specs: Mapping[str, InputSpec], subject: str) -> str:
    """The one that all inputs read, as text."""
    steps = [next((step for step in spec.pre if isinstance(step, Tokenize)), None) for spec in specs.values()]
    columns = {step.column for step in steps if step is not None}
    if len(columns) != 1 or None in steps:
        raise ConfigError(
            subject, "is text, and the model's inputs are not all made of one text",
            expected=f"{', '.join(MANIFESTS)} with a column for each input, or .npz",
        )  # fmt: skip
    return columns.pop()
