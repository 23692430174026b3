"""What others published of this target and this model, kept apart from everything that was measured here."""

from __future__ import annotations

from itertools import groupby

from edgebuild.published import PublishedRow
from edgebuild.report.html.page import Column, Section, Table
from edgebuild.report.html.reported import Reported


def published_section(prefix: str, told: Reported) -> Section | None:
    """None where there is nothing."""
    if not told.published:
        return None
    tables = tuple(_table(source, tuple(rows)) for source, rows in groupby(told.published, lambda row: row.source))
    lead = "Context from published tables, by their authors on their devices: nothing here was measured by edgebuild."
    return Section(f"{prefix}published", "Published by others", lead, tables)


def _table(source: str, rows: tuple[PublishedRow, ...]) -> Table:
    names = tuple(dict.fromkeys(name for row in rows for name, _ in row.cells))
    cells = tuple(tuple(dict(row.cells).get(name, "") for name in names) for row in rows)
    return Table(f"From {source}", tuple(Column(name) for name in names), cells)
