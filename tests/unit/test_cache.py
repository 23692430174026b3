"""The cache: entries whole or absent, races, collection."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.interrupts import interrupts_heard
from edgebuild.store import cache as cache_module
from edgebuild.store import scratch
from edgebuild.store.cache import Cache, default_cache
from edgebuild.store.entry import Entry

KEY = digest_bytes(b"key")


def write_two(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"m" * 1000)
    (folder / "deep").mkdir()
    (folder / "deep" / "notes.json").write_bytes(b"{}")


def produced(root: Path, name: str = "key", size: int = 1000) -> Entry:
    def make(folder: Path) -> None:
        (folder / "data").write_bytes(b"x" * size)

    return Cache(root).produce(digest_bytes(name.encode()), "export", make)


def test_nothing_is_created_by_looking(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.get(KEY) is None
    assert cache.recall(KEY) is None
    assert cache.stats().entries == 0
    assert cache.gc(max_bytes=0).removed == 0
    assert not (tmp_path / "cache").exists()


def test_entry_is_made_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    entry = cache.produce(KEY, "export", write_two)
    again = Cache(tmp_path).produce(KEY, "export", lambda folder: pytest.fail("made twice"))
    assert entry == again == cache.get(KEY)
    assert sorted(entry.files) == ["deep/notes.json", "model.onnx"]
    assert entry.read("deep/notes.json") == b"{}"
    assert entry.file("model.onnx").stat().st_size == 1000
    assert entry.check() == ()
    with pytest.raises(BuildError, match=r"made no file 'other'\n  expected: one of deep/notes.json, model.onnx"):
        entry.file("other")


def test_content_is_of_names_and_bytes_only(tmp_path: Path) -> None:
    one = Cache(tmp_path / "1").produce(KEY, "export", write_two)
    two = Cache(tmp_path / "2").produce(digest_bytes(b"other key"), "quantize", write_two)
    assert one.content == two.content

    def renamed(folder: Path) -> None:
        write_two(folder)
        (folder / "model.onnx").rename(folder / "other.onnx")

    assert Cache(tmp_path / "3").produce(KEY, "export", renamed).content != one.content


def test_failed_make_leaves_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def fail(folder: Path) -> None:
        write_two(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.produce(KEY, "export", fail)
    assert cache.get(KEY) is None
    assert not [name for _, _, names in os.walk(tmp_path) for name in names if name == "model.onnx"]


def test_what_an_interrupt_may_have_spoilt_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def spoilt(folder: Path) -> None:
        write_two(folder)
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), interrupts_heard():
        cache.produce(KEY, "export", spoilt)
    assert cache.get(KEY) is None


@pytest.mark.parametrize("damage", ["truncate", "delete", "index", "index bytes", "link", "foreign"])
def test_damaged_entry_reads_as_absent_and_goes(tmp_path: Path, damage: str) -> None:
    cache = Cache(tmp_path)
    entry = cache.produce(KEY, "export", write_two)
    place, index = entry.path / "model.onnx", entry.path.parent / "index.json"
    if damage == "truncate":
        place.write_bytes(b"m" * 999)
    elif damage == "delete":
        place.unlink()
    elif damage == "index":
        index.write_bytes(index.read_bytes()[:100])
    elif damage == "index bytes":
        index.write_text(index.read_text().replace(entry.files["model.onnx"], digest_bytes(b"else")))
    elif damage == "link":
        place.rename(tmp_path / "away")
        place.symlink_to(tmp_path / "away")
    else:
        index.write_text(json.dumps(json.loads(index.read_text()) | {"schema": 2}))
    assert cache.get(KEY) is None
    assert not entry.path.exists()
    assert cache.produce(KEY, "export", write_two).check() == ()


def test_edited_bytes_are_found_when_read(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    entry = cache.produce(KEY, "export", write_two)
    entry.file("model.onnx").write_bytes(b"n" * 1000)
    assert entry.check() == ("model.onnx: its bytes were changed",)
    with pytest.raises(BuildError, match=r"the bytes of model.onnx were changed\n  to fix: run the same command again"):
        entry.read("model.onnx")
    assert cache.get(KEY) is None
    assert cache.produce(KEY, "export", write_two).read("model.onnx") == b"m" * 1000


def test_only_files_are_kept(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="neither a file nor a folder"):
        Cache(tmp_path).produce(KEY, "export", lambda folder: (folder / "a").symlink_to("/etc/passwd"))


def test_records_are_replaced_and_checked(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.remember(KEY, b"one\ntwo")
    assert Cache(tmp_path).recall(KEY) == b"one\ntwo"
    cache.remember(KEY, b"")
    assert cache.recall(KEY) == b""
    (place,) = (tmp_path / "v1" / "records").rglob(KEY)
    place.write_bytes(place.read_bytes() + b"!")
    assert cache.recall(KEY) is None


def test_loser_of_a_race_takes_the_winners(tmp_path: Path) -> None:
    winner = Cache(tmp_path)

    def make(folder: Path) -> None:
        write_two(folder)
        winner.produce(KEY, "export", lambda other: (other / "won").write_bytes(b"w") and None)

    entry = Cache(tmp_path).produce(KEY, "export", make)
    assert sorted(entry.files) == ["won"]
    assert entry.check() == ()


def age(root: Path, days: dict[str, float]) -> None:
    for name, back in days.items():
        key = digest_bytes(name.encode())
        past = time.time() - back * 86_400
        os.utime(root / "v1" / "entries" / key[:2] / key / "index.json", (past, past))


def test_gc_removes_least_recently_used_first(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        produced(tmp_path, name, 10_000)
    age(tmp_path, {"a": 1, "b": 3, "c": 2})
    freed = Cache(tmp_path).gc(max_bytes=25_000)
    assert (freed.removed, freed.kept, freed.in_use) == (1, 2, 0)
    assert freed.freed_bytes > 10_000
    held = [Cache(tmp_path).get(digest_bytes(name)) is not None for name in (b"a", b"b", b"c")]
    assert held == [True, False, True]


def test_get_counts_as_use(tmp_path: Path) -> None:
    for name in ("a", "b"):
        produced(tmp_path, name, 10_000)
    age(tmp_path, {"a": 3, "b": 2})
    Cache(tmp_path).get(digest_bytes(b"a"))
    assert Cache(tmp_path).gc(max_age_days=1).removed == 1
    assert Cache(tmp_path).get(digest_bytes(b"a")) is not None


def test_gc_without_limits_removes_nothing(tmp_path: Path) -> None:
    produced(tmp_path)
    age(tmp_path, {"key": 1})  # within one tick of the clock it would still count as in use
    assert Cache(tmp_path).gc().removed == 0
    assert Cache(tmp_path).gc(max_bytes=0).removed == 1
    stats = Cache(tmp_path).stats()
    assert (stats.entries, stats.records, stats.bytes) == (0, 0, 0)


def test_gc_keeps_what_a_running_build_uses(tmp_path: Path) -> None:
    for name in ("used", "idle"):
        produced(tmp_path, name)
    age(tmp_path, {"used": 9, "idle": 9})
    script = "import sys; from pathlib import Path; from edgebuild.store.cache import Cache\n"
    script += "c = Cache(Path(sys.argv[1])); assert c.get(sys.argv[2]); print('got', flush=True); sys.stdin.read()"
    argv = [sys.executable, "-c", script, str(tmp_path), digest_bytes(b"used")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as build:
        assert build.stdout is not None
        assert build.stdout.readline() == "got\n"
        freed = Cache(tmp_path).gc(max_bytes=0, max_age_days=1)
        assert (freed.removed, freed.kept, freed.in_use) == (1, 1, 1)
        assert Cache(tmp_path).stats().in_use == 1
        build.kill()
    age(tmp_path, {"used": 9})
    assert Cache(tmp_path).gc(max_bytes=0).removed == 1


def test_looking_up_reads_an_index_only_and_tidies_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unchanged build of three targets looks up some tens of entries, and should not take long over it."""
    read, swept = list[str](), list[Path]()
    for number in range(10):
        produced(tmp_path, str(number))
    real_read, real_sweep = Path.read_bytes, scratch.sweep
    monkeypatch.setattr(Path, "read_bytes", lambda path: (read.append(path.name), real_read(path))[1])
    monkeypatch.setattr(cache_module, "sweep", lambda *place: (swept.append(place[0]), real_sweep(*place))[1])
    cache = Cache(tmp_path)
    for number in range(30):
        assert cache.get(digest_bytes(str(number % 10).encode())) is not None
    assert read == ["index.json"] * 30
    assert len(swept) == 1


def test_default_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("EDGEBUILD_CACHE", raising=False)
    assert default_cache().root == tmp_path / "edgebuild"
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "own"))
    assert default_cache().root == tmp_path / "own"


def test_cache_in_a_files_place_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ConfigError, match="in the way"):
        produced(tmp_path / "cache")
