"""Single files: atomic writes, mapped errors, remembered digests."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.store.digests import FileDigests
from edgebuild.store.files import read_bytes, read_text, unwritable, write_atomic
from edgebuild.store.scratch import claim, is_held, sweep

AGO = 100_000_000_000


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def aged(path: Path, data: bytes) -> Path:
    """A file that was left alone for a while, as far as its mtime can say."""
    path.write_bytes(data)
    past = time.time_ns() - AGO
    os.utime(path, ns=(past, past))
    return path


def test_write_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    write_atomic(place, b"old")
    write_atomic(place, b"new")
    assert place.read_bytes() == b"new"
    assert names_in(tmp_path) == ["a.txt"]
    assert place.stat().st_mode & 0o077 == 0o666 & ~_umask() & 0o077


def test_failed_write_keeps_the_old_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a.txt"
    write_atomic(place, b"old")

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("edgebuild.store.files.os.write", full)
    with pytest.raises(BuildError, match="no space left for") as caught:
        write_atomic(place, b"new")
    assert caught.value.exit_code == 3
    assert place.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.txt"]


def test_write_sweeps_litter_of_dead_writers_only(tmp_path: Path) -> None:
    dead = claim(tmp_path, ".a.txt.", folder=False)
    dead.let_go()
    alive = claim(tmp_path, ".a.txt.", folder=False)
    write_atomic(tmp_path / "a.txt", b"x")
    assert not dead.path.exists()
    assert alive.path.exists()
    assert is_held(alive.path)
    alive.release()
    assert sweep(tmp_path, ".a.txt.") == 0


def test_two_that_look_who_holds_it_do_not_see_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, found, real = claim(tmp_path, "a", folder=True), list[bool](), os.close

    def look_too(descriptor: int) -> None:
        """The first one is about to be done; another one looks now."""
        monkeypatch.setattr(os, "close", real)
        found.append(is_held(place.path))
        real(descriptor)

    place.let_go()
    monkeypatch.setattr(os, "close", look_too)
    found.append(is_held(place.path))
    assert found == [False, False]


def test_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "model.py").touch()
    with pytest.raises(ConfigError, match=r"no such file\n.*did you mean model.py\?"):
        read_bytes(tmp_path / "modle.py")
    with pytest.raises(ConfigError, match=r"no such folder: .*/nowhere"):
        read_bytes(tmp_path / "nowhere" / "deep" / "a.py")
    with pytest.raises(ConfigError, match="is a folder"):
        read_bytes(tmp_path)
    with pytest.raises(ConfigError, match="no such folder"):
        write_atomic(tmp_path / "nowhere" / "a", b"")


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (errno.ENOSPC, BuildError, "no space left"),
        (errno.EDQUOT, BuildError, "no space left"),
        (errno.EROFS, ConfigError, "read-only"),
        (errno.EACCES, ConfigError, "permission denied"),
        (errno.EIO, BuildError, "check the disk"),
    ],
)
def test_write_errors_are_sorted(tmp_path: Path, code: int, kind: type[Exception], words: str) -> None:
    error = unwritable(tmp_path, OSError(code, os.strerror(code)))
    assert type(error) is kind
    assert words in str(error)


def test_text_must_be_utf8(tmp_path: Path) -> None:
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfa = 1")
    assert read_text(tmp_path / "bom") == "a = 1"
    (tmp_path / "latin").write_bytes(b"a\nb\xe9")
    with pytest.raises(ConfigError, match="0xe9 in line 2"):
        read_text(tmp_path / "latin")


def test_digest_of_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = aged(tmp_path / "w.bin", b"one")
    monkeypatch.setattr("edgebuild.store.digests._RACY_NS", 0)
    time.sleep(0.02)
    digests = FileDigests(tmp_path / "memo.json")
    assert digests.of(place) == digest_bytes(b"one")
    digests.save()
    again = FileDigests(tmp_path / "memo.json")
    monkeypatch.setattr(FileDigests, "_read", lambda self, name: pytest.fail("read again"))
    assert again.of(place) == digest_bytes(b"one")


def test_edit_with_restored_mtime_and_size_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = aged(tmp_path / "w.bin", b"one")
    monkeypatch.setattr("edgebuild.store.digests._RACY_NS", 0)
    time.sleep(0.02)
    digests = FileDigests()
    digests.of(place)
    stamp = place.stat().st_mtime_ns
    time.sleep(0.02)
    place.write_bytes(b"two")
    os.utime(place, ns=(stamp, stamp))
    assert digests.of(place) == digest_bytes(b"two")


def test_digest_of_a_file_just_written_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgebuild.store.digests._RACY_NS", AGO)  # however long this test takes
    place = tmp_path / "w.bin"
    digests = FileDigests(tmp_path / "memo.json")
    for data in (b"aaa", b"bbb", b"ccc"):
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
        os.write(descriptor, data)
        os.close(descriptor)
        os.utime(place, ns=(1, 1))
        assert digests.of(place) == digest_bytes(data)
    digests.save()
    assert not (tmp_path / "memo.json").exists()


def test_two_writers_of_a_memo_keep_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgebuild.store.digests._RACY_NS", 0)
    one, two = aged(tmp_path / "1", b"1"), aged(tmp_path / "2", b"2")
    time.sleep(0.02)
    memo = tmp_path / "memo.json"
    first, second = FileDigests(memo), FileDigests(memo)
    first.of(one), second.of(two)
    first.save(), second.save()
    monkeypatch.setattr(FileDigests, "_read", lambda self, name: pytest.fail("read again"))
    third = FileDigests(memo)
    assert [third.of(one), third.of(two)] == [digest_bytes(b"1"), digest_bytes(b"2")]


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b'{"schema":1,"files":{"a":[1]}}', b"\xff", b'{"schema":2}'])
def test_damaged_memo_is_forgotten(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "memo.json").write_bytes(junk)
    place = aged(tmp_path / "a", b"a")
    assert FileDigests(tmp_path / "memo.json").of(place) == digest_bytes(b"a")


def test_digest_of_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        FileDigests().of(tmp_path / "a")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
