"""A desk to measure at: a board that was set up once, a small real bundle, and the real command."""

from __future__ import annotations

import contextlib
import io
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from waiting import eventually

from edgebuild.cli.main import main
from edgebuild.core.measurement import Measurement
from edgebuild.devices.board.image import boards_folder
from edgebuild.devices.board.up import board_up
from edgebuild.devices.lock import is_held
from edgebuild.store.bundle import open_bundle
from edgebuild.store.devices import find_device, save_device
from edgebuild.store.evidence import evidence_path, read_evidence

NAME = "pi"
PROFILES = {"one": 1, "two": 2}
"""Profiles by the runs that they ask for.

A run of memory is two processes: of the runtime alone, and of the model. A command's first process is the self-test, so
its first run is processes 2 and 3, and its second 4 and 5.
"""

_WATCH = r"""
echo watching
while :; do
  pid=$(pgrep -f '^[^ ]*python.* [r]unner-[^ ]* run-%d[.]request') || { sleep 0.2; continue; }
  while [ -d /proc/$pid ]; do
    if grep -qs onnxruntime /proc/$pid/maps; then break 2; fi
    sleep 0.1
  done
done
%s
echo there
cat > /dev/null
"""
"""Waits for a process of a command's until it has loaded the runtime, so it is in the middle of its run."""

Heard = Callable[[str], None]


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said on stderr."""

    code: int
    text: str

    def blames_the_device(self, *words: str) -> None:
        """It ended as the device's fault, with a message that holds these words and says what to do."""
        assert self.code == 5, self.text
        for each in (*words, "to fix:"):
            assert each in self.text, f"{each!r} is not in: {self.text}"
        assert "Traceback" not in self.text


class _Stderr(io.StringIO):
    """A stderr whose lines are heard when they are written: the command waits meanwhile."""

    def __init__(self, hear: Heard) -> None:
        super().__init__()
        self._hear = hear

    def write(self, text: str) -> int:
        written = super().write(text)
        self._hear(text)
        return written


