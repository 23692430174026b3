"""What a device is, found from the texts its kernel gives."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from edgebuild.core.base import Frozen
from edgebuild.core.errors import DeviceError
from edgebuild.core.target import DotProduct, Hardware, dot_product
from edgebuild.devices.arm_cores import core_name
from edgebuild.devices.base import Device
from edgebuild.devices.onboarding import run_onboard

_ISA = {"aarch64": "aarch64", "armv7l": "armv7", "armv8l": "armv7", "x86_64": "x86_64"}
_LIMIT = 16 << 20
_NOTED = {
    "aarch64": ("asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme"),
    "armv7": ("neon", "vfpv4"),
    "x86_64": ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8"),
}
"""Features that runtimes choose their kernels by, in Linux's own words."""

_Text = Annotated[str, Field(max_length=1 << 18)]
_Short = Annotated[str, Field(max_length=200)]


class Told(Frozen):
    """What the program on the device wrote. Hostile until validated against this."""

    machine: _Short
    kernel: _Short
    python: _Short
    modules: Annotated[tuple[_Short, ...], Field(max_length=20)] = ()
    texts: Annotated[dict[_Short, _Text], Field(max_length=8192)]


class Seen(Frozen):
    """A device as it was seen.

    Attributes:
        cores: each core's name, in the kernel's order.
        clusters: like cores side by side, such as "4x Cortex-A76".
        chips: the device tree's names of the chip, such as "bcm2712".
        modules: the runtimes' packages that its Python imports, and numpy.
    """

    isa: str
    cores: tuple[str, ...]
    clusters: tuple[str, ...]
    features: tuple[str, ...]
    max_clock_khz: int | None = None
    limit_khz: int | None = None
    memory_mib: int | None = None
    model: str = ""
    chips: tuple[str, ...] = ()
    governor: str | None = None
    governors: tuple[str, ...] = ()
    thermal_zones: dict[str, int] = Field(default={})
    system: str = ""
    kernel: str = ""
    python: str = ""
    modules: tuple[str, ...] = ()

    @property
    def cpu(self) -> str:
        """The core's name; of several, the strongest cluster's, which is the last in the kernel's order."""
        return self.cores[-1] if self.cores else "unknown"

    @property
    def dot_product(self) -> DotProduct:
        """How 8-bit products are summed here, in a target's words."""
        return dot_product(self.isa, self.features)

    def as_hardware(self) -> Hardware:
        """The facts that a target's file states."""
        several = len(set(self.cores)) > 1 or len(self.clusters) > 1
        values: dict[str, object] = {
            "soc": self.model or None, "cpu": self.cpu, "isa": self.isa, "cores": len(self.cores) or None,
            "clusters": self.clusters if several else None, "features": self.features or None,
            "max_clock_mhz": round(self.max_clock_khz / 1000) if self.max_clock_khz else None,
            "memory_mib": self.memory_mib,
        }  # fmt: skip
        return Hardware.model_validate(values)


def look(device: Device) -> Seen:
    """See what a device is.

    Raises:
        DeviceError: it can't be reached, has no Python, or what it says is nothing to go by.
    """
    done = run_onboard(device, "hardware", ["hardware.json"], timeout_s=60)
    if done.code:
        raise DeviceError(
            device.name, f"no Python answers there: {(done.stderr or done.stdout).strip()[-300:]}",
            expected="python3, version 3.9 or later", fix="install python3 on the device",
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="edgebuild-") as folder:
        local = Path(folder) / "hardware.json"
        if not device.transport.pull("hardware.json", local, limit=_LIMIT):
            raise DeviceError(device.name, "it wrote no answer", transient=True)
        return understand(device.name, local.read_bytes())


def understand(device: str, data: bytes) -> Seen:
    """What the answer of the program on the device means.

    Raises:
        DeviceError: it is no such answer, or of an architecture that nothing here runs on.
    """
    try:
        told = Told.model_validate_json(data)
    except ValidationError as error:
        raise DeviceError(device, f"what it says of itself can't be read: {error.errors()[0]['msg']:.200}") from error
    if told.machine not in _ISA:
        raise DeviceError(device, f"wrong architecture: {told.machine!r}", expected=", ".join(_ISA))
    return _seen(told, _ISA[told.machine])


