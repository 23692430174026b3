"""Connecting over ssh as the user's own ssh would: config, agent, jump hosts, and host keys known or refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebuild.core.errors import ConfigError, DeviceError, EdgebuildError

if TYPE_CHECKING:
    import asyncssh

CONNECT_SECONDS = 30.0
ALIVE_SECONDS = 15.0
"""After so long without a word the other side is asked for one, and after four unanswered the link is lost."""

_UNANSWERED = 4
_JUMPS = 8
_GLOBAL = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_USER = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")


_ADDRESS = re.compile(
    r"(?:(.+)@)?(?:"
    r"\[([^@\[\]]+)\](?::(\d+))?"  # [v6] or [v6]:port
    r"|([^@:\[\]]+)(?::(\d+))?"  # host or host:port
    r"|([^@:\[\]]*:[^@:\[\]]*:[^@\[\]]*))"  # v6
)


@dataclass(frozen=True)
class Address:
    """Where a device is: a host name or an alias of ~/.ssh/config; the rest is the config's unless it is given."""

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str, subject: str) -> Address:
        """From ``host``, ``user@host``, ``user@host:port`` or ``user@[v6]:port``.

        Raises:
            ConfigError: it is none of these.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None or not 0 < int(found[3] or found[5] or 22) < 65536:
            raise ConfigError(subject, f"has the address {text!r}", expected="host, user@host or user@host:port")
        port = found[3] or found[5]
        return cls(found[2] or found[4] or found[6], found[1], int(port) if port else None)


@dataclass
class HostKeys:
    """The keys that the user's ssh trusts, and what was seen of the host that is being connected to."""

    trusted: asyncssh.SSHKnownHosts
    place: str = ""
    known: bool = False
    fingerprint: str = ""

    def match(self, host: str, addr: str, port: int | None) -> Any:
        """What asyncssh asks: the keys that are trusted for a host."""
        found = [list(each) for each in self.trusted.match(host, addr, port)]
        self.place = f"[{host}]:{port}" if port else host
        self.known = any(found)
        if port:
            # asyncssh forgets a key that is revoked for this port when none is trusted for it.
            found[2] += [key for name in (host, addr) for key in self.trusted.match(f"[{name}]:{port}", "", None)[2]]
        return found

    def refusal(self, device: str, error: Exception, *, own: bool) -> DeviceError:
        """The error for a host key that is unknown, changed or revoked.

        Args:
            own: the known keys are edgebuild's, made for one boot of a board, and not the user's.
        """
        shown = f" ({self.fingerprint})" if self.fingerprint else ""
        if "revoked" in str(error):
            return DeviceError(
                device, f"the host key of {self.place} is revoked{shown}", fix="ask who revoked it, and why"
            )
        if self.known:
            again = f"ssh-keygen -R '{self.place}', then connect once with ssh"
            if own:
                again = f"edgebuild devices down {device}, then try again: it boots with new keys"
            return DeviceError(
                device, f"the host key of {self.place} has changed{shown}; it is refused",
                expected=f"the key {'that the board booted with' if own else 'in your known_hosts'}",
                fix=f"find out why; if that is right: {again}",
            )  # fmt: skip
        scan = re.sub(r"^\[(.*)\]:(\d+)$", r"-p \2 \1", self.place)
        return DeviceError(
            device, f"the host key of {self.place} is unknown{shown}; it is refused",
            expected="a key in your known_hosts",
            fix=f"compare it with the device's own, then: ssh-keyscan {scan} >> ~/.ssh/known_hosts",
        )  # fmt: skip


