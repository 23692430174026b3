"""Rows: what a sample is read from, one a line of a CSV or JSONL file, or one a file of a folder."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from edgebuild.core.errors import ConfigError
from edgebuild.store.files import read_bytes

MANIFESTS = (".csv", ".jsonl")
Cell = str | int | float
_LARGEST = 1.7e308


@dataclass(frozen=True)
class Row:
    """One sample as it is written down.

    Attributes:
        where: as messages name it, such as ``clips.csv:12`` or ``a.wav``.
        cells: by column.
        folder: that names of files start in.
        is_file: whether the row is a file of a folder, and ``where`` its name.
    """

    where: str
    cells: Mapping[str, Cell]
    folder: Path
    is_file: bool = False

    def text(self, column: str) -> str:
        """A cell that must be text.

        Raises:
            ConfigError: it is missing, no text, or blank.
        """
        cell = self.cell(column)
        if not isinstance(cell, str):
            raise ConfigError(self.where, f"{column} is the number {cell}", expected="text")
        if not cell.strip():
            raise ConfigError(self.where, f"{column} is empty", expected="text", fix="take this row out")
        return cell

    def number(self, column: str, *, whole: bool) -> int | float:
        """A cell that must be a finite number.

        Raises:
            ConfigError: it is missing or no such number.
        """
        cell = self.cell(column)
        value = as_number(cell) if isinstance(cell, str) else cell
        if value is None or not abs(value) <= _LARGEST or (whole and value != int(value)):
            wanted = "a whole number" if whole else "a finite number"
            raise ConfigError(
                self.where, f"{column} is {cell!r:.60}", expected=wanted, fix="repair or take out the row"
            )
        return value

    def cell(self, column: str) -> Cell:
        """A cell.

        Raises:
            ConfigError: there is no such column.
        """
        if column not in self.cells:
            found = ", ".join(self.cells) or "nothing"
            raise ConfigError(
                self.where, f"has no {column!r}; it has {found}", fix="name the column in the step that reads it"
            )
        return self.cells[column]

    def file(self, column: str) -> tuple[Path, str]:
        """The file that a cell names, and how messages name it.

        Raises:
            ConfigError: it leads out of the folder, or is not there.
        """
        name = self.text(column)
        where = self.where if self.is_file else f"{self.where}, {name}"
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or "\0" in name:
            raise ConfigError(where, "leads out of the folder", expected=f"a file below {self.folder.name}/")
        path = self.folder / parts
        if not path.is_file():
            raise ConfigError(where, "is not there", expected=f"a file below {self.folder.name}/")
        return path, where


def as_number(text: str) -> int | float | None:
    """The number that a text says, None if it says none."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def manifest_rows(path: Path) -> Iterator[Row | ConfigError]:
    """The rows of a ``.csv`` file with a heading, or of a ``.jsonl`` file; in the place of a broken one, what is wrong.

    Raises:
        ConfigError: the file as a whole is unreadable.
    """
    return _jsonl_rows(path) if path.suffix == ".jsonl" else _csv_rows(path)


def folder_rows(folder: Path, column: str, suffixes: Sequence[str], *, nested: bool = False) -> list[Row]:
    """A row for each file of a folder with one of some suffixes, by name; ``nested``: of its sub-folders."""
    places = sorted(p for p in folder.iterdir() if p.is_dir()) if nested else [folder]
    files = [file for place in places for file in sorted(place.iterdir()) if file.is_file()]
    names = [file.relative_to(folder).as_posix() for file in files if file.suffix.lower() in suffixes]
    return [Row(name, {column: name}, folder, is_file=True) for name in names]


def line_rows(path: Path, column: str) -> list[Row | ConfigError]:
    """A row for each line of a text file that is not blank."""
    lines = ((number, line) for number, line in _lines(path) if isinstance(line, ConfigError) or line.strip())
    return [
        line if isinstance(line, ConfigError) else Row(f"{path.name}:{number}", {column: line.strip()}, path.parent)
        for number, line in lines
    ]


def _lines(path: Path) -> Iterator[tuple[int, str | ConfigError]]:
    data = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            yield number, line.decode("utf-8")
        except UnicodeDecodeError as error:
            yield number, _not_utf8(path, number, error)


def _not_utf8(path: Path, number: int, error: UnicodeDecodeError) -> ConfigError:
    return ConfigError(f"{path.name}:{number}", f"is not UTF-8 text (byte {error.start})", fix="store it as UTF-8")


def _jsonl_rows(path: Path) -> Iterator[Row | ConfigError]:
    for number, line in _lines(path):
        if isinstance(line, ConfigError):
            yield line
        elif line.strip():
            yield _json_row(line, f"{path.name}:{number}", path.parent)


def _json_row(line: str, where: str, folder: Path) -> Row | ConfigError:
    expected = 'one JSON object a line, such as {"text": "…", "label": 1}'
    try:
        value = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return ConfigError(where, f"is not JSON: {error!s:.100}", expected=expected, fix="repair or take out the line")
    if not isinstance(value, dict):
        return ConfigError(where, f"is {type(value).__name__}, not an object", expected=expected)
    cells = {name: cell for name, cell in value.items() if cell is not None}
    return Row(where, {name: c for name, c in cells.items() if isinstance(c, str | int | float)}, folder)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _csv_rows(path: Path) -> Iterator[Row | ConfigError]:
    data = read_bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, data[: error.start].count(b"\n") + 1, error) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        heading = [name.strip() for name in next(reader, [])]
        if not heading or len(set(heading)) != len(heading) or any(as_number(name) is not None for name in heading):
            raise ConfigError(f"{path.name}:1", f"{','.join(heading)!r:.100}", expected="a heading: a name a column")
        for cells in reader:
            where = f"{path.name}:{reader.line_num}"
            if len(cells) == len(heading):
                yield Row(where, dict(zip(heading, cells, strict=True)), path.parent)
            elif cells:
                yield ConfigError(where, f"has {len(cells)} cells", expected=f"{len(heading)}: {', '.join(heading)}")
    except csv.Error as error:
        raise ConfigError(f"{path.name}:{reader.line_num}", f"is not CSV: {error}", fix="write it again") from error
