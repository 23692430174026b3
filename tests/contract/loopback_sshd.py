"""A private ssh server on the loopback, as the user that runs the tests, and a link to it that can be cut."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
needs_sshd = pytest.mark.skipif(SSHD is None or not shutil.which("ssh-keygen"), reason="no sshd on this machine")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_key(path: Path, kind: str = "ed25519") -> str:
    """Make a key pair; the public half."""
    path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", path], check=True)
    return Path(f"{path}.pub").read_text(encoding="utf-8").strip()


@dataclass
class Sshd:
    """The server, with the client's home beside it."""

    root: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.home, self.device = self.root / "home", self.root / "device"
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        self.device.mkdir()
        public = make_key(self.home / ".ssh" / "id_ed25519")
        (self.root / "authorized_keys").write_text(public + "\n", encoding="utf-8")
        self.trust(make_key(self.root / "host_key"), self.port)

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    @property
    def address(self) -> str:
        return f"{getpass.getuser()}@127.0.0.1:{self.port}"

    def trust(self, public: str, port: int) -> None:
        self.known_hosts.write_text(f"[127.0.0.1]:{port} {public}\n", encoding="utf-8")

    def start(self) -> None:
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where a server of root's own insists on being able to go
        settings = [
            f"HostKey {self.root}/host_key", f"AuthorizedKeysFile {self.root}/authorized_keys", "StrictModes no",
            "ListenAddress 127.0.0.1", f"Port {self.port}", f"PidFile {self.root}/pid", "UsePAM no", "UseDNS no",
            "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password",
            "AllowTcpForwarding yes", "Subsystem sftp internal-sftp",
        ]  # fmt: skip
        config = self.root / "sshd_config"
        config.write_text("\n".join(settings) + "\n", encoding="utf-8")
        with (self.root / "sshd.log").open("wb") as log:
            self._process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(config)], stderr=log)
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        pytest.skip(f"sshd does not start here: {(self.root / 'sshd.log').read_text(encoding='utf-8')[-300:]}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


class Wire:
    """A way to a local port that can be cut in two, or fall silent, while it is in use."""

    def __init__(self, to: int) -> None:
        self._to, self._pairs, self._silent = to, [], False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def used(self) -> int:
        """How many connections went through it."""
        return len(self._pairs)

    def cut(self) -> None:
        """Both sides are told at once, as when a cable's end is a switch that is turned off."""
        for one in [end for pair in self._pairs for end in pair]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def silence(self) -> None:
        """Nobody is told: what is sent is lost."""
        self._silent = True

    def mend(self) -> None:
        """New connections get through; those that were silent stay lost."""
        self.cut()
        self._silent = False

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._pairs.append((near, far))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    def _copy(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if not self._silent:
                    other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def running(root: Path) -> Iterator[Sshd]:
    server = Sshd(root)
    try:
        server.start()
        yield server
    finally:
        server.stop()
