"""A board that loses its power, restarts or is left: each command ends as the device's, and the next goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from desk import Desk, boots, copied, qemu

from edgebuild.core.errors import EXIT_INTERRUPTED
from edgebuild.devices.board.up import board_up

pytestmark = [pytest.mark.device, pytest.mark.serial, pytest.mark.long]


def test_the_board_is_powered_off_in_a_run(off: Desk, shelf: Path, tmp_path: Path) -> None:
    """In the second run of one command: the first is kept."""
    off.bundle = copied(shelf / "out" / "raspberry-pi-5", tmp_path / "fresh", evidence=False)
    cut = off.in_a_run(lambda: os.kill(qemu(), signal.SIGKILL), process=4)
    off.bench(before_runs=cut).blames_the_device("the link was lost", "check that it is on and connected")
    assert off.runs() == 1
    assert boots() == []
    off.takes_up(off.evidence())


def test_the_board_is_rebooted_between_runs(up: Desk) -> None:
    """Its disk keeps the work folder of the boot before, until a later command finds it."""
    kept = up.evidence()
    with up.entry(folder="/root"):
        up.bench(before_runs=up.restart).blames_the_device("the link was lost", "then try again")
        assert up.shell("ls -d /root/edgebuild-run.*") != "", "what this test is about"
        up.takes_up(kept)


def test_ctrl_c_in_a_run(up: Desk) -> None:
    kept = up.evidence()
    command = [sys.executable, "-m", "edgebuild.cli.main", *up.arguments()]
    running: list[subprocess.Popen[str]] = []
    up.in_a_run(lambda: running[0].send_signal(signal.SIGINT))()
    running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    said, _ = running[0].communicate(timeout=300)
    assert running[0].returncode == EXIT_INTERRUPTED, said
    assert "run it again: what was finished is kept" in said
    assert "Traceback" not in said
    assert board_up("pi") is not None, "a board that is up stays up"
    up.takes_up(kept)
