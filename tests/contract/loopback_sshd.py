"""A private ssh server on the loopback, as the user that runs the tests, and a link to it that can be cut."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from waiting import LIMIT_S, eventually

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
_TRIES = 5


def free_port() -> int:
    """A port that is free now; another program may take it at any time."""
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
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.home, self.device = self.root / "home", self.root / "device"
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        self.device.mkdir()
        public = make_key(self.home / ".ssh" / "id_ed25519")
        (self.root / "authorized_keys").write_text(public + "\n", encoding="utf-8")
        self._public = make_key(self.root / "host_key")

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    @property
    def address(self) -> str:
        return f"{getpass.getuser()}@127.0.0.1:{self.port}"

    def trust(self, public: str, port: int) -> None:
        self.known_hosts.write_text(f"[127.0.0.1]:{port} {public}\n", encoding="utf-8")

    def start(self) -> None:
        """Listen on a port of its own. Skips where sshd does not start for another reason than that it was taken."""
        for _ in range(_TRIES):
            self.port = free_port()
            self.trust(self._public, self.port)
            self._launch()
            eventually(lambda: self._listens() or self._has_ended(), "sshd listens, or says why not")
            if self._listens():
                return
            if "already in use" not in self._said():
                break
        pytest.skip(f"sshd does not start here: {self._said()[-300:]}")

    def _listens(self) -> bool:
        return f"Server listening on 127.0.0.1 port {self.port}" in self._said()

    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _said(self) -> str:
        return (self.root / "sshd.log").read_text(encoding="utf-8")

    def _launch(self) -> None:
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

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(LIMIT_S)
            self._process = None


class Wire:
    """A way to a local port that can be cut in two, or fall silent, while it is in use."""

    def __init__(self, to: int) -> None:
        self._to, self._silent = to, False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._begin(self._accept)

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
        """Nothing of it goes on, and no socket is left open."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()  # now there come no more
        self.cut()
        for thread in self._threads:
            thread.join()
        for one in [self._listener, *(end for pair in self._pairs for end in pair)]:
            one.close()

    def _begin(self, target: Callable[..., None], *args: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._pairs.append((near, far))
                for one, other in ((near, far), (far, near)):
                    self._begin(self._copy, one, other)

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
