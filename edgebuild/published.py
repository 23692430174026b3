"""Figures that others published of a target, as context beside a bundle's own results; never measured here."""

from __future__ import annotations

import csv
import gzip
import os
import re
import zlib
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

    It is context, and keeps nobody from a verdict: of a table that can't be read, it is said why, in place of rows.
    """
    try:
        target = find_target(manifest.target, root)
    except ConfigError:
        return ()
    return published_rows(target, manifest)


def published_rows(target: Target, manifest: Manifest) -> tuple[PublishedRow, ...]:
    """The rows about a bundle's model, in the order of the target's tables."""
    wanted = {_plain(name) for name in (manifest.name, *manifest.known_as)}
    return tuple(row for table in target.published for row in islice(_rows(table, wanted), MOST_ROWS))


def _rows(table: Published, wanted: set[str]) -> Iterator[PublishedRow]:
    path = filled_in(table.table, os.environ)
    if path is None or not Path(path).exists():
        return
    try:
        rows = list(_read(Path(path), table))
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:
        yield PublishedRow(table.source, (("not shown", f"{path} can't be read as a table: {error}"),))
        return
    for row in rows:
        if _plain(row[table.model]) in wanted and all(row[name] in kept for name, kept in table.where.items()):
            yield PublishedRow(table.source, tuple((name, row[name]) for name in table.columns if row[name]))


def _read(path: Path, table: Published) -> Iterator[Mapping[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        rows = csv.DictReader(file, restval="")
        if missing := sorted({table.model, *table.where, *table.columns} - set(rows.fieldnames or ())):
            raise ValueError(f"it has no column {', '.join(missing)}")
        yield from rows


def _plain(name: str) -> str:
    """A name without what people write differently: MobileNet-v2 and mobilenet_v2 are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
