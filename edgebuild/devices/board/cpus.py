"""The processors that a virtual board can imitate, and which of them stands for a target."""

from __future__ import annotations

from edgebuild.core.errors import ConfigError
from edgebuild.core.target import Target

CPUS = ("cortex-a35", "cortex-a53", "cortex-a57", "cortex-a72", "cortex-a76", "neoverse-n1")
"""Real cores, by QEMU's names. Its ``max`` is none: LiteRT 2.3 computes wrong results on it."""

AUTO = "auto"
"""Asks for the processor that stands for the target."""


def check_cpu(cpu: str, subject: str) -> str:
    """The processor's name, if a board may have it.

    Raises:
        ConfigError: it is unknown, or no real core.
    """
    if cpu in CPUS:
        return cpu
    found = f"there is no virtual processor {cpu!r}"
    if cpu == "max":
        found = "'max' is no real core, and runtimes compute wrong results on it"
    raise ConfigError(subject, found, expected=", ".join(CPUS), fix="name the core that is most like your device's")


def cpu_for(cpu: str, target: Target | None) -> str:
    """The processor to imitate: the one named, or with "auto" the one that stands for the target.

    Raises:
        ConfigError: the target is no 64-bit ARM device, or nothing stands for it; or as ``check_cpu``.
    """
    if target is not None:
        _refuse_other_isa(target)
    if cpu != AUTO:
        return check_cpu(cpu, "--virtual")
    if target is None:
        raise ConfigError("--virtual auto", "needs a target, which says what stands for it", fix="add --target NAME")
    if target.virtual_cpu is None:
        core = target.hardware.cpu or "an unnamed core"
        raise ConfigError(
            f"target {target.name}",
            f"has {core}; no virtual processor stands for it",
            expected=", ".join(CPUS),
            fix="name one of these with --virtual: its results speak for that core",
        )
    return check_cpu(target.virtual_cpu, f"target {target.name}: virtual_cpu")


def _refuse_other_isa(target: Target) -> None:
    isa = target.hardware.isa
    if target.family in ("intel", "host") or isa not in (None, "aarch64"):
        raise ConfigError(
            f"target {target.name}",
            f"is of the {isa or target.family} kind; a virtual board is 64-bit ARM",
            expected="a target with isa aarch64",
        )
