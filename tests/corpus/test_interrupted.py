"""Ctrl-C at each stage of a build: exit code 130, nothing left behind, and the next build goes on from there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import warm
from corpus_place import Place, contents

from edgebuild.store.bundle import open_bundle

SECONDS = 600
_TRIAL = re.compile(r"scratch/(edgebuild-|tmp)?[a-z0-9_]{8}")
"""Made by Python's tempfile and empty: a file with which it tries a folder on first use, or a folder of which it was
just about to tell us when the signal came. Anything inside such a folder has a longer name and does count."""
STAGES = {
    "host-onnxruntime": {
        "load", "data", "golden", "export to onnxruntime", "trace onnxruntime", "run onnxruntime",
        "calibrate", "quantize for onnxruntime", "measure int8 against float", "package",
    },
    "host-litert": {"export to litert", "trace litert", "run litert", "quantize for litert"},
    "host-openvino": {"export to openvino", "trace openvino", "run openvino", "quantize for openvino"},
}  # fmt: skip
"""Stages that take long enough to be interrupted for certain."""
FIRST, *OTHERS = STAGES
"""The target whose build the suite interrupts, and those that scripts/long_tests adds."""


@pytest.fixture(scope="module")
def module_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Targets share the stages that they have in common, so that each is interrupted in its own."""
    return tmp_path_factory.mktemp("interrupted") / "cache"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("shared"))
    made.edit("profiles/exact.toml", '["float32"]', '["float32", "int8"]')
    (made.root / "scratch").mkdir()
    return made


@pytest.fixture(scope="module")
def seen() -> set[str]:
    """The stages that were interrupted: those that targets have in common once, in the first target's build."""
    return set()


def interrupted_build(place: Place, cache: Path, target: str, seen: set[str]) -> tuple[int, str]:
    """A build that gets SIGINT, as a terminal sends it, at the first stage not in ``seen``, which is added."""
    environment = os.environ | {"EDGEBUILD_CACHE": str(cache), "TMPDIR": str(place.root / "scratch")}
    argv = ["build", str(place.project), "-o", str(place.out), "-t", target]
    command, said, sent = warm.start(argv, environment, Path(__file__).parents[2], stdout=False), [], False
    too_long = threading.Timer(SECONDS, command.kill)
    too_long.start()
    for line in command.said:
        said.append(line)
        stage, colon, _ = line.partition(": ")
        if colon and not sent and stage not in seen | {"edgebuild"}:
            seen.add(stage)
            command.kill(signal.SIGINT)
            sent = True
    code, _ = command.code()
    too_long.cancel()
    return code, "".join(said)


def test_ctrl_c_while_torch_is_imported(shared: Place, tmp_path: Path) -> None:
    """In a process of its own from the start: the others have imported torch before the command begins."""
    argv = [sys.executable, "-m", "edgebuild.cli.main", "build", str(shared.project), "-o", str(tmp_path / "out")]
    environment = os.environ | {"EDGEBUILD_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("load: ")
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    assert not list((tmp_path / "cache").glob("v1/work/*"))


@pytest.mark.parametrize("target", [FIRST, *(pytest.param(name, marks=pytest.mark.long) for name in OTHERS)])
def test_ctrl_c_at_each_stage(target: str, shared: Place, module_cache: Path, seen: set[str]) -> None:
    before = {name for name in contents(shared.root) if not name.startswith("out")}
    code, said = 130, ""
    while code == 130:
        code, said = interrupted_build(shared, module_cache, target, seen)
        assert "Traceback" not in said
        left = {name for name in contents(shared.root) if not name.startswith("out") and not _TRIAL.fullmatch(name)}
        assert left - before <= {"project/edgebuild.lock"}
        assert not list(module_cache.glob("v1/work/*"))
        if code == 130:
            assert "interrupted" in said
            assert not [name for name in contents(shared.out) if name.startswith(".")]
    assert code == 0, said
    assert seen >= STAGES[target]
    assert open_bundle(shared.out / target).check() == ()
