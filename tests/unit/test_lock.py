"""The lock: stable text, refused when damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from edgebuild.core.artifact import Speed
from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import ConfigError
from edgebuild.core.lock import Lock, LockedSpeed
from edgebuild.store.lock import NAME, load_lock, save_lock

A, B, C = (digest_bytes(name) for name in (b"a", b"b", b"c"))


def speed(ratio: float) -> Speed:
    return Speed(
        device="here", pairs=9, ratio=ratio, low=1.1, high=None, confidence=0.99, float_p50_ns=2.0, int8_p50_ns=1
    )


def entry(target: str = "host-litert", int8: str = B, ratio: float = 1.5) -> LockedSpeed:
    return LockedSpeed(target=target, float_model=A, int8_model=int8, speed=speed(ratio))


def test_lock_comes_back_and_is_the_same_text_in_any_order(tmp_path: Path) -> None:
    assert load_lock(tmp_path) == Lock()
    one = Lock().with_speed(entry("x")).with_speed(entry("a", C)).with_speed(entry("a"))
    two = Lock().with_speed(entry("a")).with_speed(entry("x")).with_speed(entry("a", C))
    save_lock(tmp_path, one)
    text = (tmp_path / NAME).read_bytes()
    save_lock(tmp_path, two)
    assert (tmp_path / NAME).read_bytes() == text
    assert load_lock(tmp_path) == one == two
    assert one.speed_of("a", A, C) == speed(1.5)
    assert one.speed_of("a", C, A) is None


def test_measured_again_replaces(tmp_path: Path) -> None:
    lock = Lock().with_speed(entry(ratio=1.5)).with_speed(entry(ratio=0.5))
    assert [each.speed.ratio for each in lock.speeds] == [0.5]
    with pytest.raises(ValidationError, match="two entries for host-litert"):
        Lock(speeds=(entry(), entry()))


def test_unchanged_lock_is_not_written(tmp_path: Path) -> None:
    save_lock(tmp_path, Lock())
    inode = (tmp_path / NAME).stat().st_ino
    save_lock(tmp_path, Lock())
    assert (tmp_path / NAME).stat().st_ino == inode


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is damaged"),
        (b'{"schema": 1, "spee', "is damaged"),
        (b"<<<<<<< HEAD\n{}", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b"\xff", "not UTF-8"),
        (b"[]", "the whole"),
        (b'{"schema": 99}', "schema version 99\n  expected: version 1"),
        (b'{"schema": 1, "speeds": [{"target": "x"}]}', "speeds.0.float_model: Field required"),
        (b'{"schema": 1, "speed": []}', "speed: Extra inputs"),
    ],
)
def test_damaged_lock_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / NAME).write_bytes(data)
    with pytest.raises(ConfigError, match=words) as caught:
        load_lock(tmp_path)
    assert caught.value.exit_code == 2
    assert caught.value.fix
