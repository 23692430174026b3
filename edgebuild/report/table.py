"""A table of text: drawn by rich on a terminal, plain where a file, a pipe or a log is written."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table as Drawn

PLAIN_WIDTH = 160
"""Columns of a plain table, in characters: longer cells are folded."""
_GAP = "  "


@dataclass(frozen=True)
class Table:
    """Rows of cells under headings; every row has a cell for each heading."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    caption: str = ""

    def __rich__(self) -> Drawn:
        """What rich draws of it."""
        from rich.table import Table as Drawn

        drawn = Drawn(title=self.title or None, caption=self.caption or None)
        drawn.title_justify = drawn.caption_justify = "left"
        for heading in self.headings:
            drawn.add_column(heading, overflow="fold")
        for row in self.rows:
            drawn.add_row(*row)
        return drawn

    def __str__(self) -> str:
        """Plain text without rich, whose import takes longer than all else that an unchanged build prints."""
        widths = _widths([self.headings, *self.rows])
        rule = _GAP.join("─" * width for width in widths)
        body = [line for row in self.rows for line in _lines(row, widths)]
        return "\n".join([*_told(self.title), *_lines(self.headings, widths), rule, *body, *_told(self.caption)])


@dataclass(frozen=True)
class Page:
    """Text and tables, one below the other."""

    parts: Sequence[str | Table | Page]

    def __rich__(self) -> Group:
        """What rich draws of it."""
        from rich.console import Group

        return Group(*self.parts)

    def __str__(self) -> str:
        """Plain text, without rich."""
        return "\n".join(str(part) for part in self.parts)


def _told(text: str) -> list[str]:
    return [text] if text else []


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns' widths: as wide as their cells, the widest folded until all fit."""
    widths = [max(len(line) for cell in cells for line in cell.split("\n")) for cells in zip(*rows, strict=True)]
    for _ in range(sum(widths) + len(_GAP) * (len(widths) - 1) - PLAIN_WIDTH):
        widths[widths.index(max(widths))] -= 1
    return widths


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterable[str]:
    """A row's lines: as many as its longest folded cell has."""
    cells = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, cells))):
        parts = (cell[number] if number < len(cell) else "" for cell in cells)
        yield _GAP.join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()


def _folded(cell: str, width: int) -> list[str]:
    lines = cell.split("\n")
    return [part for line in lines for part in ([line] if len(line) <= width else textwrap.wrap(line, width))]
