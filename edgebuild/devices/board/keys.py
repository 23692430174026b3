"""Keys for one boot: the board knows the only client, and the client knows the board, before they first speak."""

from __future__ import annotations

from pathlib import Path

from edgebuild.devices.board.cpio import FOLDER, newc
from edgebuild.devices.board.tools import call

CONFIG = "ssh_config"
HOST = "board"
"""What the board is called in the configuration of ssh that is made for it."""


def make_keys(folder: Path) -> bytes:
    """Make the client's and the board's own keys in ``folder``; returns the archive that hands them to the board."""
    for name in ("client", "host"):
        call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", HOST, "-f", str(folder / name)])
    return newc(
        {
            "keys": (0o700, FOLDER),
            "keys/host": (0o600, (folder / "host").read_bytes()),
            "keys/authorized_keys": (0o600, (folder / "client.pub").read_bytes()),
        }
    )


def write_config(folder: Path, port: int) -> None:
    """Write ``ssh_config`` and ``known_hosts`` in ``folder``: any other host key than the board's is refused."""
    kind, key = (folder / "host.pub").read_text(encoding="ascii").split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {key}\n", encoding="ascii")
    settings = {
        "HostName": "127.0.0.1",
        "Port": str(port),
        "User": "root",
        "IdentityFile": f'"{folder / "client"}"',
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "UserKnownHostsFile": f'"{folder / "known_hosts"}"',
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
    }
    lines = [f"Host {HOST}", *(f"    {key} {value}" for key, value in settings.items())]
    (folder / CONFIG).write_text("\n".join(lines) + "\n", encoding="utf-8")
