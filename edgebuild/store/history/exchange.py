"""A history, or one model's, as a file of JSON lines; and such files, from anywhere, taken up."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select

from edgebuild.core.digest import Digest
from edgebuild.core.errors import ConfigError
from edgebuild.core.release import Release
from edgebuild.store.files import unreadable, write_atomic
from edgebuild.store.history.database import Database
from edgebuild.store.history.lines import BundleLine, Entry, entry_on, line_bytes
from edgebuild.store.history.reading import known_bundles
from edgebuild.store.history.rows import Values
from edgebuild.store.history.tables import bundles, manifests, records, releases
from edgebuild.store.history.writing import BATCH, add

_MANY = 10_000
LINE_LIMIT = 1 << 26
"""Bytes: a longer line is refused."""


def export(database: Database, path: Path, model: str | None = None) -> int:
    """Write everything, or what is known of one model, in an order in which it can be taken up; how many lines.

    Raises:
        BuildError: the disk is full. ConfigError: the place can't be written to. Others as ``Database.reading``.
    """
    count = 0

    def counted() -> Iterator[bytes]:
        nonlocal count
        for line in _lines(database, model):
            count += 1
            yield line + b"\n"

    write_atomic(path, counted())
    return count


def take_up(database: Database, path: Path, values: Values, say: Callable[[str], None] = lambda _: None) -> int:
    """Add what a file of lines says and is new; how many records of evidence that was.

    Every line is looked at before the first is added. A last line without its end is passed over.

    Raises:
        ConfigError: there is no such file, or a line is not one of an export, or speaks of an unknown bundle; named.
    """
    say(f"{path}: reading")
    _look_through(database, path)
    added, batch = 0, list[Entry]()
    for number, entry in _entries(path):
        batch.append(entry)
        if len(batch) == BATCH:
            added, batch = added + add(database, batch, values), []
        if number % _MANY == 0:
            say(f"{path}: {number} lines taken up")
    added += add(database, batch, values)
    if added > _MANY:
        database.reckon()
    return added


def _look_through(database: Database, path: Path) -> None:
    told, spoken_of = set(), dict[Digest, int]()
    for number, entry in _entries(path):
        if isinstance(entry, BundleLine):
            told.add(entry.digest)
        else:
            bundle = entry.bundle if isinstance(entry, Release) else entry.record.bundle
            if bundle not in told:
                spoken_of.setdefault(bundle, number)
    unknown = spoken_of.keys() - known_bundles(database, spoken_of)
    if unknown:
        number = min(spoken_of[digest] for digest in unknown)
        found = f"line {number} speaks of a bundle that no line before it tells of, nor is it known here"
        raise ConfigError(str(path), found, fix="import the whole of what `edgebuild history --export` wrote")


def _entries(path: Path) -> Iterator[tuple[int, Entry]]:
    """The entry on every whole line, with its number."""
    try:
        with path.open("rb") as file:
            number = 0
            while (line := file.readline(LINE_LIMIT)).endswith(b"\n"):
                number += 1
                if line.strip():
                    yield number, _entry(path, number, line)
            if len(line) == LINE_LIMIT:
                raise ConfigError(str(path), f"line {number + 1} is too long", expected=f"{LINE_LIMIT} bytes at most")
    except OSError as error:
        raise unreadable(path, error) from error


def _entry(path: Path, number: int, line: bytes) -> Entry:
    try:
        return entry_on(line)
    except ValueError as error:
        fix = "export it again, or remove that line"
        raise ConfigError(str(path), f"line {number} is not of a history: {error!s:.200}", fix=fix) from error


def _lines(database: Database, model: str | None) -> Iterator[bytes]:
    """Every bundle, then every record, then every release."""
    with database.reading() as connection:
        streamed = connection.execution_options(stream_results=True, yield_per=BATCH)
        told = select(bundles.c.digest, manifests.c.body).join(bundles, bundles.c.id == manifests.c.bundle_id)
        for digest, packed in streamed.execute(_of(told.order_by(bundles.c.id), model)):
            manifest = zlib.decompress(packed).decode()
            yield line_bytes(BundleLine(digest=digest, manifest=manifest))
        wanted = select(records.c.body).join(bundles, bundles.c.id == records.c.bundle_id).order_by(records.c.id)
        for packed in streamed.execute(_of(wanted, model)).scalars():
            yield zlib.decompress(packed)
        ended = select(releases.c.body).join(bundles, bundles.c.id == releases.c.bundle_id).order_by(releases.c.id)
        for body in streamed.execute(_of(ended, model)).scalars():
            yield str(body).encode()


def _of(query: Select[Any], model: str | None) -> Select[Any]:
    return query if model is None else query.where(bundles.c.name == model)
