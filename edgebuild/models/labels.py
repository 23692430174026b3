"""Labels: from a CSV beside a folder of files, from the names of sub-folders, or from a column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from edgebuild.core.errors import ConfigError
from edgebuild.models.rows import as_number

Label = int | float
_LARGEST = 1 << 53


def file_labels(path: Path, names: Sequence[str], classes: Sequence[str] = ()) -> dict[str, Label]:
    """The labels of files from a CSV of (file, label); a heading and further columns are allowed.

    Args:
        names: of the files.
        classes: as in ``class_number``.

    Raises:
        ConfigError: a row is no (file, label), a file has no label, or a label no file.
    """
    try:
        rows = [row for row in csv.reader(path.read_text(encoding="utf-8").splitlines()) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(path.name, f"not a readable CSV file ({error})", expected="file,label") from error
    labels = _labels_by_file(rows, path.name, classes)
    for what, missing in (
        ("no label for", [name for name in names if name not in labels]),
        ("labels for files that are not in the folder:", sorted(set(labels) - set(names))),
    ):
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise ConfigError(
                path.name,
                f"{what} {', '.join(missing[:3])}{more}",
                expected="a row for each file of the folder, and no other",
                fix="make the CSV and the folder match",
            )
    return labels


def _labels_by_file(rows: list[list[str]], subject: str, classes: Sequence[str]) -> dict[str, Label]:
    heading = rows[0] if rows and len(rows[0]) > 1 and not _is_label(rows[0][1], classes) else []
    file_column = heading.index("file") if "file" in heading else 0
    label_column = heading.index("label") if "label" in heading else 1
    labels: dict[str, Label] = {}
    for number, row in enumerate(rows[1:] if heading else rows, start=2 if heading else 1):
        where = f"{subject}:{number}"
        if len(row) <= max(file_column, label_column):
            raise ConfigError(where, f"{','.join(row)!r}", expected="file,label with a whole number")
        if row[file_column] in labels:
            raise ConfigError(where, f"{row[file_column]} has two labels", expected="one")
        labels[row[file_column]] = class_number(row[label_column], where, classes)
    return labels


def folder_labels(names: Sequence[str], classes: Sequence[str], subject: str) -> dict[str, Label]:
    """The labels of files in sub-folders that are classes: by ``classes``, else in the order of the folders' names.

    Raises:
        ConfigError: a folder is none of the classes.
    """
    folders = {name: name.partition("/")[0] for name in names}
    order = tuple(classes) or tuple(sorted(set(folders.values())))
    return {name: class_number(folder, f"{subject} {folder}/", order) for name, folder in folders.items()}


def class_number(cell: str | float, where: str, classes: Sequence[str]) -> Label:
    """A label: a class's place among ``classes`` where there are some, else the number that is written.

    Raises:
        ConfigError: it is neither.
    """
    if classes and not _is_whole(cell):
        if cell in classes:
            return list(classes).index(str(cell))
        raise ConfigError(where, f"label {cell!r:.60}", expected=f"one of: {', '.join(classes)}")
    value = as_number(cell) if isinstance(cell, str) else cell
    if value is None or not abs(value) <= _LARGEST:
        raise ConfigError(
            where,
            f"label {cell!r:.60}",
            expected="file,label with a whole number" if isinstance(cell, str) else "a whole number",
            fix='name the classes in the order of the model\'s outputs: classes = ["…", "…"]',
        )
    return int(value) if value == int(value) else value


def _is_label(text: str, classes: Sequence[str]) -> bool:
    return text in classes or as_number(text) is not None


def _is_whole(cell: str | float) -> bool:
    return isinstance(cell, int) or (isinstance(cell, str) and cell.strip().lstrip("-").isdigit())