@dataclass
class Desk:
    """One test's bundle, with the evidence beside it, and the board.

    Attributes:
        project: where the profiles are. bundle: a copy of the test's own.
        config: the ssh settings of the test's own connections; None: those of the board that runs.
    """

    project: Path
    bundle: Path
    config: Path | None = None
    _watching: list[subprocess.Popen[str]] = field(default_factory=list)

    def arguments(self, *more: Path, profile: str = "two", device: str = NAME) -> list[str]:
        """The command line that measures the bundle, and more bundles after it."""
        names = [str(path) for path in (self.bundle, *more)]
        return ["bench", *names, "--device", device, "-p", profile, "--project", str(self.project)]

    def bench(
        self, *more: Path, profile: str = "two", device: str = NAME, before_runs: Callable[[], None] = lambda: None
    ) -> Said:
        """The command, in this process.

        Args:
            more: bundles that are measured after the desk's own.
            before_runs: called once, when the device is open and its first run is about to start.
        """
        waiting = [before_runs]

        def hear(text: str) -> None:
            if text.startswith("memory:") and waiting:
                waiting.pop()()

        stderr = _Stderr(hear)
        with contextlib.redirect_stderr(stderr):
            code = main(self.arguments(*more, profile=profile, device=device))
        return Said(code, stderr.getvalue())

    def evidence(self) -> bytes:
        """What was measured so far, as it is on the disk."""
        place = evidence_path(open_bundle(self.bundle))
        return place.read_bytes() if place.exists() else b""

    def runs(self) -> int:
        """How many runs were measured."""
        payloads = [record.payload for record in read_evidence(open_bundle(self.bundle))]
        return sum(len(each.runs) for each in payloads if isinstance(each, Measurement))

    def takes_up(self, kept: bytes) -> None:
        """A later command measures what is missing, no more, after what is there."""
        assert self.evidence() == kept, "what was measured was changed"
        before = self.runs()
        again = self.bench()
        assert again.code == 0, again.text
        assert f"memory: {2 - before} more runs" in again.text
        assert self.evidence().startswith(kept)
        assert self.runs() == 2

    def goes_on(self, kept: bytes) -> None:
        """A later command opens the device, finds the runtime well and goes by the run that was kept."""
        assert self.evidence() == kept, "what was measured was changed"
        again = self.bench(profile="one")
        assert again.code == 0, again.text
        assert "more runs" not in again.text
        assert self.evidence() == kept

    def shell(self, script: str) -> str:
        """What a script says on the board, over a connection of the test's own."""
        done = subprocess.run([*self._ssh(), script], capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def restart(self) -> None:
        """Restart the board, as its reset button would, and wait until it answers again."""
        identity = "cat /proc/sys/kernel/random/boot_id"
        before = self.shell(f"{identity}; sync")
        assert self._lost("echo b > /proc/sysrq-trigger; sleep 600").returncode == 255

        def anew() -> bool:
            done = self._lost(identity)
            return done.returncode == 0 and done.stdout != before

        eventually(anew, "the board does not come back", seconds=180)

    def _lost(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script over a link that may be lost meanwhile, which is noticed: ssh ends with 255 then."""
        alive = ("-o", "ServerAliveInterval=3", "-o", "ServerAliveCountMax=5")
        return subprocess.run([*self._ssh(*alive), script], capture_output=True, text=True, check=False, timeout=300)

    def put(self, place: str, data: bytes) -> None:
        """Write a file on the board that may be executed."""
        order = f"cat > {place} && chmod +x {place}"
        subprocess.run([*self._ssh(), order], input=data, check=True, timeout=300)

    def in_a_run(
        self, act: Callable[[], None] = lambda: None, *, there: str = "", process: int = 2
    ) -> Callable[[], None]:
        """What watches from now on for a command's process on the board, and goes wrong in the middle of it.

        Args:
            act: what is done here. there: what the board's shell does, to the process ``$pid``.
        """

        def start() -> None:
            script = _WATCH % (process, there)
            watch = subprocess.Popen([*self._ssh(), script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self._watching.append(watch)
            assert watch.stdout is not None
            assert watch.stdout.readline() == "watching\n"
            threading.Thread(target=self._then, args=(watch, act), daemon=True).start()

        return start

    @staticmethod
    def _then(watch: subprocess.Popen[str], act: Callable[[], None]) -> None:
        assert watch.stdout is not None
        if watch.stdout.readline() == "there\n":
            act()

    @contextlib.contextmanager
    def entry(self, **changes: object) -> Iterator[None]:
        """The device's file says otherwise meanwhile."""
        before = find_device(NAME)
        save_device(before.model_copy(update=changes))
        try:
            yield
        finally:
            save_device(before)

    def stand_in(self, wrong: str) -> str:
        """A Python on the board that goes wrong in a command's first run: its path. ``$4``: where an answer goes."""
        real = shlex.quote(str(find_device(NAME).python))
        script = f'#!/bin/sh\ncase "$3" in run-2.*) {wrong};; esac\nexec {real} "$@"\n'
        self.put("/root/stand-in", script.encode())
        return "/root/stand-in"

    def close(self) -> None:
        """End what watched."""
        for watch in self._watching:
            watch.kill()
            watch.communicate()

    def _ssh(self, *options: str) -> list[str]:
        config = self.config or boots()[0] / "ssh_config"
        return ["ssh", "-F", str(config), "-o", "ConnectTimeout=10", *options, "board"]


def boots() -> list[Path]:
    """The folders of the boots that there are."""
    return list((boards_folder() / "boots").glob(f"{NAME}-*"))


def qemu() -> int:
    """The process of the board that runs."""
    (found,) = (number for number, words in _processes() if words[0].endswith("qemu-system-aarch64"))
    return found


def _processes() -> Iterator[tuple[int, list[str]]]:
    """The processes that belong to this session's boots, and their words."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if any(f"{boards_folder() / 'boots'}/{NAME}-" in word for word in words) and words[0] != "ssh":
                yield int(process.name), words


def copied(bundle: Path, folder: Path, *, evidence: bool = True) -> Path:
    """A bundle of a test's own, with the runs that were measured of it or without."""
    place = Path(shutil.copytree(bundle, folder / bundle.name))
    if evidence:
        shutil.copy(evidence_path(open_bundle(bundle)), evidence_path(open_bundle(place)))
    return place


def nothing_is_left_here(temporary: Path) -> None:
    """No lock is held, no file of a command's is left, and no process or boot but those of a board that stays up."""
    assert not is_held(NAME), "the device's lock is held"
    assert list(temporary.iterdir()) == []
    there = board_up(NAME)
    if there is None:
        eventually(lambda: not list(_processes()), "a process of the board is left")
        assert boots() == []
    else:
        assert boots() == [there.folder]


def nothing_is_left_there(desk: Desk) -> None:
    """No work folder is left on the board, and no process of a run's."""
    folders = "ls -d /tmp/edgebuild-run.* /root/edgebuild-run.* 2> /dev/null"
    look = f"{folders}; pgrep -fl '^[^ ]*python.* [r]unner-|[m]ktemp -d' || :"
    eventually(lambda: desk.shell(look) == "", "something is left on the board")
