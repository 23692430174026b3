"""The virtual board for real: booted under QEMU, reached, kept up, and gone without a trace."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import running
from waiting import eventually

from edgebuild.cli.main import main
from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import DeviceError
from edgebuild.core.measurement import Basis
from edgebuild.devices.base import Device
from edgebuild.devices.board import boot as boot_module
from edgebuild.devices.board.boot import boot
from edgebuild.devices.board.disk import own_folder
from edgebuild.devices.board.image import Image, board_image, boards_folder
from edgebuild.devices.board.qemu import Disk, Spec
from edgebuild.devices.board.up import board_up
from edgebuild.devices.opening import open_entry

pytestmark = pytest.mark.device
Add = Callable[..., DeviceEntry]


@contextmanager
def opened(entry: DeviceEntry, *, exact: bool = False, keep: bool = False) -> Iterator[Device]:
    device = open_entry(entry, exact=exact, keep=keep)
    try:
        yield device
    finally:
        device.close()


def said(device: Device, *argv: str) -> str:
    done = device.transport.run(argv, timeout_s=120)
    assert done.code == 0, done.stderr
    return done.stdout


def shell(device: Device, script: str) -> str:
    return said(device, "sh", "-c", script)


def traces(name: str) -> list[str]:
    """The processes and folders of a board's boots."""
    return [str(path) for path in (boards_folder() / "boots").glob(f"{name}-*")] + [str(pid) for pid in processes(name)]


def processes(name: str) -> list[int]:
    return running(re.escape(f"{boards_folder() / 'boots'}/{name}-"))


def assert_gone(name: str) -> None:
    eventually(lambda: not traces(name), f"no trace of {name} is left")


@pytest.fixture(scope="module")
def side_by_side(add_shared: Add) -> Iterator[tuple[Device, Device]]:
    """A Cortex-A76 over ssh and a Cortex-A72 over adb, on at the same time."""
    with opened(add_shared("pi")) as one, opened(add_shared("phone", cpu="cortex-a72", transport="adb")) as two:
        yield one, two
    assert_gone("pi")
    assert_gone("phone")


def test_an_a76_is_what_was_asked_for(side_by_side: tuple[Device, Device]) -> None:
    device, _ = side_by_side
    assert (device.identity, device.basis) == ("virtual/cortex-a76/256MiB", Basis.VIRTUAL)
    assert "asimddp" in said(device, "cat", "/proc/cpuinfo")
    total_kib = int(shell(device, "grep MemTotal /proc/meminfo").split()[1])
    assert 200 * 1024 < total_kib <= 256 * 1024
    assert said(device, "uname", "-r").strip() == device.versions["kernel"]
    assert device.versions["cpu"] == "cortex-a76"
    assert device.versions["clock"] == "host"
    assert said(device, *device.python, "-c", "import sys; print(sys.version_info[:2])").strip() == "(3, 11)"
    assert not said(
        device, *device.python, "-c", "import importlib.util as u; print(u.find_spec('numpy') or '')"
    ).strip()
    assert traces("pi")


def test_an_a72_has_no_dot_product_and_is_reached_over_adb(side_by_side: tuple[Device, Device]) -> None:
    _, device = side_by_side
    features = said(device, "cat", "/proc/cpuinfo")
    assert "asimd" in features
    assert "asimddp" not in features
    assert device.versions["cpu"] == "cortex-a72"


def test_boards_share_one_image_side_by_side(side_by_side: tuple[Device, Device]) -> None:
    one, two = side_by_side
    shell(one, "echo one > /root/note")
    assert shell(two, "ls /root") == ""


def test_an_exact_board_counts_instructions_and_fixes_addresses(add: Add) -> None:
    with opened(add("exact"), exact=True) as device:
        assert device.versions["clock"] == "instructions"
        assert "norandmaps" in said(device, "cat", "/proc/cmdline").split()
        shell(device, "sleep 1000")  # longer than may be waited here: its clock leaps ahead when it waits
        counted = [_counted(device) for _ in range(3)]
        assert max(counted) - min(counted) < 0.02 * min(counted)
    assert_gone("exact")


def _counted(device: Device) -> int:
    code = "import time; a=time.perf_counter_ns(); sum(range(200_000)); print(time.perf_counter_ns()-a)"
    return int(said(device, *device.python, "-c", code))


def test_only_what_is_kept_stays(add: Add) -> None:
    entry = add("kept")
    with opened(entry, keep=True) as device:
        shell(device, "echo kept > /root/note")
    with opened(entry) as device:
        assert shell(device, "cat /root/note; echo changed > /root/note") == "kept\n"
    with opened(entry) as device:
        assert shell(device, "cat /root/note") == "kept\n"
    assert main(["devices", "remove", "kept"]) == 0
    assert not own_folder("kept").exists()


def test_up_is_joined_and_listed_and_qemu_ends_when_its_keeper_is_killed(
    add: Add, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = add("bench")
    assert main(["devices", "up", "bench"]) == 0
    there = board_up("bench")
    assert there is not None
    assert main(["devices", "up", "bench"]) == 0
    assert main(["devices", "up", "bench", "--exact"]) == 5
    with opened(entry) as device:
        shell(device, "echo here > /run/note")
    with opened(entry) as device:
        assert shell(device, "cat /run/note") == "here\n"
    with pytest.raises(DeviceError, match="devices down bench"):
        open_entry(entry, keep=True)
    capsys.readouterr()
    assert main(["devices", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["devices"][0]["up"] is True
    os.kill(int((there.folder / "keeper.pid").read_text()), signal.SIGKILL)
    eventually(lambda: board_up("bench") is None, "the board is off")
    eventually(lambda: not processes("bench"), "QEMU is gone")
    assert main(["devices", "down", "bench"]) == 0


def test_nothing_is_left_of_a_command_that_is_killed(add: Add) -> None:
    add("orphan", transport="adb")
    code = (
        "import time; from edgebuild.devices.opening import open_entry\n"
        "from edgebuild.store.devices import find_device\n"
        "device = open_entry(find_device('orphan')); print('ready', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "ready\n"
        assert len(traces("orphan")) >= 3  # its folder, QEMU and the keeper
        command.kill()
    assert_gone("orphan")


def test_a_board_that_does_not_boot_says_what_it_said(board_ready: None, home: Path) -> None:
    image, disk = board_image(), home / "empty.img"
    with disk.open("wb") as file:
        file.truncate(1 << 20)
    with pytest.raises(DeviceError, match="the disk can't be mounted") as caught:
        boot("blank", Spec(cpu="cortex-a72", memory_mib=256), image, Disk(path=disk, format="raw"))
    assert caught.value.transient
    assert_gone("blank")


def test_a_board_that_does_not_answer_is_given_up(
    board_ready: None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot_module, "BOOT_SECONDS", 0.0)
    image: Image = board_image()
    with pytest.raises(DeviceError, match=r"no answer after 0 s"):
        boot("slow", Spec(cpu="cortex-a72", memory_mib=256), image, Disk(path=image.disk, format="raw"))
    assert_gone("slow")
