"""What every transport keeps: one template over those there are."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from loopback_sshd import SSHD, Sshd, running
from waiting import LIMIT_S, eventually, once

from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import DeviceError
from edgebuild.devices.base import OUTPUT_KEPT, Device, Transport
from edgebuild.devices.opening import transport_names
from edgebuild.devices.transports.local import LocalTransport, open_local

ADB = os.environ.get("EDGEBUILD_TEST_ADB_SERIAL")
NASTY = ("a b", "'", '"', "$(touch x)", "`touch x`", "line\nline", "", "*", "~", "\\", "é ☃", "-n", "!", "; exit 9")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if SSHD is None:
        pytest.skip("no sshd on this machine")
    with running(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(params=[name for name in transport_names() if name != "fake"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    opened = OPENERS[request.param](request, monkeypatch)
    try:
        yield opened
    finally:
        opened.close()


def _local(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Device:
    return open_local()


def _ssh(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Device:
    from edgebuild.devices.transports.ssh import open_ssh

    server: Sshd = request.getfixturevalue("sshd")
    monkeypatch.setenv("HOME", str(server.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return open_ssh(DeviceEntry(name="board", transport="ssh", address=server.address, folder=str(server.device)))


def _adb(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Device:
    from edgebuild.devices.transports.adb import open_adb

    if ADB is None:
        pytest.skip("no device is offered in EDGEBUILD_TEST_ADB_SERIAL")
    folder = os.environ.get("EDGEBUILD_TEST_ADB_FOLDER")
    return open_adb(DeviceEntry(name="phone", transport="adb", address=ADB, folder=folder))


OPENERS: dict[str, Callable[[pytest.FixtureRequest, pytest.MonkeyPatch], Device]] = {
    "local": _local, "ssh": _ssh, "adb": _adb,
}  # fmt: skip


def test_every_transport_is_tried_here() -> None:
    assert {*OPENERS, "fake"} == {*transport_names()}


def shell(transport: Transport, script: str, *values: str, timeout_s: float = 60) -> str:
    done = transport.run(["sh", "-c", script, "sh", *values], timeout_s=timeout_s)
    assert done.code == 0, done
    return done.stdout


NOTE = "echo $$ > pids; sleep 300 & echo $! >> pids"
"""Writes down the two processes of a run, of which one would go on for long."""
TIME_TO_START = 10.0
"""Seconds in which the slowest device has written them down."""
LIVING = 'for p in $(cat pids); do grep -q "^State:.[^Z]" /proc/$p/status 2> /dev/null && echo $p; done; true'


def assert_no_process_is_left(transport: Transport) -> None:
    """None of those that ``NOTE`` wrote down; killing takes a moment."""
    assert noted(transport)
    eventually(lambda: not shell(transport, LIVING), "no process of the run is left")


def noted(transport: Transport) -> bool:
    """Whether the run has started both its processes."""
    return len(shell(transport, "cat pids 2> /dev/null; true").split()) == 2


def test_arguments_reach_the_program_unread(device: Device, tmp_path: Path) -> None:
    shell(device.transport, r'for a in "$@"; do printf "%s\000" "$a"; done > said', *NASTY)
    assert device.transport.pull("said", tmp_path / "said", limit=1000)
    assert (tmp_path / "said").read_bytes().decode().split("\0")[:-1] == list(NASTY)
    assert "x" not in shell(device.transport, "ls").split()


@pytest.mark.parametrize(
    ("script", "code"), [("exit 3", 3), ("exit 100", 100), ("kill -SEGV $$", -11), ("kill -KILL $$", -9)]
)
def test_the_end_of_a_program_is_kept(device: Device, script: str, code: int) -> None:
    assert device.transport.run(["sh", "-c", script], timeout_s=60).code == code


def test_an_exit_code_is_no_signal(device: Device) -> None:
    if device.name == "phone":
        pytest.skip("adb has one byte for both")
    assert device.transport.run(["sh", "-c", "exit 139"], timeout_s=60).code == 139


def test_output_and_errors_are_told_apart_and_nothing_is_read(device: Device) -> None:
    done = device.transport.run(["sh", "-c", "cat; echo out; echo err >&2"], timeout_s=60)
    assert (done.code, done.stdout, done.stderr) == (0, "out\n", "err\n")


def test_a_program_that_is_not_there(device: Device) -> None:
    with pytest.raises(DeviceError, match="no-such-program does not start"):
        device.transport.run(["no-such-program", "-x"], timeout_s=60)


def test_output_streams(device: Device, tmp_path: Path) -> None:
    """The second word is not said before the first was heard."""
    heard: list[str] = []
    (tmp_path / "heard").touch()
    answer = partial(device.transport.push, tmp_path / "heard", "heard")
    with once(lambda: heard, "the first word is heard", answer):
        script = "echo one; until [ -e heard ]; do sleep 0.1; done; echo two"
        device.transport.run(["sh", "-c", script], timeout_s=LIMIT_S, hear=heard.append)
    assert heard == ["one\n", "two\n"]


def test_much_output_keeps_its_end(device: Device) -> None:
    done = device.transport.run(["sh", "-c", "head -c 5000000 /dev/zero | tr '\\000' x; echo end"], timeout_s=60)
    assert done.stdout.endswith("xend\n")
    assert len(done.stdout) == OUTPUT_KEPT


@pytest.mark.serial
def test_endless_output_ends_the_run(device: Device) -> None:
    with pytest.raises(DeviceError, match="said more than 16 MiB"):
        device.transport.run(["sh", "-c", f"{NOTE}; yes"], timeout_s=LIMIT_S)
    assert_no_process_is_left(device.transport)


def test_a_run_past_its_time_is_ended_with_its_children(device: Device) -> None:
    started = time.monotonic()
    with pytest.raises(DeviceError, match="took longer than 10 s") as raised:
        device.transport.run(["sh", "-c", f"{NOTE}; wait"], timeout_s=TIME_TO_START)
    assert raised.value.transient
    assert time.monotonic() - started < 200, "it was not waited for until it ended by itself"
    assert_no_process_is_left(device.transport)


def test_what_a_program_leaves_is_ended(device: Device) -> None:
    assert device.transport.run(["sh", "-c", f"{NOTE}; echo done"], timeout_s=60).stdout == "done\n"
    assert_no_process_is_left(device.transport)


@pytest.mark.serial
def test_an_interrupt_ends_the_run(device: Device) -> None:
    interrupt = partial(os.kill, os.getpid(), signal.SIGINT)
    with once(lambda: noted(device.transport), "it runs", interrupt), pytest.raises(KeyboardInterrupt):
        device.transport.run(["sh", "-c", f"{NOTE}; wait"], timeout_s=120)
    assert_no_process_is_left(device.transport)


def test_files_go_there_and_back(device: Device, tmp_path: Path) -> None:
    data = os.urandom(3_000_001)
    (tmp_path / "a").write_bytes(data)
    device.transport.push(tmp_path / "a", "some folder/it's é")
    assert shell(device.transport, 'wc -c < "$1"', "some folder/it's é").strip() == str(len(data))
    assert device.transport.pull("some folder/it's é", tmp_path / "b", limit=len(data))
    assert (tmp_path / "b").read_bytes() == data
    (tmp_path / "a").write_bytes(b"")
    device.transport.push(tmp_path / "a", "some folder/it's é")
    assert device.transport.pull("some folder/it's é", tmp_path / "b", limit=0)
    assert (tmp_path / "b").read_bytes() == b""


def test_what_is_not_a_file_is_not_there(device: Device, tmp_path: Path) -> None:
    shell(device.transport, "mkdir folder; mkfifo pipe; ln -s /proc/version link; ln -s pids/no loose")
    for name in ("no", "no/no", "folder", "pipe", "link", "loose"):
        assert not device.transport.pull(name, tmp_path / "b", limit=10_000, timeout_s=60), name
    assert not (tmp_path / "b").exists()


def test_more_than_the_limit_is_refused(device: Device, tmp_path: Path) -> None:
    shell(device.transport, "head -c 5000000 /dev/zero > big")
    with pytest.raises(DeviceError, match="at most 4999999"):
        device.transport.pull("big", tmp_path / "b", limit=4_999_999)
    assert not (tmp_path / "b").exists()
    assert device.transport.pull("big", tmp_path / "b", limit=5_000_000)


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", ".", "", "a/.."])
def test_names_outside_the_work_folder_are_refused(device: Device, tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(DeviceError, match="outside the work folder"):
        device.transport.push(tmp_path / "a", name)
    with pytest.raises(DeviceError, match="outside the work folder"):
        device.transport.pull(name, tmp_path / "b", limit=10_000)


def test_close_removes_the_work_folder(
    device: Device, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shell(device.transport, "pwd -P; mkdir -p a/b; echo x > a/b/c").strip()
    assert folder.startswith("/")
    device.close()
    other = OPENERS[request.node.callspec.params["device"]](request, monkeypatch)
    try:
        assert shell(other.transport, '[ -e "$1" ] || echo gone', folder) == "gone\n"
    finally:
        other.close()


def test_a_local_transport_closed_by_another_thread_leaves_nothing(tmp_path: Path) -> None:
    device = open_local()
    transport = device.transport
    assert isinstance(transport, LocalTransport)
    (tmp_path / "late").write_bytes(b"late")
    ended: list[int] = []

    def run() -> None:
        ended.append(transport.run(["sh", "-c", "touch started; exec sleep 300"], timeout_s=90).code)

    other = threading.Thread(target=run)
    other.start()
    eventually((transport.folder / "started").exists, "it runs")
    device.close()
    other.join()
    assert ended == [-signal.SIGKILL]
    with pytest.raises(DeviceError, match="closed"):
        transport.push(tmp_path / "late", "late")
    with pytest.raises(DeviceError, match="closed"):
        transport.run(["true"], timeout_s=5)
    assert not transport.folder.exists()
