"""The store under kills, races, full disks and read-only places: with real processes and real file systems."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_samples import FILES, manifest_for

from edgebuild.core.artifact import Quality
from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.evidence import VariantQuality, record_of
from edgebuild.store.bundle import open_bundle, write_bundle
from edgebuild.store.cache import Cache
from edgebuild.store.evidence import append, read_evidence

KILLS = 50
KEYS = [digest_bytes(str(number).encode()) for number in range(6)]
"""Few, so that killed processes meet on the same ones."""


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def forked(work: Callable[[], None]) -> int:
    """A child process doing some work; its exit status is 0 if the work returned, 1 if it raised."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def make(folder: Path) -> None:
    for number in range(5):
        (folder / f"f{number}").write_bytes(bytes([number]) * 200_000)


def build_forever(root: Path, seed: int) -> None:
    cache, choose = Cache(root / "cache"), random.Random(seed)
    while True:
        build_once(root, cache, choose)


def build_once(root: Path, cache: Cache, choose: random.Random) -> None:
    key = choose.choice(KEYS)
    cache.produce(key, "export", make)
    cache.remember(key, b"r" * 5000)
    files = {**FILES, "model.onnx": bytes([choose.randrange(256)]) * 100_000}
    write_bundle(root / "folder", files, manifest_for(files))
    write_bundle(root / "archive", files, manifest_for(files), archive=True)
    bundle = open_bundle(root / "fixed")
    quality = Quality(metric="top1", dataset=KEYS[0], samples=1)
    append(bundle, record_of(bundle.digest, VariantQuality(precision="int8", quality=quality), "now"))
    cache.gc(max_bytes=0)


def check_all(root: Path) -> None:
    cache = Cache(root / "cache")
    for key in KEYS:
        entry = cache.get(key)
        assert entry is None or entry.check() == ()
        assert cache.recall(key) in (None, b"r" * 5000)
    for name in ("folder", "archive"):
        assert not (root / name).exists() or open_bundle(root / name).check() == ()
    read_evidence(open_bundle(root / "fixed"))


def test_fifty_kills_leave_nothing_to_trip_over(tmp_path: Path) -> None:
    write_bundle(tmp_path / "fixed", FILES, manifest_for(FILES))
    choose, begun = random.Random(7), time.monotonic()
    build_once(tmp_path, Cache(tmp_path / "cache"), choose)
    whole = time.monotonic() - begun  # a slow disk's kills come at the same places
    kept = read_evidence(open_bundle(tmp_path / "fixed"))
    for seed in range(KILLS):
        child = forked(lambda seed=seed: build_forever(tmp_path, seed))  # type: ignore[misc]
        time.sleep(choose.uniform(0.002, 2 * whole))
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL  # it had not failed before
        check_all(tmp_path)
    cache = Cache(tmp_path / "cache")
    assert all(cache.produce(key, "export", make).check() == () for key in KEYS)
    assert write_bundle(tmp_path / "folder", FILES, manifest_for(FILES)).check() == ()
    assert write_bundle(tmp_path / "archive", FILES, manifest_for(FILES), archive=True).check() == ()
    assert read_evidence(open_bundle(tmp_path / "fixed"))[:1] == kept
    litter = [path for path in tmp_path.glob(".*") if path.name.endswith(".partial")]
    assert not litter, "a finished write sweeps what killed ones left"
    assert len(list((tmp_path / "cache" / "v1" / "work").iterdir())) <= 1


def test_two_builds_at_once_both_succeed(tmp_path: Path) -> None:
    def build() -> None:
        cache = Cache(tmp_path / "cache")
        for number in range(40):
            key = digest_bytes(b"shared" + bytes([number]))
            assert cache.produce(key, "export", make).check() == ()
            cache.remember(KEYS[0], bytes([number]) * 3000)
            files = {**FILES, "model.onnx": bytes([number]) * 1000}
            for name, archive in (("folder", False), ("archive", True)):
                write_bundle(tmp_path / name, files, manifest_for(files), archive=archive)

    children = [forked(build), forked(build)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    assert Cache(tmp_path / "cache").stats().entries == 40
    assert open_bundle(tmp_path / "folder").check() == open_bundle(tmp_path / "archive").check() == ()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB of its own, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"can't mount a small file system: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_full_disk_is_one_clear_error_and_leaves_nothing(small_disk: Path) -> None:
    cache = Cache(small_disk / "cache")
    large = {**FILES, "model.onnx": os.urandom(2 << 20)}
    for write in (
        lambda: cache.produce(
            KEYS[0], "export", lambda folder: (folder / "a").write_bytes(large["model.onnx"]) and None
        ),
        lambda: cache.remember(KEYS[0], large["model.onnx"]),
        lambda: write_bundle(small_disk / "b", large, manifest_for(large)),
        lambda: write_bundle(small_disk / "b", large, manifest_for(large), archive=True),
    ):
        with pytest.raises(BuildError, match=r"no space left for .*\n  to fix: free some space"):
            write()
    assert cache.get(KEYS[0]) is None
    assert cache.recall(KEYS[0]) is None
    assert names_in(small_disk) == ["cache"]
    assert write_bundle(small_disk / "b", FILES, manifest_for(FILES)).check() == ()


def test_read_only_place_is_one_clear_error_and_can_be_read(small_disk: Path) -> None:
    Cache(small_disk / "cache").produce(KEYS[0], "export", lambda folder: (folder / "a").write_bytes(b"a") and None)
    Cache(small_disk / "cache").remember(KEYS[0], b"r")
    bundle = write_bundle(small_disk / "b", FILES, manifest_for(FILES))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    cache = Cache(small_disk / "cache")
    entry = cache.get(KEYS[0])
    assert entry is not None
    assert entry.read("a") == b"a"
    assert cache.recall(KEYS[0]) == b"r"
    assert cache.stats().entries == 1
    assert write_bundle(small_disk / "b", FILES, manifest_for(FILES)).check() == ()
    quality = VariantQuality(precision="int8", quality=Quality(metric="top1", dataset=KEYS[0], samples=1))
    for write in (
        lambda: cache.produce(KEYS[1], "export", make),
        lambda: cache.remember(KEYS[0], b"s"),
        lambda: cache.gc(max_bytes=0),
        lambda: write_bundle(small_disk / "b", FILES, manifest_for(FILES, name="other")),
        lambda: write_bundle(small_disk / "c", FILES, manifest_for(FILES), archive=True),
        lambda: append(bundle, record_of(bundle.digest, quality, "now")),
    ):
        with pytest.raises(ConfigError, match="not writable: its file system is read-only"):
            write()


def test_file_size_limit_is_told_as_no_space(tmp_path: Path) -> None:
    def build() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        with pytest.raises(BuildError, match="no space left"):
            Cache(tmp_path).produce(KEYS[0], "export", make)

    assert os.waitstatus_to_exitcode(os.waitpid(forked(build), 0)[1]) == 0
    assert Cache(tmp_path).get(KEYS[0]) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions don't bind root")
def test_folder_without_permission_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o555)
    with pytest.raises(ConfigError, match="not writable: permission denied"):
        Cache(tmp_path / "cache").produce(KEYS[0], "export", make)


def test_a_forked_child_has_its_own_place(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.produce(KEYS[0], "export", make)

    def build() -> None:
        assert cache.produce(KEYS[1], "export", make).check() == ()

    assert os.waitstatus_to_exitcode(os.waitpid(forked(build), 0)[1]) == 0
    assert cache.produce(KEYS[2], "export", make).check() == ()
    assert cache.get(KEYS[1]) is not None
