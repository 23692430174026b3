"""What this machine can do: tools installed, targets it can build for and measure, cache, disk and CPU features.

Versions are read from package metadata, so nothing heavy is imported.
"""

from __future__ import annotations

import platform
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from edgebuild import __version__
from edgebuild.compilers import compiler_names, find_compiler
from edgebuild.store.installed import installed_version

_BUILDS_WITH = {
    "onnxruntime": ("torch", "onnx", "onnxscript", "onnxruntime"),
    "litert": ("torch", "litert-torch", "ai-edge-quantizer", "ai-edge-litert"),
    "openvino": ("torch", "nncf", "openvino"),
}
"""What each extra of pyproject.toml needs for building."""

_RUNS_WITH = {
    "onnxruntime": ("onnxruntime",),
    "litert": ("ai-edge-litert", "tflite-runtime"),
    "openvino": ("openvino",),
}
"""What the runner needs, any one of them."""

_FEATURES = ("avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm", "sve")


@dataclass(frozen=True)
class TargetCheck:
    """What can be done for one target here; ``missing`` names the packages and compilers that building lacks.

    ``estimated``: nothing can be run on it.
    """

    name: str
    runtime: str
    builds: bool
    measures: bool
    missing: tuple[str, ...]
    problem: str = ""
    estimated: bool = False


@dataclass(frozen=True)
class Checkup:
    """What ``edgebuild doctor`` found. Sizes are in bytes."""

    edgebuild: str
    python: str
    machine: str
    cpu_features: tuple[str, ...]
    tools: dict[str, str | None]
    cache: str
    disk_free: int
    targets: tuple[TargetCheck, ...]

    def as_json(self) -> dict[str, object]:
        """As plain JSON values."""
        return asdict(self)


def check_up(root: Path) -> Checkup:
    """Look at this machine, and at the targets that a project in ``root`` sees."""
    from edgebuild.store.cache import default_cache

    packages = sorted({name for names in (*_BUILDS_WITH.values(), *_RUNS_WITH.values()) for name in names})
    tools = {name: installed_version(name) or None for name in ("numpy", "pydantic", *packages)}
    tools |= {compiler.TITLE: compiler.version() or None for compiler in map(find_compiler, compiler_names())}
    cache = Path(default_cache().root)
    return Checkup(
        edgebuild=__version__,
        python=platform.python_version(),
        machine=platform.machine(),
        cpu_features=_cpu_features(),
        tools=tools,
        cache=str(cache),
        disk_free=shutil.disk_usage(_existing(cache)).free,
        targets=_check_targets(root, tools),
    )


def checkup_text(checkup: Checkup) -> str:
    """The same for people."""
    lines = [
        f"edgebuild {checkup.edgebuild}, Python {checkup.python}, {checkup.machine}",
        f"CPU features: {', '.join(checkup.cpu_features) or 'none that matter are known'}",
        f"cache: {checkup.cache} ({checkup.disk_free / 2**30:.1f} GiB free)",
        "",
        *(f"{name:20} {version or 'not installed'}" for name, version in checkup.tools.items()),
        "",
        *(_target_line(target) for target in checkup.targets),
    ]
    return "\n".join(lines)


def _target_line(target: TargetCheck) -> str:
    if target.problem:
        return f"{target.name:24} broken: {target.problem}"
    builds = "can be built" if target.builds else f"cannot be built (missing: {', '.join(target.missing)})"
    elsewhere = "estimated" if target.estimated else "measured on its device only"
    measures = "measured here" if target.measures else elsewhere
    return f"{target.name:24} {builds}, {measures}"


def _check_targets(root: Path, tools: dict[str, str | None]) -> tuple[TargetCheck, ...]:
    from edgebuild.store.catalog import target_names

    return tuple(_check_target(name, root, tools) for name in target_names(root))


def _check_target(name: str, root: Path, tools: dict[str, str | None]) -> TargetCheck:
    from edgebuild.core.errors import ConfigError
    from edgebuild.store.catalog import find_target

    try:
        target = find_target(name, root)
    except ConfigError as error:
        return TargetCheck(name, "", builds=False, measures=False, missing=(), problem=error.message)
    compiler = (find_compiler(target.compiler.name).TITLE,) if target.compiler else ()
    missing = tuple(tool for tool in (*_BUILDS_WITH.get(target.runtime, ()), *compiler) if tools[tool] is None)
    runs = any(tools[tool] for tool in _RUNS_WITH.get(target.runtime, ()))
    return TargetCheck(
        name, target.runtime, builds=not missing, measures=target.is_host and runs, missing=missing,
        estimated=target.is_estimated,
    )  # fmt: skip


def _cpu_features() -> tuple[str, ...]:
    """Those of the features that matter to int8 which the kernel reports; none where there is no /proc/cpuinfo."""
    from edgebuild.store.processor import processor_features

    return tuple(feature for feature in _FEATURES if feature in processor_features())


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())
