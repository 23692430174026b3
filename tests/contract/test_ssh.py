"""What ssh adds: whose keys are trusted, which way is taken, and what a lost link leaves: nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_sshd import SSHD, Sshd, Wire, make_key
from loopback_sshd import running as served
from processes import running, sleep_of_its_own
from waiting import eventually, once

from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import ConfigError, DeviceError
from edgebuild.devices import ssh_link
from edgebuild.devices.base import Device
from edgebuild.devices.ssh_link import Address
from edgebuild.devices.transports.ssh import open_ssh

pytestmark = pytest.mark.skipif(SSHD is None, reason="no sshd on this machine")


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with served(tmp_path) as server:
        monkeypatch.setenv("HOME", str(server.home))
        yield server


@pytest.fixture
def wire(sshd: Sshd) -> Iterator[Wire]:
    made = Wire(sshd.port)
    known = sshd.known_hosts.read_text(encoding="utf-8")
    sshd.known_hosts.write_text(known + known.replace(f":{sshd.port} ", f":{made.port} "), encoding="utf-8")
    yield made
    made.close()


def connect(server: Sshd, address: str = "") -> Device:
    entry = DeviceEntry(name="board", transport="ssh", address=address or server.address, folder=str(server.device))
    return open_ssh(entry)


def configure(server: Sshd, text: str) -> None:
    (server.home / ".ssh" / "config").write_text(text, encoding="utf-8")


def folders(server: Sshd) -> list[str]:
    return sorted(path.name for path in server.device.iterdir() if path.name.startswith("edgebuild-run."))


def sleeping(seconds: str) -> list[int]:
    """The processes of ``sleep`` that were told to sleep so long; not the shells that were told to start them."""
    return running(f"^sleep {seconds}")


def test_an_unknown_host_key_is_refused_and_not_learnt(sshd: Sshd) -> None:
    sshd.known_hosts.write_text("", encoding="utf-8")
    with pytest.raises(DeviceError, match=r"is unknown \(SHA256:.*; it is refused") as raised:
        connect(sshd)
    assert f"ssh-keyscan -p {sshd.port} 127.0.0.1" in raised.value.fix
    assert not raised.value.transient
    assert sshd.known_hosts.read_text(encoding="utf-8") == ""
    assert folders(sshd) == []


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_changed_host_key_is_refused(sshd: Sshd, tmp_path: Path, kind: str) -> None:
    sshd.trust(make_key(tmp_path / "other", kind), sshd.port)
    before = sshd.known_hosts.read_bytes()
    with pytest.raises(DeviceError, match=r"has changed.*it is refused") as raised:
        connect(sshd)
    assert f"ssh-keygen -R '[127.0.0.1]:{sshd.port}'" in raised.value.fix
    assert sshd.known_hosts.read_bytes() == before


def test_a_revoked_host_key_is_refused(sshd: Sshd) -> None:
    sshd.known_hosts.write_text("@revoked " + sshd.known_hosts.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(DeviceError, match="is revoked"):
        connect(sshd)


def test_no_setting_switches_the_check_off(sshd: Sshd) -> None:
    configure(sshd, "Host *\n UserKnownHostsFile none\n GlobalKnownHostsFile none\n StrictHostKeyChecking no\n")
    with pytest.raises(DeviceError, match="is unknown"):
        connect(sshd)


def test_an_alias_of_the_config_with_its_own_files(sshd: Sshd, tmp_path: Path) -> None:
    (sshd.home / ".ssh" / "id_ed25519").rename(tmp_path / "key")
    sshd.known_hosts.rename(tmp_path / "known")
    user = sshd.address.partition("@")[0]
    configure(
        sshd,
        f"Host shelf\n HostName 127.0.0.1\n Port {sshd.port}\n User {user}\n IdentityFile {tmp_path}/key\n"
        f" UserKnownHostsFile {tmp_path}/known\n RemoteCommand false\n RequestTTY force\n",
    )
    device = connect(sshd, "shelf")
    assert device.transport.run(["echo", "here"], timeout_s=60).stdout == "here\n"
    device.close()


def test_by_way_of_a_jump_host_whose_key_is_checked_too(sshd: Sshd, wire: Wire) -> None:
    user = sshd.address.partition("@")[0]
    configure(
        sshd,
        f"Host gate\n HostName 127.0.0.1\n Port {wire.port}\n User {user}\n"
        f"Host far\n HostName 127.0.0.1\n Port {sshd.port}\n User {user}\n ProxyJump gate\n",
    )
    device = connect(sshd, "far")
    assert device.transport.run(["echo", "here"], timeout_s=60).stdout == "here\n"
    assert wire.used == 1
    device.close()
    known = sshd.known_hosts.read_text(encoding="utf-8").splitlines()
    sshd.known_hosts.write_text(known[0] + "\n", encoding="utf-8")
    with pytest.raises(DeviceError, match=f"{wire.port} is unknown"):
        connect(sshd, "far")


def test_jump_hosts_in_a_circle(sshd: Sshd) -> None:
    configure(sshd, "Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    with pytest.raises(ConfigError, match="circle"):
        connect(sshd, "a")


def test_no_accepted_key_and_no_password_is_asked_for(sshd: Sshd, tmp_path: Path) -> None:
    make_key(sshd.home / ".ssh" / "id_ed25519")
    with pytest.raises(DeviceError, match="accepts none of your keys") as raised:
        connect(sshd)
    assert "ssh-copy-id" in raised.value.fix


def test_nobody_listens(sshd: Sshd) -> None:
    sshd.stop()
    with pytest.raises(DeviceError, match="can't be reached") as raised:
        connect(sshd)
    assert raised.value.transient


def test_a_host_that_never_answers(sshd: Sshd, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_link, "CONNECT_SECONDS", 1.0)
    wire.silence()
    with pytest.raises(DeviceError, match="no answer within 1 s"):
        connect(sshd, f"127.0.0.1:{wire.port}")


@pytest.mark.parametrize("text", ["a:70000", "a:0", "a:", "[::1", "[::1]x", "@", "a@", ""])
def test_bad_addresses(text: str) -> None:
    with pytest.raises(ConfigError, match="has the address"):
        Address.parse(text, "x")


def test_addresses() -> None:
    assert Address.parse("pi", "x") == Address("pi")
    assert Address.parse("me@pi:2200", "x") == Address("pi", "me", 2200)
    assert Address.parse("me@[fe80::1%eth0]:22", "x") == Address("fe80::1%eth0", "me", 22)
    assert Address.parse("fe80::1", "x") == Address("fe80::1")


@pytest.mark.serial
def test_a_link_cut_in_a_run_leaves_nothing(sshd: Sshd, wire: Wire) -> None:
    device, mark = connect(sshd, f"127.0.0.1:{wire.port}"), sleep_of_its_own()
    both_sleep = lambda: len(sleeping(mark)) == 2  # noqa: E731
    with once(both_sleep, "it runs", wire.cut), pytest.raises(DeviceError, match="the link was lost") as raised:
        device.transport.run(["sh", "-c", f"sleep {mark} & sleep {mark}"], timeout_s=120)
    assert raised.value.transient
    eventually(lambda: not sleeping(mark), "the run has ended")
    eventually(lambda: not folders(sshd), "the work folder is gone")
    with pytest.raises(DeviceError, match="the link was lost"):
        device.transport.run(["true"], timeout_s=60)
    with pytest.raises(DeviceError, match="the link was lost"):
        device.transport.push(Path(__file__), "after")
    device.close()


@pytest.mark.serial
def test_a_link_cut_between_two_copies(sshd: Sshd, wire: Wire) -> None:
    device = connect(sshd, f"127.0.0.1:{wire.port}")
    device.transport.push(Path(__file__), "before")
    wire.cut()
    with pytest.raises(DeviceError, match="the link was lost") as raised:
        device.transport.push(Path(__file__), "after")
    assert raised.value.transient
    device.close()


@pytest.mark.serial
def test_a_silent_link_is_noticed(sshd: Sshd, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_link, "ALIVE_SECONDS", 1.0)
    device, mark = connect(sshd, f"127.0.0.1:{wire.port}"), sleep_of_its_own()
    it_sleeps = lambda: sleeping(mark)  # noqa: E731
    with once(it_sleeps, "it runs", wire.silence), pytest.raises(DeviceError, match="the link was lost") as raised:
        device.transport.run(["sleep", mark], timeout_s=120)  # which would be another message
    assert raised.value.transient
    device.close()


HOLDING = """
import sys
from edgebuild.core.device import DeviceEntry
from edgebuild.devices.transports.ssh import open_ssh
device = open_ssh(DeviceEntry(name="board", transport="ssh", address=sys.argv[1], folder=sys.argv[2]))
print("open", flush=True)
device.transport.run(["sleep", sys.argv[3]], timeout_s=600)
"""


@pytest.mark.serial
def test_a_killed_edgebuild_leaves_nothing(sshd: Sshd) -> None:
    mark = sleep_of_its_own()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, sshd.address, str(sshd.device), mark], stdout=subprocess.PIPE, env=os.environ
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        eventually(lambda: sleeping(mark), "it runs")
        assert len(folders(sshd)) == 1
        process.kill()
    eventually(lambda: not sleeping(mark), "the run has ended")
    eventually(lambda: not folders(sshd), "the work folder is gone")


def test_what_a_power_cut_left_goes_with_the_next_use(sshd: Sshd) -> None:
    for name, held in (("gone", "1 another-boot"), ("dead", "999999999 "), ("unread", "")):
        (sshd.device / f"edgebuild-run.{name}").mkdir()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii") if name == "dead" else ""
        if held:
            (sshd.device / f"edgebuild-run.{name}" / ".held").write_text(held + boot + "\n", encoding="ascii")
    (sshd.device / "other").mkdir()
    device, second = connect(sshd), connect(sshd)
    assert len(folders(sshd)) == 3, "one of each that is open, and the one that nobody can say anything of"
    device.close()
    second.close()
    assert sorted(path.name for path in sshd.device.iterdir()) == ["edgebuild-run.unread", "other"]


def test_a_full_disk_is_named(sshd: Sshd, tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", sshd.device], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk can only be mounted by root")
    try:
        device = connect(sshd)
        (tmp_path / "big").write_bytes(os.urandom(2_000_000))
        with pytest.raises(DeviceError, match="its disk is full: big"):
            device.transport.push(tmp_path / "big", "big")
        (tmp_path / "small").write_bytes(b"x" * 100_000)
        device.transport.push(tmp_path / "small", "small")
        device.close()
    finally:
        subprocess.run(["umount", "-l", sshd.device], check=True)  # what the server has open there it closes later


def test_a_model_runtime_answers_over_ssh(sshd: Sshd) -> None:
    pytest.importorskip("onnxruntime")
    from edgebuild.bench.bench import Bench

    entry = DeviceEntry(
        name="board", transport="ssh", address=sshd.address, folder=str(sshd.device), python=sys.executable
    )
    with Bench(open_ssh(entry)) as bench:
        found = bench.selftest("onnxruntime")
    assert found["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert folders(sshd) == []
