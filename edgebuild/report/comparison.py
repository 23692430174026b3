"""A comparison of two bundles as a table."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.comparison import Row
from edgebuild.report.table import Table


def comparison_table(rows: Sequence[Row]) -> Table:
    """One row a thing compared."""
    cells = [
        (row.name, row.first, row.second, "" if row.ratio is None else f"{row.ratio:.2f}", row.note) for row in rows
    ]
    return Table(("", "A", "B", "B/A", ""), cells)
