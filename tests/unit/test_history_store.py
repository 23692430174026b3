"""The history on SQLite and on PostgreSQL: nothing twice, nothing half, nothing lost."""

from __future__ import annotations

import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from history_kills import kill_writers
from history_samples import (
    DEVICE,
    TARGET,
    bundle_line,
    day,
    evidence,
    key_of,
    latency_run,
    measured,
    memory_run,
    release,
)
from sqlalchemy import inspect, text

from edgebuild.core.artifact import Quality
from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import ConfigError
from edgebuild.core.evidence import VariantQuality
from edgebuild.core.measurement import Measurement
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.indexing import values
from edgebuild.store.history.database import Database, open_history
from edgebuild.store.history.lines import Entry, moment_of, time_of
from edgebuild.store.history.place import Place
from edgebuild.store.history.place import history_place as users_place
from edgebuild.store.history.reading import Of, digests_of, judged, known_models, levels, released, seen_at, stated
from edgebuild.store.history.tables import metadata
from edgebuild.store.history.writing import UnknownBundle, add, see

RUNS = [latency_run(range(1000 * n, 1000 * n + 30), day(0), seed=n) for n in (7, 3, 5)]


def some_entries(number: int = 0) -> list[Entry]:
    """A bundle with runs, a verdict, a score and a release."""
    line = bundle_line(number)
    verdict = Verdict(
        outcome=Outcome.PASS, lines=(), bundle=line.digest, rule=1, part="model", precision="float32",
        key=key_of(line.digest),
    )  # fmt: skip
    score = Quality(metric="top1", dataset=digest_bytes(b"d"), samples=10, value=90.0, float_value=91.5)
    return [
        line, *measured(line.digest, [*RUNS, memory_run(60_000_000, day(0))], day(0)),
        evidence(line.digest, verdict, day(1)),
        evidence(line.digest, VariantQuality(precision="int8", device=DEVICE, quality=score), day(1)),
        release(line.digest, day(2)),
    ]  # fmt: skip


def counts(database: Database) -> dict[str, int]:
    with database.reading() as connection:
        names = sorted(metadata.tables)
        return {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names}


def test_what_was_added_is_found_and_adding_it_again_changes_nothing(history_place: Place) -> None:
    entries, bundle = some_entries(), bundle_line(0).digest
    with open_history(history_place) as database:
        assert add(database, entries, values) == 6
        before = counts(database)
        assert (before["runs"], before["told"], before["verdicts"], before["releases"]) == (4, 5, 1, 1)
        assert add(database, entries, values) == 0
        assert add(database, [entries[0], *entries[:3]], values) == 0
        assert counts(database) == before
    with open_history(history_place) as database:
        known = known_models(database)
        assert [(each.model, each.target, each.bundles) for each in known] == [("digits", TARGET, 1)]
        assert known[0].moment == moment_of(day(1))
        found = {level.metric: level for level in levels(database, Of("digits"))}
        assert found["latency_p50"].values == (7014.0, 3014.0, 5014.0)  # in the order they were made
        assert found["peak_memory"].values == (10_000_000.0,)
        assert found["latency_p50"].device == DEVICE
        assert {(level.metric, level.values) for level in stated(database, Of("digits"))} == {
            ("model_size", (850.0,)), ("accuracy_drop", (1.5,)),
        }  # fmt: skip
        assert [each.outcome for each in judged(database, Of("digits"))] == [Outcome.PASS]
        assert [each.bundle for each in released(database, "digits", TARGET)] == [bundle]
        assert len(digests_of(database, bundle)) == 6
        assert levels(database, Of("digits", device="elsewhere")) == []
        assert levels(database, Of("digits", metric="latency_p50", bundle=digest_bytes(b"x"))) == []


def test_a_run_outside_its_conditions_tells_nothing(history_place: Place) -> None:
    line = bundle_line(0)
    odd = latency_run(range(9000, 9030), day(0), seed=9, outside=("throttled",))
    with open_history(history_place) as database:
        add(database, [line, *measured(line.digest, [*RUNS, odd], day(0))], values)
        assert counts(database)["runs"] == 4
        found = levels(database, Of("digits", metric="latency_p50"))
        assert [level.values for level in found] == [(7014.0, 3014.0, 5014.0)]


def test_all_or_nothing(history_place: Place) -> None:
    stranger = evidence(digest_bytes(b"x"), Measurement(key=key_of(digest_bytes(b"x")), runs=()), day(0))
    with open_history(history_place) as database:
        with pytest.raises(UnknownBundle, match="no line before it tells of bundle"):
            add(database, [*some_entries(), stranger], values)
        assert {count for name, count in counts(database).items() if name != "migrations"} == {0}


