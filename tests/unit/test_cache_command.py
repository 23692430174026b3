"""``edgebuild cache``: what it says and its exit codes."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from edgebuild.cli.main import main
from edgebuild.core.digest import digest_bytes
from edgebuild.store.cache import Cache


def fill(root: Path) -> None:
    Cache(root).produce(digest_bytes(b"k"), "export", lambda folder: (folder / "a").write_bytes(b"a" * 5000) and None)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 0
    result: dict[str, object] = document["result"]
    return result


def test_stats_then_gc(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(place)
    (index,) = place.rglob("index.json")
    hour_ago = time.time() - 3600
    os.utime(index, (hour_ago, hour_ago))  # within one tick of the clock it would still count as in use
    assert main(["cache", "stats", "--json"]) == 0
    found = answer(capsys)
    assert (found["root"], found["entries"], found["records"]) == (str(place), 1, 0)
    assert main(["cache", "gc", "--json"]) == 0
    assert answer(capsys)["removed"] == 0
    assert main(["cache", "gc", "--max-size", "1 KiB", "--json"]) == 0
    assert answer(capsys)["removed"] == 1
    assert main(["cache", "stats"]) == 0
    assert "0 entries and 0 records" in capsys.readouterr().out


def test_bad_size_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "gc", "--max-size", "5 parsecs"]) == 2
    assert "unit 'parsecs' is not one of" in capsys.readouterr().err
    assert main(["cache", "gc", "--max-days", "-1"]) == 2


@pytest.mark.parametrize("verb", ["stats", "gc"])
def test_injected_fault_exits_70(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBUILD_INJECT_FAULT", "cache")
    assert main(["cache", verb]) == 70


def test_store_imports_nothing_heavy() -> None:
    import subprocess

    script = (
        "import sys, edgebuild.store.cache, edgebuild.store.bundle, edgebuild.store.evidence, edgebuild.store.lock\n"
    )
    script += "print(sorted({m.partition('.')[0] for m in sys.modules} & {'torch', 'numpy', 'rich', 'onnx', 'scipy'}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
