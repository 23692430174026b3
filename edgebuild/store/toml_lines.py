"""On which line of a TOML file a field stands: the standard parser reads values and forgets where they were."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

Place = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)([^\[\]]+)\]\]?\s*(?:#.*)?$")
_PAIR = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_LONGEST_VALUE = 400


def field_lines(text: str) -> dict[Place, int]:
    """The line, counted from 1, of every table header and every key of a valid TOML document.

    Keys inside an inline table or an array have no line of their own; ``line_of`` falls back to what holds them.
    """
    lines: dict[Place, int] = {}
    table: Place = ()
    counts: dict[Place, int] = {}
    for number, line in _statements(text):
        header = _HEADER.match(line)
        if header:
            table = _indexed(_parts(header[2]), header[1] == "[[", counts)
            lines.setdefault(table, number)
        elif pair := _PAIR.match(line):
            lines.setdefault((*table, *_parts(pair[1])), number)
    return lines


def line_of(place: Place, lines: dict[Place, int]) -> int | None:
    """The line of a field, or of the nearest thing that holds it; None at the top."""
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return None


def _parts(dotted: str) -> Place:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _indexed(parts: Place, is_array: bool, counts: dict[Place, int]) -> Place:
    """A header's path with the index of each array of tables it goes through."""
    place: Place = ()
    for position, part in enumerate(parts):
        place = (*place, part)
        if is_array and position == len(parts) - 1:
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = (*place, counts[place])
    return place


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """The first line of each statement, with its number; the rest of a value on many lines is passed over."""
    lines = text.splitlines()
    position = 0
    while position < len(lines):
        yield position + 1, lines[position]
        position += _height(lines, position)


def _height(lines: list[str], start: int) -> int:
    """How many lines the statement that starts here takes: the fewest that parse on their own."""
    if not _PAIR.match(lines[start]):
        return 1
    for height in range(1, min(len(lines) - start, _LONGEST_VALUE) + 1):
        try:
            tomllib.loads("\n".join(lines[start : start + height]))
        except tomllib.TOMLDecodeError:
            continue
        return height
    return 1