def test_a_number_out_of_all_bounds_tells_nothing(history_place: Place) -> None:
    line = bundle_line(0)
    with open_history(history_place) as database:
        add(database, [line, *measured(line.digest, [latency_run([10**400] * 30, day(0))], day(0))], values)
        assert [level.metric for level in levels(database, Of("digits"))] == ["cold_start", "first_inference"]


def test_where_a_bundle_is_is_kept_once(history_place: Place) -> None:
    line = bundle_line(0)
    with open_history(history_place) as database:
        add(database, [line], values)
        for path in ("/a", "/b", "/a"):
            see(database, line.digest, "here", path)
        assert sorted(seen_at(database, line.digest, "here")) == ["/a", "/b"]
        assert seen_at(database, line.digest, "there") == []


def test_many_processes_may_open_an_empty_history_at_once(history_place: Place) -> None:
    ready = threading.Barrier(8)

    def work(number: int) -> int:
        ready.wait()
        with open_history(history_place) as database:
            return add(database, some_entries(number % 4), values)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 4 * 6
    with open_history(history_place) as database:
        assert counts(database)["migrations"] == 1
        assert counts(database)["records"] == 24


def test_the_tables_are_those_that_queries_see(history_place: Place) -> None:
    with open_history(history_place) as database, database.reading() as connection:
        made = inspect(connection)
        assert set(made.get_table_names()) == set(metadata.tables)
        for name, table in metadata.tables.items():
            columns = {column["name"]: column["nullable"] for column in made.get_columns(name)}
            assert columns.keys() == {column.name for column in table.columns}
            primary = made.get_pk_constraint(name)["constrained_columns"]
            assert primary == [column.name for column in table.primary_key]
            assert not any(columns[column.name] for column in table.columns if column.name not in primary)


def test_a_newer_version_is_left_alone(history_place: Place) -> None:
    with open_history(history_place) as database:
        database.write(lambda c: c.exec_driver_sql("INSERT INTO migrations VALUES (99, '9.9')"))
    with pytest.raises(ConfigError, match=r"made by a newer edgebuild: its tables are of version 99"):
        open_history(history_place)


@pytest.mark.serial
def test_killed_writers_lose_nothing_and_break_nothing(history_place: Place, tmp_path: Path) -> None:
    found = kill_writers(history_place, tmp_path, kills=12)
    assert found.problems == []
    assert found.acknowledged > 0


def test_another_writer_is_waited_for_and_not_for_ever(tmp_path: Path) -> None:
    place = Place(tmp_path / "history.sqlite")
    with open_history(place, patience_s=0.2) as database:
        other = sqlite3.connect(place.file or "", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert counts(database)["records"] == 0  # reading waits for nobody
        with pytest.raises(ConfigError, match="others are writing to it all the time"):
            database.reckon()
        other.execute("COMMIT")
        other.close()
        assert add(database, some_entries(), values) == 6


def test_a_damaged_file_is_said_to_be_one(tmp_path: Path) -> None:
    place = Place(tmp_path / "history.sqlite")
    assert place.file is not None
    place.file.write_bytes(b"no database " * 100)
    with pytest.raises(ConfigError, match=r"is damaged, or no history.*\n  to fix: move the file away"):
        open_history(place)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_can_not_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(ConfigError, match="not writable"):
        open_history(Place(tmp_path / "locked" / "x" / "history.sqlite"))


def test_a_place_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="in the way"):
        open_history(Place(tmp_path / "file" / "history.sqlite"))


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    place = Place(url="postgresql+psycopg://me:secret@127.0.0.1:1/none?connect_timeout=2")
    with pytest.raises(
        ConfigError, match=r"history postgresql://127.0.0.1:1/none: the server does not answer"
    ) as caught:
        open_history(place)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", "{data}/edgebuild/history.sqlite"),
        ("{data}/mine.db", "{data}/mine.db"),
        ("postgresql://me:secret@host:5433/bench?sslmode=require", "postgresql://host:5433/bench"),
        ("postgres://me@host/bench", "postgresql://host/bench"),
    ],
)
def test_where_the_history_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, shown: str) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("EDGEBUILD_HISTORY", value.format(data=tmp_path))
    assert users_place().shown == shown.format(data=tmp_path)


def test_no_other_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBUILD_HISTORY", "mysql://host/bench")
    with pytest.raises(ConfigError, match=r"mysql:// is not known here"):
        users_place()


def test_moments_and_times() -> None:
    assert time_of(moment_of("2026-01-02T03:04:05.123456+02:00")) == "2026-01-02T01:04:05+00:00"
    assert moment_of("1970-01-01T00:00:00.000001Z") == 1
    for bad in ("", "yesterday", "2026-01-02T03:04:05", "9" * 99):
        with pytest.raises(ValueError, match=r"no time in ISO 8601|no offset"):
            moment_of(bad)
