"""A comparison of two bundles as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebuild.comparison import Row

if TYPE_CHECKING:
    from rich.table import Table


def comparison_table(rows: Sequence[Row]) -> Table:
    """One row a thing compared."""
    from rich.table import Table

    table = Table("", "A", "B", "B/A", "")
    for row in rows:
        table.add_row(row.name, row.first, row.second, "" if row.ratio is None else f"{row.ratio:.2f}", row.note)
    return table
