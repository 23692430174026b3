"""The console entry: one exit code and one answer, whatever a command does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from pydantic_core import to_json
from waiting import LIMIT_S

from edgebuild.cli import app, console
from edgebuild.cli.main import main
from edgebuild.core.errors import BuildError, ConfigError, ConfigErrors, DeviceError

ENTRY = [sys.executable, "-m", "edgebuild.cli.main"]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``edgebuild doctor`` replaced by whatever a test assigns to ``answer.reply``."""
    module = ModuleType("edgebuild.cli.commands.doctor", "Answer.")

    def command(json: console.Json = False) -> int:
        return module.reply(json)  # type: ignore[no-any-return]

    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def raising(error: BaseException) -> object:
    def reply(_json: bool) -> int:
        raise error

    return reply


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConfigError("a.toml", "bad", expected="good", fix="mend it"), 2, "to fix: mend it"),
        (BuildError("export", "no such operator"), 3, "export: no such operator"),
        (DeviceError("pi", "link lost"), 5, "pi: link lost"),
        (RuntimeError("boom"), 70, "RuntimeError: boom"),
        (SystemExit(1), 70, "SystemExit"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 70, "MemoryError"),
    ],
)
def test_every_error_has_its_exit_code_and_a_message(
    answer: ModuleType, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, words: str
) -> None:
    answer.reply = raising(error)  # type: ignore[attr-defined]
    assert main(["doctor", "--json"]) == code
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["schema"], document["command"], document["exit_code"]) == (1, "doctor", code)
    assert words in document["error"]["message"]
    assert words in err
    assert "Traceback" not in err


def test_all_problems_are_in_the_document(answer: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    problems = [ConfigError("a", "x"), ConfigError("b", "y")]
    answer.reply = raising(ConfigErrors("a.toml", problems))  # type: ignore[attr-defined]
    assert main(["doctor", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)["error"]["problems"]
    assert [problem["subject"] for problem in found] == ["a", "b"]


def test_a_command_without_an_exit_code_is_a_bug(answer: ModuleType) -> None:
    answer.reply = lambda _json: None  # type: ignore[attr-defined]
    assert main(["doctor"]) == 70


def test_stray_prints_do_not_reach_stdout(answer: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    def reply(json: bool) -> int:
        print("noise of a library")
        return console.emit("doctor", {"a": 1}, "text", json=json, exit_code=4)

    answer.reply = reply  # type: ignore[attr-defined]
    assert main(["doctor", "--json"]) == 4
    out, err = capsys.readouterr()
    assert json.loads(out)["result"] == {"a": 1}
    assert "noise" in err


def test_a_table_tells_its_words_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table("why", title="of [this]")
    table.add_row("give [data.calibration], not :smile: or [/red]")
    assert console.emit("doctor", {}, table, json=False) == 0
    told = capsys.readouterr().out
    assert "give [data.calibration], not :smile: or [/red]" in told
    assert "of [this]" in told


@pytest.mark.parametrize("args", [["bulid"], [], ["doctor", "--nope"], ["--nope"], ["init", "a", "b"]])
def test_usage_errors_exit_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*args, "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["exit_code"] == 2
    assert err.startswith("edgebuild: ")


def test_every_command_has_a_help_line_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in app.command_names():
        assert app.help_line(name), name
        assert main([name, "--help"]) == 0
        assert "Usage: edgebuild" in capsys.readouterr().out


def test_an_injected_fault_exits_70() -> None:
    env = os.environ | {"EDGEBUILD_INJECT_FAULT": "doctor"}
    done = subprocess.run([*ENTRY, "doctor", "--json"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert json.loads(done.stdout)["error"]["kind"] == "InternalError"


def test_no_other_package_has_a_say_in_how_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "meddler.py").write_text("from pathlib import Path\nPath(__file__).with_name('seen').touch()\n")
    (tmp_path / "meddler-1.dist-info").mkdir()
    (tmp_path / "meddler-1.dist-info" / "entry_points.txt").write_text("[pydantic]\nmeddler = meddler:plugin\n")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    assert subprocess.run([*ENTRY, "targets", "list"], env=env, capture_output=True, check=False).returncode == 0
    assert not (tmp_path / "seen").exists()


NOISY = """
import os, sys
from edgebuild.cli import console
with console.reserved_stdout():
    os.write(1, b"noise from C\\n")
    print("noise from Python")
    code = console.emit("x", {}, "the answer", json=%r, exit_code=4)
console.close_stdout()
sys.exit(code)
"""


def test_noise_below_python_goes_to_stderr() -> None:
    done = subprocess.run([sys.executable, "-c", NOISY % False], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (4, "the answer\n")
    assert "noise from C" in done.stderr
    assert "noise from Python" in done.stderr


@pytest.mark.parametrize("as_json", [False, True])
def test_a_reader_that_went_away_does_not_change_the_exit_code(as_json: bool) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-c", NOISY % as_json], stdout=write, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(write)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["net.onnx", "net.tflite", "net.pt2", "model.py"])
def test_init_names_the_model_that_is_there(tmp_path: Path, name: str) -> None:
    import tomllib

    (tmp_path / name).write_text("def network():\n    ...\ndef _own(): ...\ndef needs(x): ...\n")
    assert main(["init", str(tmp_path)]) == 0
    written = tomllib.loads((tmp_path / "edgebuild.toml").read_text())
    assert written["model"]["source"] == ("model.py:network" if name == "model.py" else name)


def test_init_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"")
    (tmp_path / "edgebuild.toml").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert (tmp_path / "edgebuild.toml").read_text() == "mine"


@pytest.mark.parametrize("files", [[], ["a.onnx", "b.onnx"]])
def test_init_says_when_it_cannot_tell_the_model(
    tmp_path: Path, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for file in files:
        (tmp_path / file).write_bytes(b"")
    assert main(["init", str(tmp_path)]) == 2
    assert "--model" in capsys.readouterr().err


def test_an_interrupt_in_a_finalizer_still_ends_the_command(
    answer: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    class Finalized:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def reply(_json: bool) -> int:
        Finalized()
        time.sleep(LIMIT_S)
        return 0

    answer.reply, begun = reply, time.monotonic()  # type: ignore[attr-defined]
    assert main(["doctor"]) == 130
    assert time.monotonic() - begun < LIMIT_S, "its sleep was not broken off"
    assert "Traceback" not in capsys.readouterr().err


def test_an_interrupt_that_a_library_takes_for_its_own_failure_ends_the_command(
    answer: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def reply(_json: bool) -> int:
        to_json(object(), fallback=lambda _: signal.raise_signal(signal.SIGINT))
        return 0

    answer.reply = reply  # type: ignore[attr-defined]
    assert main(["doctor"]) == 130
    assert "internal error" not in capsys.readouterr().err


def test_an_interrupt_that_a_library_swallows_ends_the_command(answer: ModuleType) -> None:
    def reply(_json: bool) -> int:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return 0

    answer.reply = reply  # type: ignore[attr-defined]
    assert main(["doctor"]) == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


TOO_LATE = """
import os, signal, sys
from edgebuild.cli.main import main
sys.argv = ["edgebuild", "profiles", "list"]
code = main()
os.kill(os.getpid(), signal.SIGINT)
sys.exit(code)
"""


def test_an_interrupt_once_the_command_is_over_changes_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", TOO_LATE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
