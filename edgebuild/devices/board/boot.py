"""Booting a board and switching it off."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edgebuild.core.base import Frozen
from edgebuild.core.errors import DeviceError
from edgebuild.devices.board import keeper
from edgebuild.devices.board.greeting import Greeting
from edgebuild.devices.board.image import Image, boards_folder
from edgebuild.devices.board.keys import CONFIG, HOST, make_keys, write_config
from edgebuild.devices.board.qemu import Disk, Ports, Spec, qemu_command
from edgebuild.devices.board.tools import BOARD, TO_BOOT, call, need
from edgebuild.store.files import writing
from edgebuild.store.scratch import Claim, claim, is_held, remove, sweep

BOOT_SECONDS = 300.0
"""How long a board may take until its ssh daemon answers; 3 to 5 s are usual, on an idle machine."""

_OFF_SECONDS = 30.0
_TRIES = 3
_POLL = 0.1
_TAIL = 1500
_TAKEN = "could not set up host forwarding"


class Running(Frozen):
    """A board that runs. Its folder is held by its processes, and by nobody once the last of them is gone.

    Attributes:
        versions: of what it stands on: QEMU, the image, the kernel, the processor, and what its clock follows.
    """

    folder: Path
    name: str
    spec: Spec
    ports: Ports
    versions: dict[str, str]

    @property
    def ssh_config(self) -> Path:
        """A configuration of ssh in which the board is the host "board"."""
        return self.folder / CONFIG

    def is_up(self) -> bool:
        """Whether its processes still run."""
        return is_held(self.folder)


@dataclass(frozen=True)
class Booted:
    """A board and what ends it: switched off by ``off``, or by the kernel when this process is gone."""

    running: Running
    _line: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def off(self) -> None:
        """Switch it off; nothing is left of it."""
        switch_off(self.running)
        if self._line is not None:
            assert self._line.stdin is not None
            self._line.stdin.close()
            self._line.wait()


def boot(name: str, spec: Spec, image: Image, disk: Disk, *, stay: bool = False) -> Booted:
    """Boot a board and wait until it answers.

    Args:
        stay: it outlives this process, until it is told to end.

    Raises:
        DeviceError: a tool is missing, or it did not answer in time; with what it said.
    """
    need(*TO_BOOT, *(("adb",) if spec.adb else ()))
    versions = versions_of(spec, image)
    for last in (False,) * (_TRIES - 1) + (True,):
        booted = _start(name, spec, image, disk, versions=versions, stay=stay)
        try:
            trouble = _await_answer(booted.running)
        except BaseException:
            booted.off()
            raise
        if not trouble:
            return booted
        booted.off()
        if last or _TAKEN not in trouble.lower():
            raise DeviceError(name, f"the virtual board did not boot: {trouble}", transient=True)
    raise AssertionError("unreachable")


def switch_off(running: Running) -> None:
    """End a board's processes, whoever booted it. A board that keeps its disk is shut down in order first.

    Raises:
        DeviceError: it did not write its disk out, or its processes don't end.
    """
    wrote = not (running.spec.keep and running.is_up()) or _shut_down(running)
    _await(lambda: not running.is_up() or _told(running), _OFF_SECONDS)
    if not _await(lambda: not running.is_up(), _OFF_SECONDS):
        raise DeviceError(running.name, "its processes do not end", fix=f"end those that use {running.folder}")
    remove(running.folder)
    if not wrote:
        raise DeviceError(
            running.name,
            "did not shut down: what was written last to its disk may be lost",
            fix=f"edgebuild devices setup {running.name} mends it",
        )


def _start(name: str, spec: Spec, image: Image, disk: Disk, *, versions: dict[str, str], stay: bool) -> Booted:
    home = boards_folder() / "boots"
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
        sweep(home, "")
        held = claim(home, f"{name}-", folder=True)
    try:
        running = _prepare(held.path, name, spec, image, disk, versions)
        return Booted(running, _launch(held, stay=stay))
    except BaseException:
        remove(held.path)
        raise
    finally:
        held.let_go()  # the keeper has it now


def _prepare(folder: Path, name: str, spec: Spec, image: Image, disk: Disk, versions: dict[str, str]) -> Running:
    folder.chmod(0o700)
    ports = _free_ports(spec)
    with writing(folder):
        (folder / "initrd").write_bytes(make_keys(folder) + (image.folder / "initrd.gz").read_bytes())
        write_config(folder, ports.ssh)
        commands = [qemu_command(spec, disk, ports, kernel=image.folder / "vmlinuz", folder=folder)]
        commands += [["adb", "-P", str(ports.adb_server), "nodaemon", "server"]] if ports.adb_server else []
        (folder / "commands.json").write_text(json.dumps(commands), encoding="utf-8")
    return Running(folder=folder, name=name, spec=spec, ports=ports, versions=versions)


def _launch(held: Claim, *, stay: bool) -> subprocess.Popen[bytes] | None:
    """Start the keeper, which inherits the claim on the folder. Ctrl-C does not reach it in its own session."""
    how = "until-told" if stay else "while-read"
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", keeper.__file__, str(held.path), how],
        stdin=subprocess.DEVNULL if stay else subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        pass_fds=(held.descriptor,), start_new_session=True, cwd=held.path,
    )  # fmt: skip
    if stay:
        process.wait()
        return None
    return process


def _await_answer(running: Running) -> str:
    """Wait until the ssh daemon greets; returns what is wrong, if it does not."""
    greeting = Greeting(running.ports.ssh)
    if _await(lambda: not running.is_up() or greeting.came(), BOOT_SECONDS) and running.is_up():
        return ""
    logs = [running.folder / "console", running.folder / "qemu-system-aarch64.log"]
    said = "\n".join(_tail(log) for log in logs).strip() or "it said nothing"
    return f"it ended: {said}" if not running.is_up() else f"no answer after {BOOT_SECONDS:g} s: {said}"


def _shut_down(running: Running) -> bool:
    """Have the board write everything out and switch itself off; whether it did."""
    orders = "sync; echo u > /proc/sysrq-trigger; (sleep 1; echo o > /proc/sysrq-trigger) >/dev/null 2>&1 </dev/null &"
    try:
        call(["ssh", "-F", str(running.ssh_config), HOST, orders], timeout_s=_OFF_SECONDS * 4)
    except DeviceError:
        return False
    return _await(lambda: not running.is_up(), _OFF_SECONDS)


def _told(running: Running) -> bool:
    """Whether the keeper could be told to end: one that is just starting can't yet."""
    try:
        os.kill(int((running.folder / "keeper.pid").read_text(encoding="ascii")), signal.SIGTERM)
    except (OSError, ValueError):
        return False
    return True


