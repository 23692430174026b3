"""A probed device in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgebuild.probing import Floor, Probe


def probe_text(found: Probe) -> str:
    """What it is, its floors, which target fits, and what to mend."""
    return "\n".join([*_hardware(found), *(_floor(each) for each in found.floors), *_target(found), *_unfit(found)])


def _hardware(found: Probe) -> list[str]:
    seen = found.seen
    clock = f", {seen.max_clock_khz / 1000:.0f} MHz" if seen.max_clock_khz else ""
    zones = ", ".join(f"{name} {heat / 1000:.1f} °C" for name, heat in seen.thermal_zones.items())
    rows = {
        "device": f"{found.name}{f': {seen.model}' if seen.model else ''}",
        "cpu": f"{seen.isa}, {', '.join(seen.clusters) or f'{len(seen.cores)}x {seen.cpu}'}{clock}",
        "features": ", ".join(seen.features) or "not told",
        "memory": f"{seen.memory_mib} MiB" if seen.memory_mib else "not told",
        "governor": seen.governor or "not told",
        "thermal": zones or "no sensor told",
        "system": f"{seen.system}, kernel {seen.kernel}, Python {seen.python}",
        "runtimes": ", ".join(seen.modules) or "none; edgebuild devices setup puts them there",
    }
    return [f"{key:<9} {value}" for key, value in rows.items()]


def _floor(floor: Floor) -> str:
    if floor.wrong:
        return f"floor     {floor.runtime}: not measured: {floor.wrong}"
    return (
        f"floor     {floor.runtime}: {(floor.memory or 0) / 2**20:.1f} MiB, an empty inference "
        f"{(floor.dispatch_ns or 0) / 1000:.1f} us, noise of like against like {100 * (floor.noise or 0):.2f} % "
        f"({floor.pairs} pairs)"
    )


def _target(found: Probe) -> list[str]:
    best = found.fitting
    if best is None:
        return ["target    none fits; --write makes one"]
    equal = [each.target for each in found.matches if each.fits and each.agree == best.agree]
    facts = ", ".join(best.agree) or "no stated fact, nothing contradicts it"
    return [f"target    {' or '.join(equal)} ({facts})"]


def _unfit(found: Probe) -> list[str]:
    if not found.unfit:
        return ["fit       nothing speaks against measuring now"]
    return [line for each in found.unfit for line in (f"unfit     {each.reason}", f"          to mend: {each.command}")]
