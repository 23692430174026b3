"""A history as a file of lines: what goes out comes in again, and what came from anywhere is not believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from history_samples import TARGET, bundle_line, evidence, key_of
from test_history_store import counts, some_entries

from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import ConfigError
from edgebuild.core.measurement import Measurement
from edgebuild.indexing import values
from edgebuild.store.history.database import open_history
from edgebuild.store.history.exchange import export, take_up
from edgebuild.store.history.lines import line_bytes
from edgebuild.store.history.place import Place
from edgebuild.store.history.reading import Of, levels, released
from edgebuild.store.history.writing import add


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Two bundles of one model and one of another, from a history of their own."""
    path = tmp_path / "export.jsonl"
    other = bundle_line(5, name="other")
    with open_history(Place(tmp_path / "source.sqlite")) as database:
        for number in range(2):
            add(database, some_entries(number), values)
        add(database, [other], values)
        assert export(database, path) == 2 * 8 + 1
    return path


def test_what_goes_out_comes_in_again(exported: Path, history_place: Place, tmp_path: Path) -> None:
    with open_history(history_place) as database:
        said: list[str] = []
        assert take_up(database, exported, values, said.append) == 12
        assert said == [f"{exported}: reading"]
        before = counts(database)
        assert take_up(database, exported, values) == 0
        assert counts(database) == before
        assert len(levels(database, Of("digits", metric="latency_p50"))) == 2
        assert len(released(database, "digits", TARGET)) == 2
        again = tmp_path / "again.jsonl"
        export(database, again)
        assert again.read_bytes() == exported.read_bytes()
        assert export(database, again, "other") == 1
        assert json.loads(again.read_text())["digest"] == bundle_line(5, name="other").digest


def test_a_torn_last_line_is_passed_over(exported: Path, tmp_path: Path) -> None:
    lines = exported.read_bytes().splitlines(keepends=True)
    exported.write_bytes(b"".join(lines[:6]) + lines[6][:-20])
    with open_history(Place(tmp_path / "new.sqlite")) as database:
        assert take_up(database, exported, values) == 3
        assert counts(database)["bundles"] == 3


def edited(line: bytes, **changes: object) -> bytes:
    return json.dumps(json.loads(line) | changes).encode()


HOSTILE: dict[str, tuple[Callable[[list[bytes]], bytes], str]] = {
    "nonsense": (lambda _: b"nonsense", "Expecting value"),
    "a list": (lambda _: b"[]", "not a JSON object"),
    "a number": (lambda _: b"7", "not a JSON object"),
    "deep": (lambda _: b"[" * 100_000, "nested too deeply"),
    "not UTF-8": (lambda _: b'{"a": "\xff\xfe"}', "codec can't decode"),
    "unknown kind": (lambda lines: edited(lines[3], kind="party"), "Input should be"),
    "unknown field": (lambda lines: edited(lines[3], more=1), "Extra inputs are not permitted"),
    "newer": (lambda lines: edited(lines[3], schema=7), "schema version 7"),
    "no time": (lambda lines: edited(lines[3], at="soon"), "'soon' is no time in ISO 8601"),
    "a NUL": (lambda lines: edited(lines[3], tools={"a": "\0"}), "holds a NUL character"),
    "another bundle's": (lambda lines: edited(lines[3], bundle="0" * 64), "holds evidence about"),
    "a forged digest": (lambda lines: edited(lines[0], digest="0" * 64), "is not that of bundle 000000000000"),
    "a forged manifest": (
        lambda _: json.dumps({"schema": 1, "kind": "bundle", "digest": digest_bytes(b"{}"), "manifest": "{}"}).encode(),
        "schema version None",
    ),
    "a surrogate": (lambda lines: edited(lines[3], tools={"a": "\ud800"}), "surrogates not allowed"),
    "a release of what?": (lambda lines: edited(lines[-1], outcome="SUPER"), "Input should be"),
    "a release without a time": (lambda lines: edited(lines[-1], at=""), "no time in ISO 8601"),
    "Infinity": (lambda lines: lines[3].replace(b'"load_ns":5000000', b'"load_ns":Infinity'), "finite"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_line_is_named_and_nothing_is_taken_up(exported: Path, tmp_path: Path, kind: str) -> None:
    make, words = HOSTILE[kind]
    lines = exported.read_bytes().splitlines()
    lines[4] = make(lines)
    exported.write_bytes(b"\n".join(lines) + b"\n")
    with open_history(Place(tmp_path / "new.sqlite")) as database:
        with pytest.raises(ConfigError, match=r"line 5 is not of a history") as caught:
            take_up(database, exported, values)
        assert words in caught.value.message
        assert counts(database)["bundles"] == 0


def test_what_speaks_of_a_bundle_that_nobody_told_of(exported: Path, tmp_path: Path) -> None:
    nobody = digest_bytes(b"nobody")
    record = evidence(nobody, Measurement(key=key_of(nobody), runs=()), "2026-01-01T00:00:00Z")
    exported.write_bytes(exported.read_bytes() + record.line + b"\n")
    with open_history(Place(tmp_path / "new.sqlite")) as database:
        with pytest.raises(ConfigError, match="line 18 speaks of a bundle that no line before it tells of"):
            take_up(database, exported, values)
        add(database, [bundle_line(7)], values)
        known = evidence(
            bundle_line(7).digest, Measurement(key=key_of(bundle_line(7).digest), runs=()), "2026-01-01T00:00:00Z"
        )
        exported.write_bytes(known.line + b"\n")
        assert take_up(database, exported, values) == 1


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgebuild.store.history.exchange.LINE_LIMIT", 5000)
    path = tmp_path / "long.jsonl"
    path.write_bytes(line_bytes(bundle_line(0)) + b"\n" + b"x" * 10_000)
    with open_history(Place(tmp_path / "new.sqlite")) as database:
        with pytest.raises(ConfigError, match="line 2 is too long"):
            take_up(database, path, values)
        with pytest.raises(ConfigError, match="no such file"):
            take_up(database, tmp_path / "none", values)