@dataclass
class Linking:
    """One device's connection in the making.

    Attributes:
        config: the ssh settings to go by, for a board that edgebuild made; None: the user's own, and their agent.
    """

    device: str
    address: Address
    config: Path | None = None
    keys: HostKeys | None = field(default=None, init=False)

    async def connect(self) -> asyncssh.SSHClientConnection:
        """Connect, by way of the jump hosts that the config names.

        Raises:
            DeviceError: it can't be reached, or one side refuses the other. ConfigError: ~/.ssh/config is wrong.
        """
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await self._hop(self.address, None, _JUMPS)
        except EdgebuildError:
            raise
        except Exception as error:
            mapped = self._mapped(error)
            if mapped is None:
                raise
            raise mapped from error

    async def _hop(self, to: Address, via: Any, depth: int) -> asyncssh.SSHClientConnection:
        """Connect to one host; ``via``: the connection that it is reached through, None for the config's own way."""
        import asyncssh

        if depth == 0:
            raise ConfigError(f"device {self.device}", "its jump hosts lead in a circle", fix="mend ~/.ssh/config")
        named: dict[str, Any] = {"host": to.host, "username": to.user or (), "port": to.port or (), "config": ()}
        if self.config is not None:
            named |= {"config": [str(self.config)], "agent_path": None}
        options = await asyncssh.SSHClientConnectionOptions.construct(**named)
        if via is None and isinstance(options.tunnel, str):
            for number, jump in enumerate(options.tunnel.split(",")):
                hop = Address.parse(jump, f"device {self.device}: ProxyJump")
                via = await self._hop(hop, via if number else None, depth - 1)
        keys = self.keys = HostKeys(_trusted(options.config))
        named |= {
            "tunnel": via, "known_hosts": keys.match, "client_factory": _witness(keys), "agent_forwarding": False,
            "x11_forwarding": False, "request_pty": False, "password_auth": False, "kbdint_auth": False,
            "keepalive_interval": ALIVE_SECONDS, "keepalive_count_max": _UNANSWERED,
        }  # fmt: skip
        try:
            link = await _link(named, keys)
        except BaseException:
            if via is not None:
                via.close()
            raise
        if via is not None:
            link.set_tunnel(via)
        return link

    def _mapped(self, error: Exception) -> EdgebuildError | None:
        """Our error for one of asyncssh's or the system's; None for any other."""
        import asyncssh

        host, keys = self.address.host, self.keys
        if keys and isinstance(error, asyncssh.HostKeyNotVerifiable):
            return keys.refusal(self.device, error, own=self.config is not None)
        if isinstance(error, asyncssh.PermissionDenied):
            fix = f"ssh-copy-id {host} gives it a key of yours; ssh-add unlocks one. Passwords are not asked for"
            return DeviceError(self.device, f"{host} accepts none of your keys", fix=fix)
        if isinstance(error, OSError | asyncssh.Error):
            slow = isinstance(error, TimeoutError) and not error.errno
            why = f"no answer within {CONNECT_SECONDS:g} s" if slow else str(error) or type(error).__name__
            return lost(self.device, f"{host} can't be reached: {why}")
        if isinstance(error, ValueError):  # asyncssh's own for a config or a key file that it can't read
            return ConfigError(f"device {self.device}", f"your ssh settings: {error}", fix="mend ~/.ssh/config")
        return None


async def _link(named: dict[str, Any], keys: HostKeys) -> asyncssh.SSHClientConnection:
    """Connect. A known host is first asked for keys of the kinds that are known; one that has none of these gives up
    at once, which may reach us as a reset, and is asked for any, so that it can be said that its key has changed."""
    import asyncssh

    try:
        return await asyncssh.connect(**named)
    except (asyncssh.ConnectionLost, asyncssh.KeyExchangeFailed, ConnectionResetError, BrokenPipeError):
        if not keys.known or keys.fingerprint:
            raise
        return await asyncssh.connect(**named, server_host_key_algs="default")


def lost(device: str, found: str) -> DeviceError:
    """A link that failed and may work again."""
    return DeviceError(device, found, fix="check that it is on and connected, then try again", transient=True)


def _witness(keys: HostKeys) -> Callable[[], asyncssh.SSHClient]:
    """A client that trusts no key beyond the known ones, and notes the one that it was shown."""
    import asyncssh

    class Witness(asyncssh.SSHClient):
        def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
            keys.fingerprint = key.get_fingerprint()
            return False

    return Witness


def _trusted(config: Any) -> asyncssh.SSHKnownHosts:
    """The known_hosts files that the config names, or the usual ones; "none" means no file, and never no check."""
    import asyncssh

    hosts = asyncssh.SSHKnownHosts()
    for option, usual in (("UserKnownHostsFile", _USER), ("GlobalKnownHostsFile", _GLOBAL)):
        for name in config.get(option, usual):
            path = Path(name).expanduser()
            if path.exists():
                hosts.load(path.read_text(encoding="utf-8", errors="replace"))
    return hosts
