"""A build for three runtimes: its bytes are the same anywhere, and to find it unchanged imports none of them."""

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
from test_build_imports import HEAVY, imported
from tiny_project import HOSTS, edit, make_project

import edgebuild

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ``project``, its ``cache``, and in ``out`` its archives for three runtimes."""
    place = tmp_path_factory.mktemp("built")
    make_project(place / "project")
    edit(place / "project" / "edgebuild.toml", '["board"]', str(list(HOSTS)).replace("'", '"'))
    edit(place / "project" / "edgebuild.toml", "pure = false\n", "")
    first = imported(HEAVY, place / "cache", *arguments(place / "project", place / "out"))
    assert first[0] == "0"
    assert "torch" in first
    return place


def arguments(root: Path, out: Path) -> tuple[str, ...]:
    return "build", str(root), "--archive", "-o", str(out)


def build(root: Path, cache: Path, out: Path) -> None:
    command = [sys.executable, "-m", "edgebuild.cli.main", *arguments(root, out)]
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


def test_an_unchanged_build_imports_neither_runtimes_nor_numpy(built: Path) -> None:
    found = imported((*HEAVY, "numpy", "rich"), built / "cache", *arguments(built / "project", built / "out"))
    assert found == ["0"]


def test_archives_are_the_same_and_name_no_place(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built / "project", tmp_path / "another-folder" / "deeper")
    build(tmp_path / "another-folder" / "deeper", tmp_path / "cache", tmp_path / "out")

    first = {path.name: path.read_bytes() for path in (built / "out").iterdir()}
    second = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(first) == set(second) == {f"{name}.edgebundle" for name in HOSTS}
    ours = {name: dict(members(data, name)) for name, data in first.items()}
    theirs = {name: dict(members(data, name)) for name, data in second.items()}
    for name, files in ours.items():
        assert [file for file, data in files.items() if theirs[name].get(file) != data] == []
    assert first == second

    places = [
        str(built),
        str(tmp_path),
        str(Path(edgebuild.__file__).parent),
        str(Path.home()),
        sys.prefix,
        "site-packages",
    ]
    leaks = [
        (name, place)
        for files in ours.values()
        for name, data in files.items()
        for place in places
        if place.encode() in data
    ]
    assert leaks == []
