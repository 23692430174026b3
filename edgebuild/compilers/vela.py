"""Arm Ethos-U through Vela (the package ethos-u-vela): an integer TFLite model becomes commands for the NPU.

What Vela writes is a TFLite model again: a run of operators that the NPU takes has become one custom operator, and
what it does not take is left as it was. So where an operator runs is read off the compiled model, and not off what
Vela says. Its reasons are read from its warnings, by the tensor that an operator computes.
"""

from __future__ import annotations

import csv
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgebuild.backends.base import Files
from edgebuild.backends.litert.graph import first, operators, read_one_graph
from edgebuild.compilers.base import Compiled, read_off
from edgebuild.compilers.contained import run_contained
from edgebuild.core.artifact import Placement
from edgebuild.core.errors import BuildError
from edgebuild.core.target import CONFIG
from edgebuild.store.installed import installed_version

TITLE = "Vela"
DISTRIBUTIONS = ("ethos-u-vela",)
RUNTIMES = ("litert",)
OPTIONS = ("accelerator", "system", "memory_mode")
TAKES_CONFIG = True
SIMULATE = None
_STAGE = "compile with Vela"
_CONFIG = "Arm/vela.ini"
"""The system configurations and memory modes that Arm ships with Vela."""
_OWN_CONFIG = "./own.ini"
"""The target's own, which is read after Arm's: it may inherit from them, and name them again. Vela looks for a path
without the dot among its own files."""
_NPU_OPERATOR = "ethos-u"
_KIB = {
    "sram": ("sram_memory_used",),
    "dram": ("dram_memory_used",),
    "flash": ("on_chip_flash_memory_used", "off_chip_flash_memory_used"),
}
"""Columns of Vela's summary in KiB, by metric."""
_WARNING = re.compile(r"^Warning \([^)]*\) operator: (\S+), ofm: '(.*)'$")


def version() -> str:
    """The version of ethos-u-vela; "" where it is not installed."""
    return installed_version(DISTRIBUTIONS[0])


def compile(files: Files, options: Mapping[str, str]) -> Compiled:  # noqa: A001 - the seam's word
    """Compile for an Ethos-U; ``accelerator``, ``system`` and ``memory_mode`` are in Vela's own words.

    Raises:
        BuildError: Vela is not installed, crashed or took too long.
    """
    if not version():
        raise BuildError(_STAGE, "ethos-u-vela is not installed", fix='pip install "edgebuild[ethos-u]"')
    with tempfile.TemporaryDirectory(prefix="edgebuild-") as place:
        folder = Path(place)
        (folder / "model.tflite").write_bytes(first(files))
        (folder / _OWN_CONFIG).write_text(options.get(CONFIG, ""), encoding="utf-8")
        printed = run_contained(_STAGE, _command(options), folder)
        made = folder / "out" / "model_vela.tflite"
        if not made.is_file():
            raise BuildError(_STAGE, f"wrote no model\n{printed[-500:]}")
        compiled = {made.name: made.read_bytes()}
        summary = _summary(folder / "out")
    read_one_graph(files, TITLE)
    by = f"{TITLE} {version()}"
    placement = read_off(operators(files), operators(compiled), _NPU_OPERATOR, _reasons(printed), by)
    return Compiled(compiled, placement, _estimates(summary, placement))


def _command(options: Mapping[str, str]) -> list[str]:
    return [
        sys.executable, "-I", "-m", "ethosu.vela", "model.tflite", "--output-dir", "out",
        "--config", _CONFIG, "--config", _OWN_CONFIG,
        "--accelerator-config", options["accelerator"], "--system-config", options["system"],
        "--memory-mode", options["memory_mode"],
    ]  # fmt: skip


def _reasons(printed: str) -> dict[str, str]:
    """Vela's warnings by the tensor that the operator computes: the reason, and the constraint it breaks."""
    found: dict[str, str] = {}
    lines = iter(printed.splitlines())
    for line in lines:
        if match := _WARNING.match(line):
            told = " ".join(_paragraph(lines)).removeprefix("Reason: ")
            found.setdefault(match[2], told)
    return found


def _paragraph(lines: Iterator[str]) -> Iterator[str]:
    """The lines up to the next empty one."""
    for line in lines:
        if not line.strip():
            return
        yield line.strip()


def _summary(folder: Path) -> dict[str, str]:
    """Vela's figures; none where nothing went to the NPU."""
    for path in folder.glob("model_summary_*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            return next(csv.DictReader(file), {})
    return {}


def _estimates(summary: Mapping[str, str], placement: Placement) -> dict[str, float]:
    """Metrics in base units. Cycles and time are of the NPU's part alone: Vela knows nothing of the CPU.

    Of a memory that the system has no use for, it tells 0: nothing is said of that one.
    """
    if not placement.partitions:
        return {}
    found = {metric: sum(1024 * float(summary.get(name) or 0) for name in names) for metric, names in _KIB.items()}
    found["cycles"] = float(summary["cycles_total"])
    found["latency_estimate"] = 1e9 * float(summary["inference_time"])
    return {metric: value for metric, value in found.items() if value > 0}
