"""One project, one lock, two folders, two processes, two empty caches: the same bytes, and no path of ours in them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_project import HOSTS, edit, make_project

import edgebuild

pytestmark = pytest.mark.slow


def build(root: Path, cache: Path, out: Path) -> None:
    command = [sys.executable, "-m", "edgebuild.cli.main", "build", str(root), "--archive", "-o", str(out)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "EDGEBUILD_CACHE": str(cache)}
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]


def members(data: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    """Every file in an archive, those of archives inside it too."""
    yield name, data
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield from members(archive.read(member), f"{name}/{member}")


def test_archives_are_the_same_and_name_no_place(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "another-folder" / "deeper"
    make_project(one)
    edit(one / "edgebuild.toml", '["board"]', str(list(HOSTS)).replace("'", '"'))
    shutil.copytree(one, two)
    build(one, tmp_path / "cache-one", tmp_path / "out-one")
    shutil.copy(one / "edgebuild.lock", two)
    build(two, tmp_path / "cache-two", tmp_path / "out-two")

    first = {path.name: path.read_bytes() for path in (tmp_path / "out-one").iterdir()}
    second = {path.name: path.read_bytes() for path in (tmp_path / "out-two").iterdir()}
    assert set(first) == set(second) == {f"{name}.edgebundle" for name in HOSTS}
    ours = {name: dict(members(data, name)) for name, data in first.items()}
    theirs = {name: dict(members(data, name)) for name, data in second.items()}
    for name, files in ours.items():
        assert [file for file, data in files.items() if theirs[name].get(file) != data] == []
    assert first == second

    places = [str(tmp_path), str(Path(edgebuild.__file__).parent), str(Path.home()), sys.prefix, "site-packages"]
    leaks = [
        (name, place)
        for files in ours.values()
        for name, data in files.items()
        for place in places
        if place.encode() in data
    ]
    assert leaks == []
