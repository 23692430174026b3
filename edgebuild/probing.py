"""``devices probe``: what a device is, how quiet it is, which target it is, and what to mend before measuring."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from edgebuild.bench.bench import Bench
from edgebuild.bench.empty_models import empty_model, runtimes_with_empty
from edgebuild.core.device import LOCAL, DeviceEntry
from edgebuild.core.errors import ConfigError, EdgebuildError
from edgebuild.core.measurement import Basis, Environment
from edgebuild.core.profile import Measuring
from edgebuild.core.target import RuntimeOptions
from edgebuild.devices.android import read_thermal, with_thermal
from edgebuild.devices.board.cpus import CPUS
from edgebuild.devices.fitness import Unfit, unfit_now
from edgebuild.devices.hardware import Seen, look
from edgebuild.devices.matching import Match, match_targets
from edgebuild.devices.opening import open_entry
from edgebuild.devices.transports.local import open_local
from edgebuild.store.catalog import find_target, target_names
from edgebuild.store.devices import find_device
from edgebuild.store.files import write_atomic, writing
from edgebuild.store.toml import load_target

Say = Callable[[str], None]
PAIRS = 5
EMULATED_PAIRS = 2
"""An emulated board's noise is its host's, and says nothing of a device."""

_TO_SD = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation (Rousseeuw and Croux 1993)."""

_RUNTIMES = {
    "onnxruntime": "onnxruntime", "ai_edge_litert": "litert", "tflite_runtime": "litert", "openvino": "openvino",
}  # fmt: skip
_SHORT = Measuring(min_samples=50, min_seconds=0.05, warmup_seconds=0.2)


@dataclass(frozen=True)
class Floor:
    """What a runtime costs before it does anything: bytes of its process, and the noise of like against like.

    Attributes:
        dispatch_ns: the median inference of an empty model.
        noise: the robust standard deviation of the log ratio of two runs of the same thing.
        wrong: why there are no figures.
    """

    runtime: str
    memory: int | None = None
    dispatch_ns: float | None = None
    noise: float | None = None
    pairs: int = 0
    wrong: str = ""


@dataclass(frozen=True)
class Probe:
    """Everything that was found out about a device."""

    name: str
    seen: Seen
    now: Environment
    unfit: tuple[Unfit, ...]
    floors: tuple[Floor, ...]
    matches: tuple[Match, ...]

    @property
    def fitting(self) -> Match | None:
        """The target that fits best; None if every one is contradicted."""
        return next((each for each in self.matches if each.fits), None)

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "name": self.name, "hardware": self.seen.model_dump(mode="json"),
            "environment": self.now.model_dump(mode="json"), "floors": [dataclasses.asdict(f) for f in self.floors],
            "unfit": [dataclasses.asdict(each) for each in self.unfit],
            "target": self.fitting.target if self.fitting else None,
            "targets": [dataclasses.asdict(each) for each in self.matches],
        }  # fmt: skip


def probe(name: str, root: Path = Path(), say: Say = lambda _: None, pairs: int = PAIRS) -> Probe:
    """Look at a device and measure its floors; nothing stays there.

    Raises:
        ConfigError: there is no such device. DeviceError: it can't be reached.
    """
    entry = None if name == LOCAL else find_device(name)
    device = open_local() if entry is None else open_entry(entry, say)
    try:
        seen = look(device)
        bench = Bench(device)
        now = bench.environment()
        if entry is not None and entry.transport == "adb":
            now = with_thermal(now, read_thermal(device.transport))
        few = min(pairs, EMULATED_PAIRS) if device.basis is Basis.VIRTUAL else pairs
        floors = tuple(_floor(bench, runtime, few, say) for runtime in _usable(seen))
    finally:
        device.close()
    targets = [find_target(each, root) for each in target_names(root)]
    transport = entry.transport if entry is not None else LOCAL
    return Probe(name, seen, now, unfit_now(seen, now), floors, match_targets(seen, targets, transport))


