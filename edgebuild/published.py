"""Figures that others published of a target, as context beside a bundle's own results; never measured here."""

from __future__ import annotations

import csv
import gzip
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from edgebuild.core.artifact import Manifest
from edgebuild.core.errors import ConfigError
from edgebuild.core.target import Published, Target
from edgebuild.store.catalog import find_target
from edgebuild.store.variables import filled_in

MOST_ROWS = 40
"""Of one table; a model that a table has more often is not the one meant."""


@dataclass(frozen=True)
class PublishedRow:
    """One row of a published table.

    Attributes:
        source: who published it, and where.
        cells: what it says, by the table's own names of the columns.
    """

    source: str
    cells: tuple[tuple[str, str], ...]


def published_beside(manifest: Manifest, root: Path) -> tuple[PublishedRow, ...]:
    """What the tables that a bundle's target names say of its model; nothing where target or tables are not here.

    Raises:
        ConfigError: a table is not one, or lacks a column that the target names.
    """
    try:
        target = find_target(manifest.target, root)
    except ConfigError:
        return ()
    return published_rows(target, manifest)


def published_rows(target: Target, manifest: Manifest) -> tuple[PublishedRow, ...]:
    """The rows about a bundle's model, in the order of the target's tables. Errors as ``published_beside``."""
    wanted = {_plain(name) for name in (manifest.name, *manifest.known_as)}
    return tuple(row for table in target.published for row in islice(_rows(table, wanted), MOST_ROWS))


def _rows(table: Published, wanted: set[str]) -> Iterator[PublishedRow]:
    path = filled_in(table.table, os.environ)
    if path is None:
        return
    for row in _read(Path(path), table):
        if _plain(row[table.model]) in wanted and all(row[name] in kept for name, kept in table.where.items()):
            yield PublishedRow(table.source, tuple((name, row[name]) for name in table.columns if row[name]))


def _read(path: Path, table: Published) -> Iterator[Mapping[str, str]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            rows = csv.DictReader(file, restval="")
            asked = {table.model, *table.where, *table.columns}
            if missing := sorted(asked - set(rows.fieldnames or ())):
                has = ", ".join(rows.fieldnames or ()) or "none"
                raise ConfigError(str(path), f"no column {', '.join(missing)}", expected=has[:300])
            yield from rows
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(str(path), f"can't be read as a table: {error}", expected="CSV, plain or gzipped") from None


def _plain(name: str) -> str:
    """A name without what people write differently: MobileNet-v2 and mobilenet_v2 are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
