"""Faults caused for real on a virtual board: each ends as the device's, says what to do, and leaves nothing here.

Most happen to one board, in the order of this file: it goes on after each but the last, which cuts its power.
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import running
from waiting import LIMIT_S, eventually

from edgebuild.bench.bench import Bench
from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import EXIT_DEVICE, EXIT_INTERRUPTED, DeviceError
from edgebuild.core.metric import Mode
from edgebuild.core.wire import Request
from edgebuild.devices.base import Device
from edgebuild.devices.board.image import boards_folder
from edgebuild.devices.opening import open_entry

pytestmark = pytest.mark.device
Add = Callable[..., DeviceEntry]
STATE = Request(mode=Mode.STATE, runtime="none")


@pytest.fixture(scope="module")
def board(add_shared: Add) -> Iterator[Device]:
    """One boot for all the faults that it survives, and for its end, which is the last test."""
    device = open_entry(add_shared("pi"))
    yield device
    device.close()
    eventually(lambda: not _processes(), "no process of the board is left")


def _processes(kind: str = "") -> list[int]:
    """The processes of this test's boots, or those whose program's name starts so."""
    program = rf"^([^ ]*/)?{kind}.*" if kind else ""
    return running(program + re.escape(f"{boards_folder() / 'boots'}/pi-"))


def _as(device: Device, script: str) -> Bench:
    """A bench whose interpreter on the board is a script, so that the run itself goes wrong there."""
    return Bench(dataclasses.replace(device, python=("sh", "-c", script), after=()))


@pytest.mark.parametrize(("fault", "code"), [("qemu", EXIT_DEVICE), ("interrupt", EXIT_INTERRUPTED)])
def test_a_command_ends_with_its_code(add: Add, home: Path, fault: str, code: int) -> None:
    add("pi")
    command = [sys.executable, "-m", "edgebuild.cli.main", "devices", "probe", "pi"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=home) as probe:
        eventually(lambda: _processes("qemu-system"), "the board boots")
        os.kill(_processes("qemu-system")[0] if fault == "qemu" else probe.pid, {"qemu": 9, "interrupt": 2}[fault])
        said, _ = probe.communicate(timeout=5 * LIMIT_S)
    assert probe.returncode == code, said
    eventually(lambda: not _processes(), "no process of the board is left")


def test_a_board_that_stands_still_is_slower_than_the_time_limit(board: Device) -> None:
    (qemu,) = _processes("qemu-system")
    os.kill(qemu, signal.SIGSTOP)
    try:
        with pytest.raises(DeviceError, match="longer than 5 s"):
            board.transport.run(["true"], timeout_s=5)
    finally:
        os.kill(qemu, signal.SIGCONT)
    assert board.transport.run(["true"], timeout_s=60).code == 0, "it goes on where it stopped"


def test_runs_that_go_wrong_on_a_board_that_goes_on(board: Device) -> None:
    with pytest.raises(DeviceError, match="numpy is not installed") as missing:
        Bench(board).selftest("litert")
    assert "devices setup pi" in str(missing.value)
    with pytest.raises(DeviceError, match="killed by SIGKILL") as killed:
        _as(board, "kill -9 $$").execute(STATE, {})
    assert "memory" in str(killed.value)
    with pytest.raises(DeviceError, match="not one of the runner's"):
        _as(board, 'head -c 4096 /dev/urandom > "$2"').execute(STATE, {})
    with pytest.raises(DeviceError, match="said more than 16 MiB"):
        board.transport.run(["sh", "-c", "exec yes"], timeout_s=5 * LIMIT_S)
    left = lambda: board.transport.run(["sh", "-c", "grep -slx yes /proc/[0-9]*/comm"], timeout_s=60)  # noqa: E731
    eventually(lambda: left().stdout == "", "the endless run was ended there")
    assert board.transport.run(["true"], timeout_s=60).code == 0


def test_a_full_disk_is_said_and_room_made_is_used(board: Device, tmp_path: Path) -> None:
    local = tmp_path / "model"
    local.write_bytes(bytes(8 << 20))
    board.transport.run(["sh", "-c", "cat /dev/zero > filler"], timeout_s=400)
    with pytest.raises(DeviceError, match="disk is full") as caught:
        board.transport.push(local, "model")
    assert "free some space" in str(caught.value)
    assert board.transport.run(["test", "-e", "model"], timeout_s=60).code != 0, "no half of a file is left"
    assert board.transport.run(["rm", "filler"], timeout_s=60).code == 0
    board.transport.push(local, "model")


def test_a_clock_that_jumps_back_ends_no_run(board: Device) -> None:
    script = f"date -s 2001-01-01 > /dev/null && sleep 3 && date +%Y; date -s @{int(time.time())} > /dev/null"
    assert board.transport.run(["sh", "-c", script], timeout_s=60).stdout.strip() == "2001"


def test_the_power_is_cut_in_a_run(board: Device) -> None:
    (qemu,) = _processes("qemu-system")
    cut = lambda _: os.kill(qemu, signal.SIGKILL)  # noqa: E731
    with pytest.raises(DeviceError) as caught:
        board.transport.run(["sh", "-c", "echo on; sleep 300"], timeout_s=120, hear=cut)
    assert caught.value.exit_code == EXIT_DEVICE
    assert caught.value.transient
