"""What one model takes as a share of what another takes: latency on this machine, or instructions on a board."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from edgebuild.bench.bench import Bench
from edgebuild.bench.compare import compare_speed
from edgebuild.bench.exact import SAMPLES, WARM_UP, exact_run, with_fixed_seed
from edgebuild.bench.given import Side
from edgebuild.core.compression import MeasuredCost
from edgebuild.core.device import LOCAL, DeviceEntry
from edgebuild.core.digest import Digest, Json, digest_bytes, digest_json
from edgebuild.core.errors import BuildError, ConfigError, DeviceError
from edgebuild.core.lock import LockedLatency
from edgebuild.core.profile import Measuring, Profile
from edgebuild.core.target import Target
from edgebuild.devices.board.up import stands_on
from edgebuild.devices.opening import open_device
from edgebuild.devices.transports.local import open_local
from edgebuild.judge.exact import instructions_of
from edgebuild.store.devices import find_device

_PAIRS, _INFERENCES, _SECONDS, _WARMUP_SECONDS = 4, 50, 0.3, 0.2

Say = Callable[[str], None]


class Gauge(Protocol):
    """Measures on a device, which it may open only when it is first asked."""

    def relative(self, target: Target, base: Side, other: Side) -> LockedLatency:
        """What another model takes on a target, as a share of what a base takes.

        Raises:
            BuildError: there is nothing that it could be a share of. As ``Bench.execute``.
        """
        ...


class Meter(Protocol):
    """A way to measure, of which nothing was done yet.

    Attributes:
        cost: what it measures.
        doing: the stage that does it, for people.
        code: the files and folders below the package that it depends on, beside the runner and all that drives it.
    """

    @property
    def cost(self) -> MeasuredCost: ...
    @property
    def doing(self) -> str: ...
    @property
    def code(self) -> tuple[str, ...]: ...

    def facts(self, profile: Profile) -> dict[str, Json]:
        """What a measurement depends on beside model, target and device."""
        ...

    def device(self) -> dict[str, Json]:
        """What it depends on of a device that is not this machine."""
        ...

    def refuse(self, targets: Sequence[Target]) -> None:
        """Refuse what can't be measured.

        Raises:
            ConfigError: a target's device is not at hand, or no device is what is asked for.
        """
        ...

    def takes(self, known: LockedLatency) -> bool:
        """Whether what was measured once stands for what would be measured."""
        ...

    def open(self, profile: Profile, seed: int, say: Say) -> AbstractContextManager[Gauge]:
        """Get ready to measure."""
        ...


@dataclass(frozen=True)
class Timing:
    """Latency on this machine."""

    cost: MeasuredCost = "latency"
    doing: str = "measure latency"
    code: tuple[str, ...] = ()

    def facts(self, profile: Profile) -> dict[str, Json]:
        return {"measuring": measuring_of(profile).model_dump(mode="json")}

    def device(self) -> dict[str, Json]:
        return {}

    def refuse(self, targets: Sequence[Target]) -> None:
        absent = [target.name for target in targets if not target.is_host]
        if absent:
            raise ConfigError(
                "[pruning] cost", f"is latency, and the device of {', '.join(absent)} is not at hand while building",
                expected="targets that are this machine, such as host-onnxruntime",
                fix='choose cost = "instructions" and give a virtual board with --device, or cost = "macs"; or build '
                "for host targets alone with -t",
            )  # fmt: skip

    def takes(self, known: LockedLatency) -> bool:  # noqa: ARG002 - a lock is for other machines too
        return True

    @contextlib.contextmanager
    def open(self, profile: Profile, seed: int, say: Say) -> Iterator[Gauge]:  # noqa: ARG002 - it takes no time
        with Bench(open_local()) as bench:
            yield _Timer(bench, measuring_of(profile), seed)


@dataclass(frozen=True)
class _Timer:
    bench: Bench
    measuring: Measuring
    seed: int

    def relative(self, target: Target, base: Side, other: Side) -> LockedLatency:
        found = compare_speed(self.bench, target, other, base, self.measuring, confidence=0.95, seed=self.seed)
        return LockedLatency(device=found.device, relative=round(found.ratio, 6))


@dataclass(frozen=True)
class Counting:
    """Executed instructions on a virtual board, less those of an empty model.

    Attributes:
        name: of the device. One that is no virtual board, or None, counts nothing: all has to be known.
    """

    name: str | None
    cost: MeasuredCost = "instructions"
    doing: str = "count instructions"
    code: tuple[str, ...] = ("bench/exact.py", "judge/exact.py")

    def facts(self, profile: Profile) -> dict[str, Json]:  # noqa: ARG002 - it repeats, however seldom it is done
        return {"counted": [WARM_UP, SAMPLES]}

    def device(self) -> dict[str, Json]:
        board = self._board
        return {"device": {"python": board.python, **stands_on(board, exact=True)}} if board is not None else {}

    def refuse(self, targets: Sequence[Target]) -> None:
        host = [target.name for target in targets if target.is_host]
        if host:
            raise ConfigError(
                "[pruning] cost", f"is instructions, and {', '.join(host)} is this machine, whose time can be measured",
                expected="targets that a virtual board stands for, such as raspberry-pi-5",
                fix='choose cost = "latency", or build for the other targets alone with -t',
            )  # fmt: skip
        board = self._board
        other = [target.name for target in targets if board is not None and board.target not in (None, target.name)]
        if board is not None and other:
            raise ConfigError(
                f"device {board.name}", f"is {board.target}, not {', '.join(other)}",
                fix=f"build for {board.target} alone with -t, or give another device",
            )  # fmt: skip

    def takes(self, known: LockedLatency) -> bool:
        board = self._board
        return board is None or board.virtual is None or known.device == board.virtual.identity

    @contextlib.contextmanager
    def open(self, profile: Profile, seed: int, say: Say) -> Iterator[Gauge]:  # noqa: ARG002 - it repeats
        with ExitStack() as stack:
            yield _Counter(self.name, self._board, say, stack)

    @property
    def _board(self) -> DeviceEntry | None:
        """What can count; None: a build on a real device takes what the lock knows."""
        entry = find_device(self.name) if self.name is not None and self.name != LOCAL else None
        return entry if entry is not None and entry.virtual is not None else None


@dataclass
class _Counter:
    """Boots its board when the first count is asked for, and counts every model once."""

    name: str | None
    board: DeviceEntry | None
    say: Say
    stack: ExitStack
    _bench: Bench | None = None
    _known: dict[Digest, int] = field(default_factory=dict)

    def relative(self, target: Target, base: Side, other: Side) -> LockedLatency:
        bench = self._opened(target)
        whole = self._count(bench, target, base)
        if whole == 0:
            raise BuildError(
                f"prune for {target.name}", "the dense model takes no more instructions than an empty one",
                fix='choose cost = "macs"',
            )  # fmt: skip
        return LockedLatency(
            device=bench.device.identity, relative=round(max(1, self._count(bench, target, other)) / whole, 6)
        )

    def _opened(self, target: Target) -> Bench:
        if self.board is None:
            lacks = "no device was given" if self.name is None else f"{self.name} can't count them"
            raise DeviceError(
                target.name, f"instructions have to be counted, and {lacks}", expected="a virtual board",
                fix=f"edgebuild devices add board --virtual auto -t {target.name} and devices setup board make one; "
                "then give --device board",
            )  # fmt: skip
        if self._bench is None:
            opened = open_device(target, self.board.name, self.say, exact=True)
            self._bench = self.stack.enter_context(Bench(with_fixed_seed(opened)))
        return self._bench

    def _count(self, bench: Bench, target: Target, side: Side) -> int:
        files, inputs = side
        key = digest_json([target.name, target.runtime, {name: digest_bytes(data) for name, data in files.items()}])
        if key not in self._known:
            run = exact_run(bench, target.runtime, files, inputs, target.runtime_options)
            self._known[key] = instructions_of(run) or 0
        return self._known[key]


def measuring_of(profile: Profile) -> Measuring:
    """A pair's worth of runs that tell a few percent apart, where the profile does not want less."""
    own = profile.measuring
    return own.model_copy(
        update={
            "pairs": min(own.pairs, _PAIRS),
            "min_samples": min(own.min_samples, _INFERENCES),
            "min_seconds": min(own.min_seconds, _SECONDS),
            "warmup_seconds": min(own.warmup_seconds, _WARMUP_SECONDS),
        }
    )
