"""What adb adds: servers and serials, and what a lost link leaves: nothing. Needs a device that is reached by TCP."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest
from processes import sleep_of_its_own
from waiting import eventually, once

from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import ConfigError, DeviceError
from edgebuild.devices.adb_link import server_port
from edgebuild.devices.base import Device
from edgebuild.devices.transports.adb import open_adb

SERIAL = os.environ.get("EDGEBUILD_TEST_ADB_SERIAL", "")
FOLDER = os.environ.get("EDGEBUILD_TEST_ADB_FOLDER")
needs_device = pytest.mark.skipif(":" not in SERIAL, reason="no HOST:PORT in EDGEBUILD_TEST_ADB_SERIAL")


def phone() -> Device:
    return open_adb(DeviceEntry(name="phone", transport="adb", address=SERIAL, folder=FOLDER))


def processes(device: Device, mark: str) -> str:
    script = 'for d in /proc/[0-9]*; do tr "\\000" " " < $d/cmdline 2> /dev/null | grep "^sleep $1"; done; true'
    return device.transport.run(["sh", "-c", script, "sh", mark], timeout_s=60).stdout


def wait_until_gone(folder: str, mark: str) -> None:
    """On a fresh link: neither the run's processes nor its work folder are there."""
    device = phone()
    try:
        eventually(lambda: not processes(device, mark), "the run has ended")
        there = lambda: device.transport.run(["ls", "-d", folder], timeout_s=60).code == 0  # noqa: E731
        eventually(lambda: not there(), "the work folder is gone")
    finally:
        device.close()


@needs_device
@pytest.mark.serial
def test_a_link_cut_in_a_run_leaves_nothing() -> None:
    from adbutils import AdbClient

    device, mark = phone(), sleep_of_its_own()
    folder = device.transport.folder  # type: ignore[attr-defined]
    client = AdbClient(host="127.0.0.1", port=server_port()[0])
    cut = partial(client.disconnect, SERIAL)
    with (
        once(lambda: processes(device, mark), "it runs", cut),
        pytest.raises(DeviceError, match="the link was") as raised,
    ):
        device.transport.run(["sh", "-c", f"sleep {mark} & sleep {mark}"], timeout_s=120)
    assert raised.value.transient
    device.close()
    wait_until_gone(folder, mark)


HOLDING = """
from edgebuild.core.device import DeviceEntry
from edgebuild.devices.transports.adb import open_adb
device = open_adb(DeviceEntry(name="phone", transport="adb", address={serial!r}, folder={folder!r}))
print(device.transport.folder, flush=True)
device.transport.run(["sleep", {mark!r}], timeout_s=600)
"""


@needs_device
@pytest.mark.serial
def test_a_killed_edgebuild_leaves_nothing() -> None:
    mark = sleep_of_its_own()
    code = HOLDING.format(serial=SERIAL, folder=FOLDER, mark=mark)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = process.stdout.readline().strip()
        device = phone()
        try:
            eventually(lambda: processes(device, mark), "it runs")
        finally:
            device.close()
        process.kill()
    wait_until_gone(folder, mark)


@needs_device
def test_an_unknown_serial_names_those_there_are() -> None:
    device = phone()
    try:
        with pytest.raises(DeviceError, match="is not there") as raised:
            open_adb(DeviceEntry(name="other", transport="adb", address="no-such-serial"))
        assert SERIAL in raised.value.expected
    finally:
        device.close()


def test_the_servers_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEBUILD_ADB_PORT", raising=False)
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "5999")
    assert server_port() == (5999, False)
    monkeypatch.setenv("EDGEBUILD_ADB_PORT", "5998")
    assert server_port() == (5998, True)
    monkeypatch.setenv("EDGEBUILD_ADB_PORT", "no")
    with pytest.raises(ConfigError, match="is 'no'"):
        server_port()
