"""An open history: SQLite in WAL mode, or PostgreSQL. What was committed stays, whoever is killed when."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, Insert, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from edgebuild.store.files import writing
from edgebuild.store.history.faults import passes, told_plainly
from edgebuild.store.history.migrations import ALL, made, migrate
from edgebuild.store.history.place import Place, history_place

PATIENCE_S = 20.0
"""How long others are waited for, at least: an attempt that began before is let end."""
_CACHE_KIB = 65536
_WRITES = "edgebuild_writes"
T = TypeVar("T")


@dataclass(frozen=True)
class Database:
    """A history that is open. Close it, or use it as a context. ``patience_s``: how long others are waited for."""

    place: Place
    engine: Engine
    patience_s: float

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.dispose()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the history; nobody waits for it. Errors as ``told_plainly``."""
        with told_plainly(self.place), self.engine.connect() as connection:
            yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """Do some work in one transaction that is on the disk when this returns; again if others were in the way.

        Errors as ``told_plainly``.
        """
        ends = time.monotonic() + self.patience_s
        with told_plainly(self.place):
            while True:
                try:
                    with self.engine.execution_options(**{_WRITES: True}).begin() as connection:
                        return work(connection)
                except DBAPIError as error:
                    if not passes(error) or time.monotonic() >= ends:
                        raise
                    time.sleep(random.uniform(0.01, 0.1))

    def reckon(self) -> None:
        """Have the database count anew what it has, which its plans for queries stand on: after many were added."""
        self.write(lambda connection: connection.exec_driver_sql("ANALYZE"))


def open_history(place: Place | None = None, *, patience_s: float = PATIENCE_S) -> Database:
    """The history of that place (default: the user's), made or brought up to date if need be.

    Raises:
        ConfigError: it can't be opened, or a newer version made it. ModuleNotFoundError: a library is not installed.
    """
    where = place or history_place()
    if where.file is not None:
        with writing(where.file):
            where.file.parent.mkdir(parents=True, exist_ok=True)
    with told_plainly(where):
        engine = _postgresql(where, patience_s) if where.file is None else _sqlite(where, patience_s)
    database = Database(where, engine, patience_s)
    try:
        with told_plainly(where), engine.connect() as connection:
            known = made(connection)
        if known < len(ALL):
            database.write(migrate)
    except BaseException:
        engine.dispose()
        raise
    return database


def insert_new(connection: Connection, table: Table) -> Any:
    """An INSERT that passes over rows which are there already."""
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert: Insert = kind.insert(table).on_conflict_do_nothing()
    return insert


def _postgresql(place: Place, patience_s: float) -> Engine:
    url = make_url(place.url)
    stated = {"connect_timeout": "10", "options": f"-c lock_timeout={int(1000 * patience_s)}"}
    return create_engine(
        url.update_query_dict({name: value for name, value in stated.items() if name not in url.query})
    )


def _sqlite(place: Place, patience_s: float) -> Engine:
    url = URL.create("sqlite+pysqlite", database=str(place.file))
    engine = create_engine(url, connect_args={"timeout": patience_s})
    event.listen(engine, "connect", lambda raw, _: _prepare(raw, time.monotonic() + patience_s))
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(raw: Any, ends: float) -> None:
    """A new connection: SQLAlchemy begins transactions, not the driver; a commit is on the disk when it returns."""
    raw.isolation_level = None
    _to_wal(raw, ends)
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute("PRAGMA foreign_keys=ON")
    raw.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")


def _to_wal(raw: Any, ends: float) -> None:
    """Switch a new file to WAL. SQLite does not wait for others who are doing the same."""
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= ends:
                raise
            time.sleep(random.uniform(0.01, 0.05))
        else:
            return


def _begin(connection: Connection) -> None:
    """A transaction that will write takes the lock at once, so that it can't fail half-way for another's."""
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
