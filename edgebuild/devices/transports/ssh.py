"""A device over ssh: programs by its shell, files by SFTP, on one connection."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import secrets
import signal
import stat
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import DeviceError, EdgebuildError
from edgebuild.devices.background import Background
from edgebuild.devices.base import COPY_SECONDS, Completed, Device, Hear, deaf
from edgebuild.devices.remote import (
    SHORT_S,
    Kept,
    Tail,
    endless,
    keep_command,
    kept,
    no_folder,
    not_started,
    opened,
    place_in,
    run_command,
    too_slow,
)
from edgebuild.devices.ssh_link import Address, Linking, lost

if TYPE_CHECKING:
    import asyncssh

_Result = TypeVar("_Result")
_DRAIN_S = 2.0
_BLOCK = 1 << 20
_SPARE = 1 << 16


class SshTransport:
    """Processes on a device that is reached over ssh.

    Args:
        name: the device's, for messages.
        folder: where the work folder is made; None: TMPDIR there, or /tmp.
        clocked: the device's clock goes as ours does, so a run that the link left alone ends by it.
        config: the ssh settings to go by, for a board that edgebuild made; None: the user's own.

    Raises:
        DeviceError, ConfigError: as ``Linking.connect``; or there is no place for the work folder.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        folder: str | None = None,
        *,
        clocked: bool = True,
        config: Path | None = None,
    ) -> None:
        self.name, self._clocked = name, clocked
        self._loop = Background()
        self._sftp: asyncssh.SFTPClient | None = None
        self._closed = False
        try:
            self._link = self._loop.call(Linking(name, address, config).connect())
            self._keeper, self.kept = self._call(self._keep(folder), SHORT_S, "making the work folder")
            self.folder = self.kept.folder
        except BaseException:
            self._hang_up()
            raise

    def run(self, argv: Sequence[str], *, timeout_s: float, hear: Hear = deaf) -> Completed:
        mark = secrets.token_hex(12)
        limit = int(timeout_s) * 2 + 60 if self._clocked else 0
        command = run_command(self.folder, mark, limit, argv)
        done = self._call(self._execute(command, hear), timeout_s, "a run")
        if done.code in (125, 127) and (error := not_started(self.name, argv[0], mark, done.stderr)):
            raise error
        return done

    def push(self, local: Path, remote: str, *, timeout_s: float = COPY_SECONDS) -> None:
        place = place_in(self.name, self.folder, remote)
        self._call(self._send(local, place, remote), timeout_s, f"copying {remote}")

    def pull(self, remote: str, local: Path, *, limit: int, timeout_s: float = COPY_SECONDS) -> bool:
        place = place_in(self.name, self.folder, remote)
        return self._call(self._fetch(place, remote, local, limit), timeout_s, f"copying {remote}")

    def close(self) -> None:
        """Remove the work folder. If the link is lost, the device removes it by itself."""
        if self._closed:
            return
        self._closed = True
        try:
            with contextlib.suppress(DeviceError):
                self._call(self._let_go(), SHORT_S, "removing the work folder")
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        link = getattr(self, "_link", None)
        if link is not None:
            with contextlib.suppress(Exception):
                self._loop.call(_shut(link))
        self._loop.stop()

    def _call(self, doing: Coroutine[None, None, _Result], timeout_s: float, what: str) -> _Result:
        """Do something on the link within a time; a library's exceptions become ours here."""
        import asyncssh

        async def limited() -> _Result:
            async with asyncio.timeout(timeout_s):
                return await doing

        try:
            return self._loop.call(limited())
        except EdgebuildError:
            raise
        except TimeoutError as error:
            raise too_slow(self.name, what, timeout_s) from error
        except (
            asyncssh.ChannelOpenError,
            asyncssh.DisconnectError,
            asyncssh.SFTPConnectionLost,
            asyncssh.SFTPNoConnection,
            ConnectionError,
        ) as error:
            raise lost(self.name, f"the link was lost while {what} went on: {error}") from error
        except (asyncssh.Error, OSError) as error:
            raise DeviceError(self.name, f"{what} failed: {error}") from error

    async def _keep(self, folder: str | None) -> tuple[asyncssh.SSHClientProcess[bytes], Kept]:
        command = keep_command(folder, "/tmp")  # noqa: S108 - the device's own, made by its mktemp
        process = await self._link.create_process(command, encoding=None)
        said = b""
        while (found := kept(self.name, said)) is None:
            part = await process.stdout.read(_BLOCK)
            if not part:
                raise no_folder(self.name, (await process.stderr.read(500)).decode("utf-8", "replace"))
            said += part
        return process, found

    async def _let_go(self) -> None:
        if self._sftp is not None:
            self._sftp.exit()
        self._keeper.stdin.write_eof()
        await self._keeper.wait_closed()

    async def _execute(self, command: str, hear: Hear) -> Completed:
        session = _Session(hear)
        channel, _ = await self._link.create_session(lambda: session, command, encoding=None)  # type: ignore[arg-type, return-value]
        try:
            await session.ended.wait()
            if any(tail.endless for tail in session.tails):
                raise endless(self.name)
            if session.code is None:
                raise lost(self.name, f"the link was lost in the middle of a run: {session.lost or 'it was closed'}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(session.silent.wait(), _DRAIN_S)
            return Completed(session.code, session.tails[0].text(), session.tails[1].text())
        finally:
            # Its input ends with it, and what is left of the run on the device ends with that.
            channel.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(channel.wait_closed(), _DRAIN_S)

    @contextlib.asynccontextmanager
    async def _files(self) -> AsyncIterator[asyncssh.SFTPClient]:
        if self._sftp is None:
            self._sftp = await self._link.start_sftp_client()
        yield self._sftp

    async def _send(self, local: Path, place: str, remote: str) -> None:
        import asyncssh

        async with self._files() as files:
            rest = local.stat().st_size
            try:
                await files.makedirs(posixpath.dirname(place), exist_ok=True)
                async with files.open(place, "wb") as there:
                    with local.open("rb") as here:
                        while block := here.read(_BLOCK):
                            await there.write(block)
                            rest -= len(block)
            except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
                raise
            except asyncssh.SFTPError as error:
                room = await self._room(files)
                with contextlib.suppress(asyncssh.SFTPError):
                    await files.remove(place)
                if room is not None and room < rest + _SPARE:
                    raise DeviceError(
                        self.name, f"its disk is full: {remote} can't be written", fix="free some space there"
                    ) from error
                raise DeviceError(self.name, f"{remote} can't be written: {error.reason}") from error

    async def _room(self, files: asyncssh.SFTPClient) -> int | None:
        """Bytes that are free in the work folder, where the server tells. SFTP 3 has no word for a full disk."""
        import asyncssh

        with contextlib.suppress(asyncssh.SFTPError):
            found = await files.statvfs(self.folder)
            return int(found.bavail) * int(found.frsize or found.bsize)
        return None

    async def _fetch(self, place: str, remote: str, local: Path, limit: int) -> bool:
        import asyncssh

        async with self._files() as files:
            try:
                found = await files.lstat(place)
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                return False
            if not stat.S_ISREG(found.permissions or 0):
                return False
            async with files.open(place, "rb") as there:
                await _receive(there, local, limit, self.name, remote)
        return True


async def _receive(there: Any, local: Path, limit: int, device: str, remote: str) -> None:
    """Copy at most ``limit`` bytes, whatever size the device claims."""
    size = 0
    try:
        with local.open("wb") as here:
            while block := await there.read(min(_BLOCK, limit + 1 - size)):
                size += len(block)
                if size > limit:
                    raise DeviceError(device, f"{remote} has {size} bytes or more", expected=f"at most {limit}")
                here.write(block)
    except BaseException:
        local.unlink(missing_ok=True)
        raise


class _Session:
    """One run as asyncssh reports it: output while it comes, how it ended, and whether the link was lost."""

    def __init__(self, hear: Hear) -> None:
        self.tails = (Tail(hear), Tail(hear))
        self.code: int | None = None
        self.lost: Exception | None = None
        self.ended, self.silent = asyncio.Event(), asyncio.Event()

    def connection_made(self, chan: object) -> None: ...

    def session_started(self) -> None: ...

    def data_received(self, data: bytes, datatype: int | None) -> None:
        tail = self.tails[1 if datatype else 0]
        tail.add(data)
        if tail.endless:
            self.ended.set()

    def eof_received(self) -> bool:
        self.silent.set()
        return True

    def exit_status_received(self, status: int) -> None:
        self.code = status
        self.ended.set()

    def exit_signal_received(self, name: str, core_dumped: bool, msg: str, lang: str) -> None:  # noqa: ARG002
        number = signal.Signals.__members__.get(f"SIG{name}")
        self.code = -number if number is not None else -99
        self.ended.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = exc
        self.ended.set()
        self.silent.set()

    def xon_xoff_requested(self, client_can_do: bool) -> None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...


async def _shut(link: asyncssh.SSHClientConnection) -> None:
    link.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(link.wait_closed(), _DRAIN_S)


def open_ssh(entry: DeviceEntry) -> Device:
    """The device of an entry, connected; errors as for ``SshTransport``."""
    address = Address.parse(entry.address or "", f"device {entry.name}")
    return opened(SshTransport(entry.name, address, entry.folder), entry)
