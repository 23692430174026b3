"""One run of the runner on a device: push, run, pull, validate. What a device says is hostile until then."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock

from edgebuild.bench.runners.base import Crash, Runner, answer_name
from edgebuild.bench.runners.native import NativeRunner
from edgebuild.bench.runners.python import PythonRunner
from edgebuild.core.digest import digest_bytes, digest_json
from edgebuild.core.errors import DeviceError
from edgebuild.core.wire import SIZE_LIMIT, Request, Response
from edgebuild.devices.base import Device

OUTPUTS_LIMIT = 8 * 2**30
_STARTING_S = 60.0


def placed_name(name: str, files: Iterable[str]) -> str:
    """Where one of some files lies in their folder: as in their own, from the folder of the first one on."""
    first = Path(next(iter(files))).parent
    return Path(name).relative_to(first).as_posix() if Path(name).is_relative_to(first) else Path(name).name


@dataclass
class Session:
    """Files pushed once, and runs; one after another wherever time is measured."""

    device: Device
    runner: Runner
    _numbers: count[int] = field(default_factory=lambda: count(1))
    _pushed: set[str] = field(default_factory=set)
    _pushing: Lock = field(default_factory=Lock)

    def place(self, files: Mapping[str, bytes]) -> str:
        """Push files that belong together into one folder, once; returns the folder's name.

        Each lies there as ``placed_name`` says.
        """
        named = {placed_name(name, files): data for name, data in files.items()}
        folder = f"f-{digest_json({name: digest_bytes(data) for name, data in named.items()})[:24]}"
        for name, data in named.items():
            self._push(data, f"{folder}/{name}")
        return folder

    def place_file(self, local: Path) -> str:
        """Push one file under a name of its own, whatever it holds; returns the name."""
        remote = f"given-{next(self._numbers)}{local.suffix}"
        self.device.transport.push(local, remote)
        return remote

    def run(self, request: Request, timeout_s: float, outputs: Path | None = None) -> Response | Crash:
        """One fresh process.

        Args:
            outputs: where the outputs of mode ``infer`` are wanted on this machine.

        Raises:
            DeviceError: the link failed, the time is over, or the answer is no answer.
        """
        stem = f"run-{next(self._numbers)}"
        made = f"{stem}.outputs.npz"
        if outputs is not None:
            request = request.model_copy(update={"outputs": made})
        self._push_request(request, stem)
        argv = self.runner.command(request, stem)
        done = self.device.transport.run(argv, timeout_s=timeout_s + _STARTING_S)
        answer = self.runner.parse(done, self._written(answer_name(stem)))
        if outputs is not None and isinstance(answer, Response) and answer.ok:
            self._fetch(made, outputs)
        return answer

    @property
    def takes_turns(self) -> bool:
        """Whether two runs can be made by turns."""
        return self.runner.by_turns(("", ""), "") is not None

    def run_by_turns(self, requests: tuple[Request, Request], seed: str, timeout_s: float) -> list[Response | Crash]:
        """Two fresh processes that take turns; what each says. Errors as for ``run``."""
        number = next(self._numbers)
        stems = (f"run-{number}a", f"run-{number}b")
        for request, stem in zip(requests, stems, strict=True):
            self._push_request(request, stem)
        argv = self.runner.by_turns(stems, seed)
        assert argv is not None, "asked for only where it can be done"
        done = self.device.transport.run(argv, timeout_s=timeout_s + 2 * _STARTING_S)
        written = [self._written(answer_name(stem)) for stem in stems]
        # What answered worked, however the other ended.
        return [self.runner.parse(dataclasses.replace(done, code=0) if each else done, each) for each in written]

    def _push_request(self, request: Request, stem: str) -> None:
        for name, data in self.runner.files(request, stem).items():
            self._push(data, name)

    def _written(self, name: str) -> bytes | None:
        with tempfile.TemporaryDirectory(prefix="edgebuild-") as folder:
            local = Path(folder) / "response.json"
            return local.read_bytes() if self.device.transport.pull(name, local, limit=SIZE_LIMIT) else None

    def _fetch(self, name: str, place: Path) -> None:
        if not self.device.transport.pull(name, place, limit=OUTPUTS_LIMIT):
            raise DeviceError(self.device.name, "the run wrote no outputs", transient=True)

    def _push(self, data: bytes, remote: str) -> None:
        with self._pushing:
            if remote in self._pushed:
                return
            with tempfile.TemporaryDirectory(prefix="edgebuild-") as folder:
                local = Path(folder) / "file"
                local.write_bytes(data)
                self.device.transport.push(local, remote)
            self._pushed.add(remote)


def runner_for(device: Device) -> Runner:
    """What makes the runs of a device: its vendor's program where it names one, else ours."""
    return PythonRunner(device) if device.native is None else NativeRunner(device)
