"""Which target a device is: none of its facts contradicted, and the most of them agreeing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from edgebuild.core.target import ON_CPU, Target
from edgebuild.devices.hardware import Seen

_CLOCK = 0.02
_MEMORY = (0.75, 1.02)
"""The kernel, a GPU and firmware keep some of the memory to themselves."""


@dataclass(frozen=True)
class Match:
    """A target held against a device: the facts that agree, and those that don't, in words."""

    target: str
    agree: tuple[str, ...] = ()
    contradict: tuple[str, ...] = field(default=())

    @property
    def fits(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.contradict


def match_targets(seen: Seen, targets: Iterable[Target], transport: str) -> tuple[Match, ...]:
    """Every target that is reached so, the best first: hosts only locally, phones only over adb."""
    found = [match(seen, target) for target in targets if _reached_so(target, transport)]
    return tuple(sorted(found, key=lambda each: (len(each.contradict) > 0, -len(each.agree), each.target)))


def match(seen: Seen, target: Target) -> Match:
    """One target's facts, each against what was seen; what either does not know counts for nothing."""
    compared = {
        "family": _family(target, seen),
        "accelerator": _accelerator(target),
        "isa": _same(target.hardware.isa, seen.isa),
        "cpu": _cpu(target, seen),
        "cores": _same(target.hardware.cores, len(seen.cores) or None),
        "soc": _soc(target, seen),
        "max_clock_mhz": _clock(target, seen),
        "memory_mib": _memory(target, seen),
        "features": _features(target, seen),
        "dot_product": _dot_product(target, seen),
    }
    wrong = {name: text for name, text in compared.items() if text}
    right = tuple(name for name, text in compared.items() if text == "")
    return Match(target.name, right, tuple(f"{name}: {text}" for name, text in wrong.items()))


def _reached_so(target: Target, transport: str) -> bool:
    if target.is_estimated:
        return False
    return target.is_host == (transport == "local") and (target.family != "mobile" or transport == "adb")


def _family(target: Target, seen: Seen) -> str | None:
    """A family alone is too little to agree on, but enough to speak against."""
    x86 = seen.isa == "x86_64"
    unlike = {"arm-cpu": x86, "mobile": x86, "intel": not x86, "embedded": True, "host": False}[target.family]
    return f"{seen.isa}, not {target.family}" if unlike else None


def _accelerator(target: Target) -> str | None:
    stated = target.hardware.accelerator
    if stated is None and target.runtime_options.delegate in ON_CPU:
        return None
    return f"whether there is {stated or target.runtime_options.delegate} is not seen from here"


def _same(stated: object, seen: object) -> str | None:
    """Empty: they agree; a text: they don't; None: nothing is known."""
    if stated is None or seen is None:
        return None
    return "" if stated == seen else f"{seen}, not {stated}"


def _cpu(target: Target, seen: Seen) -> str | None:
    stated = target.hardware.cpu
    if stated is None or not seen.cores:
        return None
    if any(stated.lower() in core.lower() for core in seen.cores):
        return ""
    # x86 kernels tell a product's name, targets its microarchitecture: neither speaks against the other.
    return None if seen.isa == "x86_64" and target.hardware.isa in (None, "x86_64") else f"{seen.cpu}, not {stated}"


def _soc(target: Target, seen: Seen) -> str | None:
    stated = (target.hardware.soc or "").lower()
    if not stated or not seen.chips:
        return None
    if any(chip and (chip in stated) for chip in seen.chips):
        return ""
    return f"{seen.chips[-1]}, not {target.hardware.soc}" if target.family == "arm-cpu" else None


def _clock(target: Target, seen: Seen) -> str | None:
    """A board that is clocked otherwise may be a later revision or a setting: it does not agree, no more."""
    stated = target.hardware.max_clock_mhz
    if stated is None or seen.max_clock_khz is None:
        return None
    return "" if abs(seen.max_clock_khz / 1000 - stated) <= _CLOCK * stated else None


def _memory(target: Target, seen: Seen) -> str | None:
    stated = target.hardware.memory_mib
    if stated is None or seen.memory_mib is None:
        return None
    low, high = (factor * stated for factor in _MEMORY)
    return "" if low <= seen.memory_mib <= high else f"{seen.memory_mib} MiB, not {stated}"


def _features(target: Target, seen: Seen) -> str | None:
    stated = target.hardware.features
    if not stated or not seen.features:
        return None
    missing = sorted(set(stated) - set(seen.features))
    return f"no {', '.join(missing)}" if missing else ""


def _dot_product(target: Target, seen: Seen) -> str | None:
    return _same(target.int8.dot_product if target.int8 else None, seen.dot_product if seen.features else None)
