"""What a case of bad input is: how it is prepared, the command line, its exit code, and the words of its message."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from corpus_place import Place

BUILD = "build {project} -o {out}"
Prepare = Callable[[Place], None]


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        line: the command line, with {project}, {out}, {bundle} and {root} filled in.
        exit_code: what the command must return.
        words: each must stand in what the command says on stderr or in its JSON document.
    """

    name: str
    prepare: Prepare
    line: str
    exit_code: int
    words: tuple[str, ...]

    def argv(self, place: Place) -> list[str]:
        filled = self.line
        for name in ("project", "out", "bundle", "root"):
            if f"{{{name}}}" in filled:
                filled = filled.replace(f"{{{name}}}", str(getattr(place, name)))
        return shlex.split(filled)


class Cases:
    """The cases of one file, each a function that breaks a good project; its name is the case's."""

    def __init__(self) -> None:
        self.found: list[Case] = []

    def __call__(self, exit_code: int, *words: str, line: str = BUILD) -> Callable[[Prepare], Prepare]:
        def add(prepare: Prepare) -> Prepare:
            name = prepare.__name__.strip("_")
            assert words, f"{name} expects no words"
            self.found.append(Case(name, prepare, line, exit_code, words))
            return prepare

        return add