def _seen(told: Told, isa: str) -> Seen:
    texts = told.texts
    info = [_fields(block) for block in re.split(r"\n\s*\n", texts.get("proc/cpuinfo", ""))]
    processors = [block for block in info if "processor" in block]
    cores = tuple(_core(block, processors[0]) for block in processors)
    flags = set(re.split(r"\s+", next((b.get("Features") or b.get("flags") or "" for b in processors), "")))
    governors = _by_core(texts, "cpufreq/scaling_governor")
    return Seen(
        isa=isa, cores=cores, clusters=_clusters(cores, texts),
        features=tuple(name for name in _NOTED[isa] if name in flags),
        max_clock_khz=_most(texts, "cpufreq/cpuinfo_max_freq"), limit_khz=_most(texts, "cpufreq/scaling_max_freq"),
        memory_mib=_memory(texts), model=_printable(texts.get("proc/device-tree/model", "")),
        chips=_chips(texts.get("proc/device-tree/compatible", "")),
        governor=_printable(governors[min(governors)]) if governors else None,
        governors=tuple(texts.get("sys/devices/system/cpu/cpu0/cpufreq/scaling_available_governors", "").split())[:20],
        thermal_zones=_zones(texts), system=_system(texts.get("etc/os-release", "")), kernel=_printable(told.kernel),
        python=_printable(told.python), modules=tuple(_printable(name) for name in told.modules),
    )  # fmt: skip


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _core(block: Mapping[str, str], first: Mapping[str, str]) -> str:
    """Older 32-bit kernels tell the part only once."""
    try:
        numbers = [int(block.get(f"CPU {field}") or first[f"CPU {field}"], 16) for field in ("implementer", "part")]
        return core_name(*numbers)
    except (KeyError, ValueError):
        return _printable(block.get("model name", "")) or "unknown"


def _clusters(cores: tuple[str, ...], texts: Mapping[str, str]) -> tuple[str, ...]:
    """Like cores side by side: of one name, clock, capacity and cluster."""
    clocks, capacities = _by_core(texts, "cpufreq/cpuinfo_max_freq"), _by_core(texts, "cpu_capacity")
    own = _by_core(texts, "topology/cluster_id")
    kinds = [(name, clocks.get(n), capacities.get(n), own.get(n)) for n, name in enumerate(cores)]
    if not any(name.startswith(("Cortex", "Neoverse", "core ")) for name in cores):
        return ()
    return tuple(f"{len(list(alike))}x {kind[0]}" for kind, alike in groupby(kinds))


def _by_core(texts: Mapping[str, str], name: str) -> dict[int, str]:
    pattern = re.compile(rf"sys/devices/system/cpu/cpu(\d+)/{re.escape(name)}")
    return {int(match[1]): text.strip() for path, text in texts.items() if (match := pattern.fullmatch(path))}


def _most(texts: Mapping[str, str], name: str) -> int | None:
    return max((int(text) for text in _by_core(texts, name).values() if text.isdigit()), default=None)


def _memory(texts: Mapping[str, str]) -> int | None:
    found = re.search(r"^MemTotal:\s+(\d{1,15}) kB", texts.get("proc/meminfo", ""), re.MULTILINE)
    return (int(found[1]) // 1024 or None) if found else None


def _chips(compatible: str) -> tuple[str, ...]:
    """The parts after the maker's name, of a list that NUL separates."""
    return tuple(_printable(text.partition(",")[2]) for text in compatible.split("\0") if "," in text)[:20]


def _zones(texts: Mapping[str, str]) -> dict[str, int]:
    """Thousandths of a °C by the zone's number and type."""
    found = {}
    for path, text in sorted(texts.items()):
        match = re.fullmatch(r"(sys/class/thermal/thermal_zone(\d+))/temp", path)
        if match and re.fullmatch(r"-?\d{1,9}", text.strip()):
            kind = _printable(texts.get(f"{match[1]}/type", "")) or "unknown"
            found[f"{match[2]} {kind}"] = int(text)
    return found


def _system(release: str) -> str:
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)', release, re.MULTILINE)
    return _printable(found[1]) if found else ""


def _printable(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "", text).strip()[:100]
