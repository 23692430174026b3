"""What is asked of a device's shell, tried on this machine's; and what a device says, taken with care."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest
from processes import running, sleep_of_its_own
from waiting import LIMIT_S, eventually

from edgebuild.core.errors import DeviceError
from edgebuild.devices.base import SAID_LIMIT
from edgebuild.devices.remote import Kept, Tail, identity, keep_command, kept, not_started, place_in, run_command


def start(command: str, *, leads: bool) -> subprocess.Popen[str]:
    """As a server would start it: ``leads`` a session of its own, as OpenSSH does, or not."""
    return subprocess.Popen(
        ["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=leads,
    )  # fmt: skip


def assert_ends(mark: str) -> None:
    """Nothing is left that was told this number, neither ``sleep`` nor a shell."""
    eventually(lambda: not running(mark), "the run has ended")


@pytest.mark.parametrize("leads", [True, False])
@pytest.mark.parametrize("tended", [True, False])
def test_the_end_of_the_input_ends_the_run(tmp_path: Path, tended: bool, leads: bool) -> None:
    mark = sleep_of_its_own()
    argv = ["sh", "-c", f"sleep {mark} & echo on; sleep {mark}"]
    with start(run_command(str(tmp_path), "m", 100, argv, tended=tended), leads=leads) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        eventually(lambda: len(running(f"^sleep {mark}")) == 2, "both sleep")
        process.stdin.close()
        assert process.wait(LIMIT_S) in (-9, 137)
    assert_ends(mark)


@pytest.mark.parametrize("leads", [True, False])
@pytest.mark.parametrize("tended", [True, False])
def test_a_silent_link_ends_the_run_at_its_limit(tmp_path: Path, tended: bool, leads: bool) -> None:
    mark = sleep_of_its_own()
    argv = ["sh", "-c", f"sleep {mark} & sleep {mark}"]
    with start(run_command(str(tmp_path), "m", 1, argv, tended=tended), leads=leads) as process:
        assert process.wait(LIMIT_S) in (-9, 137)
    assert_ends(mark)


def test_a_tended_run_leaves_no_clock_ticking(tmp_path: Path) -> None:
    mark = sleep_of_its_own()
    with start(run_command(str(tmp_path), "m", int(mark), ["true"], tended=True), leads=True) as process:
        assert process.wait(LIMIT_S) == 0
    assert_ends(mark)


@pytest.mark.parametrize(("folder", "program", "words"), [("no", "true", "folder is gone"), ("", "no-such", "no-such")])
def test_a_program_that_can_not_start_is_told_from_one_that_failed(
    tmp_path: Path, folder: str, program: str, words: str
) -> None:
    done = subprocess.run(
        ["sh", "-c", run_command(str(tmp_path / folder), "mark", 90, [program])],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    error = not_started("pi", program, "mark", done.stderr)
    assert error is not None
    assert words in str(error)
    assert not_started("pi", program, "other", done.stderr) is None


def test_the_work_folder_goes_with_the_input(tmp_path: Path) -> None:
    base = tmp_path / "it's a $(place)"
    with start(keep_command(str(base), "/nowhere"), leads=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = kept("pi", b"".join(iter(lambda: process.stdout.readline().encode(), b".\n")) + b".\n")
        assert told is not None
        folder = Path(told.folder)
        assert told.machine == platform.machine()
        assert told.cpuinfo.startswith("processor\t: 0\n")
        assert folder.parent == base
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "a").mkdir()
        process.stdin.close()
        assert process.wait(LIMIT_S) == 0
    assert list(base.iterdir()) == []


def test_no_place_for_a_work_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with start(keep_command(str(tmp_path / "file"), "/nowhere"), leads=True) as process:
        assert process.communicate("", LIMIT_S)[0] == ""
    assert process.returncode == 3


@pytest.mark.parametrize("said", ["", "relative", "/a\x1b[2Jb", "/" + "a" * 600])
def test_a_device_that_names_no_folder(said: str) -> None:
    with pytest.raises(DeviceError, match="names no work folder"):
        kept("pi", f"{said}\naarch64\n\n.\n".encode())


def test_what_a_keeper_says_is_taken_when_it_is_all_there() -> None:
    said = b"/w\naarch64\nCPU part\t: 0xd0b\n\n.\n"
    assert [kept("pi", said[:end]) for end in range(len(said))] == [None] * len(said)
    assert kept("pi", said) == Kept("/w", "aarch64", "CPU part\t: 0xd0b\n\n")


def test_a_keeper_that_says_too_much_is_not_waited_for() -> None:
    with pytest.raises(DeviceError, match="was ended"):
        kept("pi", b"/w\n" * (SAID_LIMIT // 3 + 1))


@pytest.mark.parametrize("name", ["..", "../x", "/x", "a/../../x", "", ".", "/w", "/wx/y", "a\0b"])
def test_places_outside(name: str) -> None:
    with pytest.raises(DeviceError, match="outside the work folder"):
        place_in("pi", "/w", name)
    assert place_in("pi", "/w", "a/./b/../c") == "/w/a/c"


def test_a_tail_keeps_characters_whole() -> None:
    heard: list[str] = []
    tail = Tail(heard.append)
    for byte in "é☃".encode():
        tail.add(bytes([byte]))
    assert "".join(heard) == tail.text() == "é☃"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("model name\t: Intel(R) N100\nmodel name: other\n", "pi/aarch64/Intel(R) N100"),
        ("CPU implementer\t: 0x41\nCPU part\t: 0xd0b\n", "pi/aarch64/0x41-0xd0b"),
        ("CPU implementer: 0x41\nCPU part: 0xd0b\nModel\t\t: Raspberry Pi 5\n", "pi/aarch64/Raspberry Pi 5 0x41-0xd0b"),
        ("", "pi/aarch64/unknown"),
        ("Model: \x1b]0;x\x07a/b\n", "pi/aarch64/]0;xa-b"),
        ("Model: " + "x" * 10_000, "pi/aarch64/" + "x" * 80),
    ],
)  # fmt: skip
def test_what_a_device_is(cpuinfo: str, expected: str) -> None:
    assert identity("pi", "aarch64\n", cpuinfo) == expected