def _await(true: Callable[[], bool], seconds: float) -> bool:
    ends = time.monotonic() + seconds
    while not true():
        if time.monotonic() >= ends:
            return False
        time.sleep(_POLL)
    return True


def _free_ports(spec: Spec) -> Ports:
    """Ports that are free now. Another program may take one before QEMU does; then the boot is tried again."""
    count = 3 if spec.adb else 1
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return Ports(ssh=ports[0], adb=ports[1], adb_server=ports[2]) if spec.adb else Ports(ssh=ports[0])


def versions_of(spec: Spec, image: Image) -> dict[str, str]:
    """What a board stands on.

    Raises:
        DeviceError: QEMU is not installed, or does not say its version.
    """
    said = call(["qemu-system-aarch64", "--version"])
    found = re.search(r"version ([0-9.]+)", said)
    if found is None:
        raise DeviceError(BOARD, f"QEMU does not say its version: {said[:80]!r}")
    clock = "instructions" if spec.exact else "host"
    about = image.about
    return {"qemu": found[1], "board": about.digest[:12], "kernel": about.kernel, "cpu": spec.cpu, "clock": clock}


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            text = file.read(_TAIL).decode("utf-8", "replace")
    except OSError:
        return ""
    return "".join(c for c in text if c.isprintable() or c == "\n").strip()
