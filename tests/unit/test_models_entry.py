from __future__ import annotations

import linecache
import sys
import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edgebuild.core.digest import Digest
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.models.entry import call_entry, entry_state
from edgebuild.models.watch import watching
from edgebuild.store.cache import Cache

SOURCE = """
import os
import deep.inner
import near
HERE = os.path.dirname(__file__)
def make():
    with open(os.path.join(HERE, "read.txt")) as f:
        text = f.read()
    with open(os.path.join(HERE, "written.txt"), "w") as f:
        f.write(text)
    return text + near.WORD + deep.inner.WORD + "".join(sorted(os.listdir(os.path.join(HERE, "listed"))))
def fails():
    values = {}
    return values["nothing"]
def leaves():
    import sys
    sys.exit(3)
def prints():
    print("hello")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "deep").mkdir(parents=True)
    (root / "listed").mkdir()
    (root / "main.py").write_text(SOURCE, encoding="utf-8")
    (root / "near.py").write_text("from deep.inner import WORD as W\nWORD = 'n'\n", encoding="utf-8")
    (root / "deep" / "inner.py").write_text("WORD = 'd'\n", encoding="utf-8")
    (root / "read.txt").write_text("r", encoding="utf-8")
    (root / "declared.bin").write_bytes(b"1")
    return root


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def call(root: Path, cache: Cache, name: str = "make", pure: bool = True) -> object:
    return call_entry(f"main.py:{name}", root, pure=pure, input_files=("declared.bin",), cache=cache)


def state(root: Path, cache: Cache, pure: bool = True) -> Digest | None:
    return entry_state("main.py:make", root, pure=pure, input_files=("declared.bin",), cache=cache)


def test_the_key_changes_with_everything_that_was_read(root: Path, cache: Cache) -> None:
    assert state(root, cache) is None
    assert call(root, cache) == "rnd"
    keys = [state(root, cache)]
    assert keys[0] is not None
    assert state(root, cache) == keys[0]
    for name, content in {
        "main.py": SOURCE + "\n# changed",
        "near.py": "WORD = 'm'\n",
        "deep/inner.py": "WORD = 'e'\n",
        "read.txt": "s",
        "declared.bin": "2",
        "listed/new": "",
    }.items():
        (root / name).write_text(content, encoding="utf-8")
        keys.append(state(root, cache))
    assert None not in keys
    assert len(set(keys)) == 7
    assert call(root, cache) == "smenew"


def test_the_key_ignores_what_was_written_and_what_was_not_read(root: Path, cache: Cache) -> None:
    call(root, cache)
    key = state(root, cache)
    (root / "written.txt").write_text("other", encoding="utf-8")
    (root / "other.py").write_text("", encoding="utf-8")
    assert state(root, cache) == key


def test_the_key_is_unknown_when_a_file_is_gone_or_it_is_not_pure(root: Path, cache: Cache) -> None:
    call(root, cache)
    assert state(root, cache, pure=False) is None
    (root / "read.txt").unlink()
    assert state(root, cache) is None


def test_the_data_folder_is_part_of_the_key(root: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    call(root, cache)
    key = state(root, cache)
    monkeypatch.setenv("EDGEBUILD_DATA", str(root))
    assert state(root, cache) not in (None, key)


def test_modules_are_fresh_each_time_and_leave_nothing_behind(root: Path, cache: Cache, tmp_path: Path) -> None:
    path, modules = list(sys.path), set(sys.modules)
    call(root, cache)
    assert sys.path == path
    assert not {m for m in set(sys.modules) - modules if m.startswith(("near", "deep", "edgebuild_entry"))}
    assert not list(root.rglob("__pycache__"))
    other = tmp_path / "other"
    other.mkdir()
    (other / "main.py").write_text("import near\ndef make():\n    return near.WORD\n", encoding="utf-8")
    (other / "near.py").write_text("WORD = 'x'\n", encoding="utf-8")
    assert call_entry("main.py:make", other, pure=True, input_files=(), cache=cache) == "x"


def test_a_module_from_elsewhere_does_not_stand_in_for_a_neighbour(root: Path, cache: Cache, tmp_path: Path) -> None:
    """As where another project's were left behind, or the program that calls has one of that name itself."""
    (tmp_path / "near.py").write_text("WORD = 'another'", encoding="utf-8")
    stranger = ModuleType("near")
    stranger.__file__ = str(tmp_path / "near.py")
    sys.modules["near"] = stranger
    try:
        assert call(root, cache) == "rnd"
        assert sys.modules["near"] is stranger
    finally:
        del sys.modules["near"]


