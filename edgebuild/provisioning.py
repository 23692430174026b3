"""``devices setup`` and what ``devices remove`` takes away: an environment, from its wheels to its self-test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgebuild.bench.bench import Bench
from edgebuild.core.artifact import runtimes_of
from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import DeviceError
from edgebuild.core.target import Target
from edgebuild.devices.base import Device
from edgebuild.devices.board.up import board_up, forget_board
from edgebuild.devices.facts import PythonFacts, ask_facts, default_folder
from edgebuild.devices.opening import open_entry
from edgebuild.devices.provision import Place, environments_of, remove_environments
from edgebuild.devices.wheels import PINNED, Lock, requirements_of, resolve, wheelhouse
from edgebuild.store.bundle import Bundle
from edgebuild.store.catalog import find_target, target_names
from edgebuild.store.devices import device_names, find_device, forget_device, save_device

Say = Callable[[str], None]
USUAL = ("onnxruntime", "litert")
"""What a device of no stated target gets."""

_RUNNER = {"tflite-runtime": "litert"}
_ISA = {"aarch64": "aarch64", "armv7": "armv7l", "x86_64": "x86_64"}


@dataclass(frozen=True)
class SetUp:
    """What ``devices setup`` found or made.

    Attributes:
        changed: whether anything was made on the device.
        python: the interpreter there; folder: edgebuild's there.
    """

    name: str
    lock: Lock
    changed: bool
    python: str
    folder: str

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        wheels = [{"name": w.name, "version": w.version, "sha256": w.sha256} for w in self.lock.wheels]
        return {
            "name": self.name, "changed": self.changed, "environment": self.lock.digest, "python": self.python,
            "folder": self.folder, "requirements": list(self.lock.requirements), "wheels": wheels,
        }  # fmt: skip


def runtimes_for(bundles: Sequence[Bundle], given: Sequence[str] = ()) -> tuple[str, ...]:
    """The runtimes that some bundles need, each part's, beside those given as NAME or NAME==VERSION.

    They are in one order, whichever bundle is named first: the same ones are the same environment.
    """
    there = {_RUNNER.get(name, name) for name in (each.partition("==")[0] for each in given)}
    needed = {each for bundle in bundles for part in bundle.manifest.parts for each in runtimes_of(part.runtime)}
    known = [name for name in PINNED if name in needed]
    return (*given, *(name for name in (*known, *sorted(needed - set(known))) if name not in there))


def set_up(
    name: str, runtimes: Sequence[str] = (), *, python: str | None = None, anew: bool = False, root: Path = Path(),
    say: Say = lambda _: None,
) -> SetUp:  # fmt: skip
    """Make a device's environment, or find that it is there and whole.

    Args:
        runtimes: NAME or NAME==VERSION; default that of the device's target.
        python: the interpreter there that it is made from; default the one of last time, or the system's.
        anew: resolve wheels again, instead of those pinned last time.
        root: the project's folder, whose own targets come first.

    Raises:
        ConfigError, DeviceError: with what to do.
    """
    entry = find_device(name)
    target = find_target(entry.target, root) if entry.target and entry.target in target_names(root) else None
    wanted = tuple(runtimes) or ((target.runtime,) if target else USUAL)
    requirements_of(wanted)
    started = entry.model_copy(update={"python": python or entry.base or entry.python})
    made = entry.python if entry.base is not None else None
    up = entry.virtual is not None and board_up(name) is not None
    with _Opened(open_entry(started, say, keep=not up)) as device:
        folder = entry.folder or default_folder(entry.transport)
        facts, state = ask_facts(device, folder, str(PurePosixPath(made).parent.parent) if made else "")
        _refuse_unlike(name, facts, target)
        say(f"{name}: {facts.described}; resolving {', '.join(wanted)}")
        lock = resolve(facts, wanted, anew=anew)
        place = Place(device, facts, lock)
        changed = (state if place.python == made else place.state()) != "same"
        if changed and up:
            fix = f"edgebuild devices down {name} first"
            raise DeviceError(name, "is up, and what a board that is up writes is forgotten", fix=fix)
        if changed:
            place.make(wheelhouse(lock, facts), lambda made: _test(made, wanted, lock), say)
    save_device(entry.model_copy(update={"python": place.python, "base": facts.base}))
    return SetUp(name, lock, changed, place.python, facts.folder)


def take_away(name: str, *, forget: bool = False, say: Say = lambda _: None) -> bool:
    """Forget a device, and remove what ``set_up`` made on it; whether anything was made there.

    Args:
        forget: leave the device alone, and what is on it.

    Raises:
        DeviceError: it can't be reached, so what is there would stay; it is not forgotten then.
    """
    entry = find_device(name)
    made = entry.base is not None and not forget
    if entry.virtual is not None:
        forget_board(name, say)  # its disk holds whatever was made
    elif made:
        _clear(entry, say)
    forget_device(name)
    return made


class _Opened:
    """An open device as a context."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def __enter__(self) -> Device:
        return self._device

    def __exit__(self, *error: object) -> None:
        self._device.close()


def _clear(entry: DeviceEntry, say: Say) -> None:
    try:
        # With its work folder elsewhere, edgebuild's own can be removed.
        elsewhere = entry.model_copy(update={"python": entry.base, "folder": None})
        with _Opened(open_entry(elsewhere, say)) as device:
            facts, _ = ask_facts(device, entry.folder or default_folder(entry.transport))
            remove_environments(device, facts.folder, _others(entry, environments_of(facts.folder)))
    except DeviceError as error:
        raise DeviceError(
            entry.name, f"what devices setup put there can't be removed: {error.message}",
            fix="bring the device up and try again, or devices remove --forget to leave it there",
        ) from error  # fmt: skip


def _others(entry: DeviceEntry, root: str) -> list[str]:
    """The environments there that other names of the same device stand on."""
    others = [find_device(name) for name in device_names() if name != entry.name]
    same = [each for each in others if (each.transport, each.address) == (entry.transport, entry.address)]
    pythons = [each.python for each in same if each.python is not None and each.python.startswith(f"{root}/")]
    return [python.removeprefix(f"{root}/").partition("/")[0] for python in pythons]


def _refuse_unlike(name: str, facts: PythonFacts, target: Target | None) -> None:
    isa = target.hardware.isa if target else None
    if target is not None and isa is not None and _ISA[isa] != facts.architecture:
        raise DeviceError(
            name, f"wrong architecture: it is {facts.architecture}", expected=f"{isa}, as {target.name} is",
            fix="add the device with its own target",
        )  # fmt: skip


def _test(device: Device, runtimes: Sequence[str], lock: Lock) -> None:
    """Every runtime imports there, in the version that was pinned."""
    bench = Bench(device)
    for runtime in (each.partition("==")[0] for each in runtimes):
        package = PINNED[runtime][0].partition("==")[0]
        wanted = lock.version_of(package)
        found = bench.selftest(_RUNNER.get(runtime, runtime))["runtime"]
        if wanted.partition("+")[0] not in found:
            raise DeviceError(device.name, f"the self-test found {found}", expected=f"{package} {wanted}")
