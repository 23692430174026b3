"""The board is set up, the bundle built and its first run measured once; each test measures a copy of the bundle."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import NAME, PROFILES, Desk, copied, nothing_is_left_here, nothing_is_left_there

from edgebuild.cli.main import main
from edgebuild.devices.board.image import boards_folder
from edgebuild.devices.board.up import forget_board

_DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits"
_PROFILE = """\
schema = 1
name = "{name}"
[quantization]
precisions = ["float32"]
[measuring]
runs = {runs}
max_runs = {runs}
[conditions]
min_free_mib = 0
[judging]
confidence = 0.4
"""


@pytest.fixture(scope="session")
def shelf(board_ready: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the board's files, the project and, under ``out``, the bundle of one measured run."""
    root, images = tmp_path_factory.mktemp("shelf"), boards_folder() / "images"
    (root / "cache" / "boards").mkdir(parents=True)
    (root / "cache" / "boards" / "images").symlink_to(images)
    project = Path(shutil.copytree(_DIGITS, root / "project", ignore=shutil.ignore_patterns("build", "__pycache__")))
    (project / "profiles").mkdir()
    for name, runs in PROFILES.items():
        (project / "profiles" / f"{name}.toml").write_text(_PROFILE.format(name=name, runs=runs), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        _at(root, patch)
        building = subprocess.Popen(
            [sys.executable, "-m", "edgebuild.cli.main", "build", project, "-t", "raspberry-pi-5", "-p", "one",
             "-o", root / "out"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            assert main(["devices", "add", NAME, "--virtual", "cortex-a76", "--memory", "256MiB"]) == 0
            assert main(["devices", "setup", NAME, "--runtime", "onnxruntime"]) == 0
            assert main(["devices", "up", NAME]) == 0
            said, _ = building.communicate(timeout=600)
            assert building.returncode == 0, said
            desk = Desk(project, root / "out" / "raspberry-pi-5")
            first = desk.bench(profile="one")
            assert first.code == 0, first.text
            assert desk.runs() == 1
            yield root
        finally:
            building.kill()
            building.communicate()
            forget_board(NAME)


@pytest.fixture
def desk(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The desk; nothing but a board that stays up is left on this machine afterwards."""
    _at(shelf, monkeypatch)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    made = Desk(shelf / "project", copied(shelf / "out" / "raspberry-pi-5", tmp_path))
    try:
        yield made
        nothing_is_left_here(temporary)
    finally:
        made.close()


@pytest.fixture
def up(desk: Desk) -> Iterator[Desk]:
    """The desk, with a board that is up and stays so, for this test and others; nothing is left on it afterwards."""
    assert main(["devices", "up", NAME]) == 0
    yield desk
    nothing_is_left_there(desk)


@pytest.fixture
def spoiled(up: Desk) -> Iterator[Desk]:
    """The desk, with a board that is up and is booted anew after this test, which does to it what it likes."""
    yield up
    assert main(["devices", "down", NAME]) == 0
    assert main(["devices", "up", NAME]) == 0


@pytest.fixture
def off(desk: Desk) -> Desk:
    """The desk, with a board that boots for each command."""
    assert main(["devices", "down", NAME]) == 0
    return desk


def _at(root: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("EDGEBUILD_CACHE", str(root / "cache"))
    patch.setenv("EDGEBUILD_DEVICES", str(root / "devices"))
    patch.setenv("EDGEBUILD_LOCKS", str(root / "locks"))
    patch.chdir(root)
    patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