def test_two_runs_draw_the_same_random_numbers(root: Path, cache: Cache) -> None:
    (root / "main.py").write_text(
        "import random, numpy\ndef make():\n    return random.random(), numpy.random.rand()\n", encoding="utf-8"
    )
    assert call(root, cache) == call(root, cache)


def test_prints_go_to_stderr(root: Path, cache: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    call(root, cache, "prints")
    assert capsys.readouterr() == ("", "hello\n")


def test_what_the_user_did_wrong_is_named_with_their_line(root: Path, cache: Cache) -> None:
    line = SOURCE.splitlines().index('    return values["nothing"]') + 1
    with pytest.raises(BuildError, match=rf"raised at main.py:{line}: KeyError: 'nothing'"):
        call(root, cache, "fails")
    with pytest.raises(BuildError, match=r"sys.exit\(3\)"):
        call(root, cache, "leaves")
    with pytest.raises(ConfigError, match="did you mean make"):
        call(root, cache, "mak")
    (root / "main.py").write_text("def make(:\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"main.py:1: not valid Python"):
        call(root, cache)
    (root / "main.py").write_text("import near\nimport nothing_of_that_name\n", encoding="utf-8")
    with pytest.raises(BuildError, match=r"could not be imported at main.py:2: ModuleNotFoundError"):
        call(root, cache)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("mian.py:make", "did you mean main.py"),
        ("main.py", "not an entry point"),
        ("main.py:", "not an entry point"),
        ("../main.py:make", "leads out of"),
    ],
)
def test_entry_points_that_are_none(spec: str, words: str, root: Path, cache: Cache) -> None:
    (root.parent / "main.py").write_text("def make():\n    return 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        call_entry(spec, root, pure=True, input_files=(), cache=cache)


def test_a_declared_file_must_exist(root: Path, cache: Cache) -> None:
    with pytest.raises(ConfigError, match=r"gone.bin does not exist"):
        call_entry("main.py:make", root, pure=True, input_files=("gone.bin",), cache=cache)


def test_numpy_files_are_seen(root: Path, cache: Cache) -> None:
    np.savez(root / "a.npz", x=np.zeros(3))
    (root / "main.py").write_text(
        "import numpy, pathlib\ndef make():\n    return numpy.load(pathlib.Path(__file__).parent / 'a.npz')['x']\n",
        encoding="utf-8",
    )
    call(root, cache)
    key = state(root, cache)
    np.savez(root / "a.npz", x=np.ones(3))
    assert state(root, cache) not in (None, key)


def test_a_thread_that_the_user_starts_is_watched_and_one_that_was_there_is_not(tmp_path: Path) -> None:
    for name in ("users", "librarys"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    begin = threading.Event()

    def read_when_told() -> None:
        begin.wait(60)
        (tmp_path / "librarys").read_text(encoding="utf-8")

    library = threading.Thread(target=read_when_told)
    library.start()
    with watching() as watch:
        begin.set()
        library.join()
        users = threading.Thread(target=(tmp_path / "users").read_bytes)
        users.start()
        users.join()
    assert watch.files() == [tmp_path / "users"]


def test_a_source_file_that_is_quoted_is_not_read(tmp_path: Path) -> None:
    caller = tmp_path / "caller.py"
    caller.write_text("trace()\n", encoding="utf-8")
    with watching() as watch:
        assert linecache.getline(str(caller), 1) == "trace()\n"
    assert watch.files() == []
    with watching() as watch:
        caller.read_text(encoding="utf-8")
    assert watch.files() == [caller]
