"""What can be removed from a program: atoms, and the places that they occupy along tensors' axes.

Each place along an axis of a tensor is a *cell*, a set of atoms: it stays while all of them do. A cell without atoms is
fixed. A channel of a layer is one atom. Where an axis is split into two, heads and their features, say, each of its
cells becomes one atom of either, so that whole heads can go, or one feature of every head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Cell = frozenset[int]
Axis = list[Cell]
Axes = list[Axis]

FIXED: Cell = frozenset()


class Atoms:
    """Atoms, and what is known to be the same."""

    def __init__(self) -> None:
        self._stands_for: list[Cell | None] = []

    def fresh(self, size: int) -> Axis:
        """An axis of new atoms; one of length 1 cannot be removed."""
        if size <= 1:
            return [FIXED] * size
        start = len(self._stands_for)
        self._stands_for += [None] * size
        return [frozenset((start + i,)) for i in range(size)]

    def resolve(self, cell: Cell) -> Cell:
        """The cell in atoms that stand for themselves."""
        stands_for = self._stands_for
        if len(cell) == 1:
            (atom,) = cell
            known = stands_for[atom]
            if known is None:
                return cell
            found = self.resolve(known)
            stands_for[atom] = found
            return found
        if all(stands_for[atom] is None for atom in cell):
            return cell
        found = FIXED
        for atom in cell:
            found |= self.resolve(frozenset((atom,)))
        return found

    def resolved(self, axis: Iterable[Cell]) -> Axis:
        """The same of all cells of an axis."""
        return [self.resolve(cell) if cell else cell for cell in axis]

    def pin(self, axis: Iterable[Cell]) -> None:
        """Nothing of it may go."""
        for cell in self.resolved(axis):
            for atom in cell:
                self._stands_for[atom] = FIXED

    def tie(self, first: Sequence[Cell], second: Sequence[Cell]) -> None:
        """Two axes of one length are the same: what goes from one goes from the other."""
        if first is second:
            return
        one, other = self.resolved(first), self.resolved(second)
        rows = _rows(one) if any(len(a) > 1 and len(b) > 1 and a != b for a, b in zip(one, other, strict=True)) else 0
        products = [found for cells in (one, other) if rows and (found := _factored(cells, rows))]
        if len(products) == 2:
            for a, b in zip(*products, strict=True):
                self.tie(a, b)
            return
        for a, b in zip(one, other, strict=True):
            if a is not b:
                self._tie(self.resolve(a), self.resolve(b))

    def _tie(self, a: Cell, b: Cell) -> None:
        if a == b:
            return
        if not a or not b:
            self.pin([a | b])
        elif len(a) == 1 and not a <= b:
            self._stands_for[min(a)] = b
        elif len(b) == 1 and not b <= a:
            self._stands_for[min(b)] = a
        else:  # no atoms tell exactly these pairs apart: they go together
            kept, *others = sorted(a | b)
            for atom in others:
                self._stands_for[atom] = frozenset((kept,))

    def factor(self, axis: Sequence[Cell], rows: int) -> tuple[Axis, Axis]:
        """Split an axis into ``rows`` and what is in each: two axes of which every cell is one of either."""
        cells, columns = self.resolved(axis), len(axis) // rows
        if not any(cells):
            return [FIXED] * rows, [FIXED] * columns
        known = _factored(cells, rows)
        if known is None:
            known = self.fresh(rows), self.fresh(columns)
            for a, b in zip(cells, product(*known), strict=True):
                self._tie(self.resolve(a), self.resolve(b))
        return known


def _rows(cells: Axis) -> int:
    """How many rows there are of cells that have an atom in common with the first of their row; 0: it is one row."""
    common, columns = cells[0], 0
    while columns < len(cells) and common & cells[columns]:
        common &= cells[columns]
        columns += 1
    return len(cells) // columns if columns and len(cells) % columns == 0 and columns < len(cells) else 0


def _factored(cells: Axis, rows: int) -> tuple[Axis, Axis] | None:
    """Two axes that an axis is the product of, if it is that of any."""
    columns = len(cells) // rows
    down = [frozenset.intersection(*cells[row * columns : (row + 1) * columns]) for row in range(rows)]
    across = [frozenset.intersection(*cells[column::columns]) for column in range(columns)]
    same = all(cell == down[place // columns] | across[place % columns] for place, cell in enumerate(cells))
    return (down, across) if same else None


def product(*axes: Sequence[Cell]) -> Axis:
    """The axis that several become when they are flattened into one."""
    cells: Axis = [FIXED]
    for axis in axes:
        cells = [a | b for a in cells for b in axis] if any(cells) or any(axis) else [FIXED] * (len(cells) * len(axis))
    return cells
