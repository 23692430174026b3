"""Channel groups: the atoms that occupy the same axes of the same weights, of which any number may go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgebuild.compress.channels import Channels, channels_of

if TYPE_CHECKING:
    from torch.export import ExportedProgram

Place = tuple[str, int]
"""A parameter's name and one of its axes."""


@dataclass(frozen=True)
class Group:
    """Channels of which any may go, as long as one stays.

    Attributes:
        name: of the first weight whose output they are.
        atoms: in the order in which they stand there.
        places: every axis they are on, and for each atom the positions it takes there.
        exact: no normalization goes over them, so that without some the model computes what it does when they are zero.
    """

    name: str
    atoms: tuple[int, ...]
    places: dict[Place, dict[int, tuple[int, ...]]]
    exact: bool

    @property
    def width(self) -> int:
        """How many channels there are."""
        return len(self.atoms)

    def left(self, kept: Mapping[Place, Sequence[int]]) -> list[int]:
        """The numbers of its channels of which something is kept, by the positions of weights' axes that are."""
        place, taken = next(iter(self.places.items()))
        stays = set(kept[place])
        return [number for number, atom in enumerate(self.atoms) if stays & set(taken[atom])]


@dataclass(frozen=True)
class Grouped:
    """A program's channels and the groups they are in."""

    channels: Channels
    groups: tuple[Group, ...]

    def named(self, name: str) -> Group:
        """The group of a name."""
        return next(group for group in self.groups if group.name == name)


def groups_of(program: ExportedProgram) -> Grouped:
    """The channel groups of a program, in the order of its weights."""
    channels = channels_of(program)
    positions = _positions(channels)
    alike: dict[frozenset[tuple[Place, int]], list[int]] = defaultdict(list)
    for atom, places in positions.items():
        alike[frozenset((place, len(taken)) for place, taken in places.items())].append(atom)
    inexact = {atom for axis in channels.normalized for cell in channels.atoms.resolved(axis) for atom in cell}
    groups = [_group(atoms, positions, inexact) for atoms in alike.values() if len(atoms) > 1]
    names: dict[str, int] = defaultdict(int)
    numbered = []
    for group in groups:
        names[group.name] += 1
        count = names[group.name]
        numbered.append(group if count == 1 else replace(group, name=f"{group.name}#{count}"))
    return Grouped(channels, tuple(numbered))


def _positions(channels: Channels) -> dict[int, dict[Place, list[int]]]:
    """Where each atom stands, in the order of the program's weights."""
    found: dict[int, dict[Place, list[int]]] = {}
    for name, axes in channels.parameters.items():
        for dim, axis in enumerate(axes):
            for position, cell in enumerate(channels.atoms.resolved(axis)):
                for atom in sorted(cell):
                    found.setdefault(atom, {}).setdefault((name, dim), []).append(position)
    return found


def _group(atoms: list[int], positions: dict[int, dict[Place, list[int]]], inexact: set[int]) -> Group:
    places = positions[atoms[0]]
    made_by = [place for place in places if place[1] == 0] or list(places)
    atoms = sorted(atoms, key=lambda atom: positions[atom][made_by[0]])
    taken = {place: {atom: tuple(positions[atom][place]) for atom in atoms} for place in places}
    return Group(made_by[0][0].removesuffix(".weight"), tuple(atoms), taken, not inexact & set(atoms))