def write_target(found: Probe, root: Path) -> Path:
    """Write a target file for a device, checked; returns its path.

    Raises:
        ConfigError: there is a target of that name already.
    """
    entry = None if found.name == LOCAL else find_device(found.name)
    name = "this-machine" if entry is None else found.name
    place = root / "targets" / f"{name}.toml"
    if name in target_names(root):
        raise ConfigError("target", f"there is one named {name!r} already", fix="remove it, or rename the device")
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(place, target_text(name, found, entry).encode())
    load_target(place)
    return place


def target_text(name: str, found: Probe, entry: DeviceEntry | None) -> str:
    """The TOML of a target that states what was seen, each fact with its source."""
    seen, today = found.seen, dt.datetime.now(dt.UTC).date().isoformat()
    arm, local = seen.isa != "x86_64", entry is None or entry.transport == LOCAL
    head = {
        "schema": 1, "name": name, "title": f"{seen.model or seen.cpu}, as probed",
        "family": "host" if local else "arm-cpu" if arm else "intel",
        "runtime": found.floors[0].runtime if found.floors else "onnxruntime",
        "transport": LOCAL if entry is None else entry.transport,
    }  # fmt: skip
    if arm and seen.cpu.lower() in CPUS:
        head["virtual_cpu"] = seen.cpu.lower()
    int8 = {"weight_granularity": "per_channel", "activation_dtype": "s8" if arm else "u8"}
    if seen.features:
        int8["dot_product"] = seen.dot_product
    measured = f"measured by edgebuild devices probe {found.name}, {today}"
    sources = {"hardware": measured, "int8": f"chosen by edgebuild for {head['runtime']} on {seen.isa}, {today}"}
    if seen.features:
        sources["int8.dot_product"] = measured
    tables = {"hardware": found.seen.as_hardware().model_dump(exclude_none=True), "int8": int8, "sources": sources}
    lines = [f"# Written by edgebuild devices probe. {seen.system}, kernel {seen.kernel}.", *_lines(head)]
    for title, values in tables.items():
        lines += ["", f"[{title}]", *_lines(values)]
    return "\n".join(lines) + "\n"


def noise_of(ratios: list[float]) -> float:
    """The robust standard deviation of log ratios: their median absolute value, since like against like has none."""
    return _TO_SD * median(abs(math.log(ratio)) for ratio in ratios)


def _lines(values: dict[str, object] | dict[str, str]) -> list[str]:
    """JSON's strings, numbers and lists are TOML's too."""
    return [f"{key if re.fullmatch(r'[a-z0-9_]+', key) else json.dumps(key)} = {json.dumps(value)}"
            for key, value in values.items()]  # fmt: skip


def _usable(seen: Seen) -> tuple[str, ...]:
    """The runtimes its Python imports, if it has numpy, as the runner names them."""
    names = dict.fromkeys(_RUNTIMES[module] for module in seen.modules if module in _RUNTIMES)
    return tuple(names) if "numpy" in seen.modules else ()


def _floor(bench: Bench, runtime: str, pairs: int, say: Say) -> Floor:
    say(f"{bench.device.name}: the floors of {runtime}")
    try:
        memory = bench.memory_floor(runtime)
        if runtime not in runtimes_with_empty():
            return Floor(runtime, memory, wrong="there is no empty model of it")
        halves = [[_p50(bench, runtime, 2 * pair + half) for half in (0, 1)] for pair in range(pairs)]
    except EdgebuildError as error:
        return Floor(runtime, wrong=error.found)
    ratios = [a / b for a, b in halves]
    return Floor(runtime, memory, median(p for pair in halves for p in pair), noise_of(ratios), pairs)


def _p50(bench: Bench, runtime: str, seed: int) -> float:
    run = bench.latency_run(runtime, empty_model(runtime), None, RuntimeOptions(), _SHORT, seed)
    return max(1.0, float(median(run.samples_ns)))
