"""The link to a board: cut while a run goes on, and leading to a board whose host key has changed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk, boots
from waiting import eventually

from edgebuild.cli.main import main
from edgebuild.devices import ssh_link
from tests.contract.loopback_sshd import Wire

pytestmark = [pytest.mark.device, pytest.mark.serial, pytest.mark.long]


@pytest.fixture
def wire(up: Desk) -> Iterator[Wire]:
    """A cable between edgebuild and the board that is up; the test's own connections do not go through it."""
    (folder,) = boots()
    config, known = folder / "ssh_config", folder / "known_hosts"
    before = config.read_text(encoding="utf-8"), known.read_text(encoding="utf-8")
    port = re.search(r"Port (\d+)", before[0])[1]  # type: ignore[index]
    made = Wire(int(port))
    (folder / "direct").write_text(before[0], encoding="utf-8")
    config.write_text(before[0].replace(f"Port {port}", f"Port {made.port}"), encoding="utf-8")
    known.write_text(before[1] + before[1].replace(f":{port}", f":{made.port}"), encoding="utf-8")
    up.config = folder / "direct"
    yield made
    made.close()
    config.write_text(before[0], encoding="utf-8")
    known.write_text(before[1], encoding="utf-8")
    up.config = None


@pytest.mark.parametrize("how", ["cut", "silence"])
def test_the_link_is_cut_in_the_middle_of_a_run(
    up: Desk, wire: Wire, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ends are told, or neither is: then the link's own questions go unanswered, here for less than a minute."""
    monkeypatch.setattr(ssh_link, "ALIVE_SECONDS", 5.0)
    kept = up.evidence()
    said = up.bench(before_runs=up.in_a_run(getattr(wire, how)))
    said.blames_the_device("the link was lost", "check that it is on and connected, then try again")
    wire.mend()
    up.takes_up(kept)


def shows_another_key(port: str, known: str) -> bool:
    """Whether the board answers, and with a key that is not among those known."""
    asked = ["ssh-keyscan", "-t", "ed25519", "-p", port, "127.0.0.1"]
    words = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    return bool(words) and words[-1] not in known


def test_the_host_key_has_changed(spoiled: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a board that edgebuild booted, which is booted anew; and of one whose key the user knows."""
    up, kept = spoiled, spoiled.evidence()
    (folder,) = boots()
    port = re.search(r"Port (\d+)", (folder / "ssh_config").read_text(encoding="utf-8"))[1]  # type: ignore[index]
    anew = "rm /run/keys/host; ssh-keygen -q -t ed25519 -N '' -f /run/keys/host; kill -HUP $(cat /run/sshd.pid)"
    known = (folder / "known_hosts").read_bytes()
    up.shell(anew)
    eventually(lambda: shows_another_key(port, known.decode()), "the board does not answer with its new key")
    said = up.bench()
    said.blames_the_device("host key of [127.0.0.1]", "has changed", "SHA256:", "edgebuild devices down pi")

    (tmp_path / ".ssh").mkdir(mode=0o700)
    (tmp_path / ".ssh" / "known_hosts").write_bytes(known)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert main(["devices", "add", "shelved", "--ssh", f"root@127.0.0.1:{port}"]) == 0
    try:
        said = up.bench(device="shelved")
    finally:
        assert main(["devices", "remove", "shelved", "--forget"]) == 0
    said.blames_the_device("has changed", f"ssh-keygen -R '[127.0.0.1]:{port}'")
    assert (tmp_path / ".ssh" / "known_hosts").read_bytes() == known, "nothing is learnt"

    assert main(["devices", "down", "pi"]) == 0
    up.takes_up(kept)
