"""Made operators and nodes, gathered from the families that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar


class Named(Protocol):
    """What is made, by a name."""

    @property
    def name(self) -> str:
        """Its own among all."""
        ...


T = TypeVar("T", bound=Named)


def gathered(families: Iterable[Callable[[], Iterable[T]]]) -> tuple[T, ...]:
    """All that some families make, each of a name of its own."""
    made = tuple(one for family in families for one in family())
    names = [one.name for one in made]
    assert len(set(names)) == len(names), sorted({name for name in names if names.count(name) > 1})
    return made
