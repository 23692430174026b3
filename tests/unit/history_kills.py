"""Writers of a history that are killed at random moments: what was acknowledged is there, and nothing is broken."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from history_samples import bundle_line, day, evidence, key_of, latency_run
from sqlalchemy import Connection, func, select

from edgebuild.core.digest import digest_bytes
from edgebuild.core.measurement import Measurement
from edgebuild.indexing import values
from edgebuild.store.history.database import Database, open_history
from edgebuild.store.history.lines import Stored
from edgebuild.store.history.place import Place
from edgebuild.store.history.tables import keys, records, runs, told
from edgebuild.store.history.writing import add

WRITERS = 8
_LINE = 65


@dataclass
class Kills:
    """What a series of kills found.

    Attributes:
        killed: how many writers were killed; ``acknowledged``: how many records they had said to be committed.
        kept: how many records are there: one whose writer was killed before it could say so may be, too.
    """

    killed: int = 0
    acknowledged: int = 0
    kept: int = 0
    problems: list[str] = field(default_factory=list)


def kill_writers(place: Place, folder: Path, kills: int, seed: int = 0) -> Kills:
    """Eight writers on an empty history, one of them killed every few moments, and one put in its place.

    Each record's digest is written to the writer's own file after ``add`` has returned.
    """
    draw, writers = random.Random(seed), dict[int, int]()
    started = 0
    try:
        for number in range(WRITERS):
            writers[_start(place, folder, started)] = number
            started += 1
        for _ in range(kills):
            time.sleep(draw.uniform(0.0, 0.25))
            victim = draw.choice(list(writers))
            _kill(victim)
            writers[_start(place, folder, started)] = writers.pop(victim)
            started += 1
    finally:
        for process in writers:
            _kill(process)
    found = Kills(killed=kills + WRITERS)
    _look(place, folder, found)
    return found


def _kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def _start(place: Place, folder: Path, number: int) -> int:
    process = os.fork()
    if process:
        return process
    code = 1
    with contextlib.suppress(BaseException):
        _write(place, folder, number)
        code = 0
    os._exit(code)


def _write(place: Place, folder: Path, number: int) -> None:
    """Add records of bundles that the writers share, until killed; what goes wrong is left in a file."""
    acknowledged = os.open(folder / f"{number}.acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        with open_history(place) as database:
            for count in range(10_000):
                line = bundle_line(count % 5)
                record = record_of(line.digest, number * 10_000 + count)
                add(database, [line, record], values)
                os.write(acknowledged, record.digest.encode() + b"\n")
    except BaseException as error:
        (folder / f"{number}.failed").write_text(repr(error))
        raise


def record_of(bundle: str, number: int) -> Stored:
    """A record like no other."""
    samples = range(1_000_000 + number, 1_000_000 + number + 30)
    runs_made = tuple(latency_run(samples, day(0), seed=seed) for seed in (number, number + 1))
    return evidence(bundle, Measurement(key=key_of(bundle), runs=runs_made), day(0))


def _look(place: Place, folder: Path, found: Kills) -> None:
    found.problems += [f"{path.name}: {path.read_text()}" for path in folder.glob("*.failed")]
    acknowledged = {line for path in folder.glob("*.acknowledged") for line in _lines(path)}
    with open_history(place) as database:
        with database.reading() as connection:
            kept = {digest: (number, body) for number, digest, body in connection.execute(_ALL)}
            found.problems += _broken(connection, {number for number, _ in kept.values()})
        found.problems += [f"lost: {digest}" for digest in acknowledged - kept.keys()]
        found.problems += [f"changed: {d}" for d, (_, body) in kept.items() if digest_bytes(zlib.decompress(body)) != d]
        found.problems += _checked(database)
    found.acknowledged, found.kept = len(acknowledged), len(kept)


_ALL = select(records.c.id, records.c.digest, records.c.body)


def _lines(path: Path) -> list[str]:
    """The whole lines: the last one may have been cut off by the kill."""
    return [line for line in path.read_text().split("\n")[:-1] if len(line) == _LINE - 1]


def _broken(connection: Connection, numbers: set[int]) -> list[str]:
    """Records without all their rows, and rows without a record: a transaction of which only a part is there."""
    counted = dict(connection.execute(select(runs.c.record_id, func.count()).group_by(runs.c.record_id)).all())
    said = dict(connection.execute(select(told.c.record_id, func.count()).group_by(told.c.record_id)).all())
    keyed = set(connection.execute(select(keys.c.id)).scalars())
    used = set(connection.execute(select(runs.c.key_id).distinct()).scalars())
    problems = [f"record {number} has {counted.get(number)} runs" for number in numbers if counted.get(number) != 2]
    problems += [f"record {number} tells {said.get(number)} metrics" for number in numbers if said.get(number) != 3]
    orphans = (counted.keys() | said.keys()) - numbers
    return [*problems, *(f"rows of no record: {number}" for number in orphans), *(f"no key: {k}" for k in used - keyed)]


def _checked(database: Database) -> list[str]:
    """What the database's own check of its files says."""
    with database.reading() as connection:
        if database.place.file is not None:
            said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            loose = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            return [*(f"integrity: {each}" for each in said if each != "ok"), *(f"loose: {each}" for each in loose)]
        connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS amcheck")
        heap = (
            "SELECT relname, (verify_heapam(oid)).msg FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        indexes = (
            "SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
            "WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relnamespace = 'public'::regnamespace"
        )
        said = [f"heap: {tuple(row)}" for row in connection.exec_driver_sql(heap)]
        connection.exec_driver_sql(indexes).all()  # raises for what is broken
        return said
