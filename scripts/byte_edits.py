"""Single bytes of signed bundles, edited one at a time, and what `edgebuild verify` says then."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Verify = Callable[[Path], int]
"""Verifies the bundle at a path; gives the exit code."""
CAUGHT = (1, 2, 4)
"""A check is broken, the bundle or its evidence is refused, or what was required is no longer there."""


@dataclass(frozen=True)
class Place:
    """Some bytes of a file, and what they are."""

    bundle: Path
    file: Path
    what: str
    start: int
    end: int


@dataclass(frozen=True)
class Edit:
    """One edited byte, and the exit code that came of it."""

    place: Place
    offset: int
    before: int
    after: int
    exit_code: int

    @property
    def caught(self) -> bool:
        """Whether it was noticed; an internal error is no notice."""
        return self.exit_code in CAUGHT


def places_of(bundle: Path) -> Iterator[Place]:
    """Every file of a bundle that is not empty, and every line of its evidence."""
    files = [bundle] if bundle.is_file() else sorted(path for path in bundle.rglob("*") if path.is_file())
    for file in files:
        size = file.stat().st_size
        what = "archive" if file == bundle else "manifest" if file.name == "manifest.json" else "other file of a folder"
        if size:
            yield Place(bundle, file, what, 0, size)
    if bundle.is_file():
        directory = bundle.read_bytes().rfind(b"PK\x01\x02")
        yield Place(bundle, bundle, "archive's directory", directory, bundle.stat().st_size)
        yield Place(bundle, bundle, "archive's first header", 0, 43)
    yield from _lines(bundle)


def _lines(bundle: Path) -> Iterator[Place]:
    file, start = bundle.with_name(bundle.name + ".evidence.jsonl"), 0
    for line in file.read_bytes().splitlines(keepends=True):
        kind = json.loads(line)["kind"]
        yield Place(bundle, file, f"evidence: {kind}", start, start + len(line))
        start += len(line)


def make_edits(bundles: Sequence[Path], count: int, seed: int, verify: Verify) -> Iterator[Edit]:
    """So many edits, of every kind of place in turn; each file is put back as it was."""
    rng = random.Random(seed)
    kinds: dict[str, list[Place]] = {}
    for place in (place for bundle in bundles for place in places_of(bundle)):
        kinds.setdefault(place.what, []).append(place)
    for number in range(count):
        place = rng.choice(kinds[sorted(kinds)[number % len(kinds)]])
        yield _edited(place, rng.randrange(place.start, place.end), rng.randrange(1, 256), verify)


def _edited(place: Place, offset: int, flipped: int, verify: Verify) -> Edit:
    good = place.file.read_bytes()
    before, after = good[offset], good[offset] ^ flipped
    try:
        place.file.write_bytes(good[:offset] + bytes([after]) + good[offset + 1 :])
        code = verify(place.bundle)
    finally:
        place.file.write_bytes(good)
    return Edit(place, offset, before, after, code)
