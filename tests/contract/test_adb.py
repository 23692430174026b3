"""What adb adds: servers and serials, and what a lost link leaves: nothing. Needs a device that is reached by TCP."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

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
    return device.transport.run(["sh", "-c", script, "sh", mark], timeout_s=30).stdout


def wait_until_gone(folder: str, mark: str) -> None:
    """On a fresh link: neither the run's processes nor its work folder are there."""
    device, ends = phone(), time.monotonic() + 10
    try:
        while True:
            there = device.transport.run(["ls", "-d", folder], timeout_s=30).code == 0
            if not processes(device, mark) and not there:
                return
            assert time.monotonic() < ends, (there, processes(device, mark))
            time.sleep(0.3)
    finally:
        device.close()


@needs_device
@pytest.mark.serial
def test_a_link_cut_in_a_run_leaves_nothing() -> None:
    from adbutils import AdbClient

    device, mark = phone(), "3456789"
    folder = device.transport.folder  # type: ignore[attr-defined]
    client = AdbClient(host="127.0.0.1", port=server_port()[0])
    threading.Timer(1, client.disconnect, (SERIAL,)).start()
    with pytest.raises(DeviceError, match="the link was") as raised:
        device.transport.run(["sh", "-c", f"sleep {mark} & sleep {mark}"], timeout_s=60)
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
    mark = "4567890"
    code = HOLDING.format(serial=SERIAL, folder=FOLDER, mark=mark)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = process.stdout.readline().strip()
        time.sleep(1)
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
