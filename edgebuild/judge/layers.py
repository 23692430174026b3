"""Float against int8 by layer, from two profiles: which lost, by what, and what leaving them in float would give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from edgebuild.core.layers import LayerTime, LayerTimes
from edgebuild.core.origin import OriginMap
from edgebuild.judge.layer_proposal import Proposal, propose
from edgebuild.judge.layer_units import Timed, Unit, by_group, groups_of, is_conversion, timed, unit_of

_FLOATS = ("f32", "f16", "bf16", "f64")
_OWN_KERNEL = "TFLite"
"""LiteRT's kernel for what its delegate does not take."""


@dataclass(frozen=True)
class Missing:
    """Operators of one kind that the int8 model does not compute in integers, or not where float computed them."""

    kind: str
    kernel: str
    count: int
    ns: float
    reason: str
    modules: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """What two profiles say side by side. Units are sorted by what int8 lost there, the most first.

    Attributes:
        unknown: what the runtime ran that no module is known for.
        conversions, conversions_ns: how many operators of the int8 model only change the form of numbers, and their
            time.
        proposal: None: leaving nothing in float would be faster than int8 is.
    """

    units: tuple[Unit, ...]
    unknown: Unit
    conversions: int
    conversions_ns: float
    missing: tuple[Missing, ...]
    proposal: Proposal | None
    float_whole_ns: int
    int8_whole_ns: int

    @property
    def float_ns(self) -> float:
        """The operators' sum."""
        return sum(unit.float_ns for unit in self.units) + self.unknown.float_ns

    @property
    def int8_ns(self) -> float:
        """The operators' sum."""
        return sum(unit.int8_ns for unit in self.units) + self.unknown.int8_ns

    @property
    def slower(self) -> bool:
        """Whether int8 took longer as a whole, in the profiled processes but without the profiler."""
        return self.int8_whole_ns > self.float_whole_ns


def compare_layers(exact: LayerTimes, rounded: LayerTimes, origins: OriginMap) -> Findings:
    """Hold an int8 model's profile against its float twin's.

    Args:
        origins: of either: the source nodes are the same, and their order is that of the model.
    """
    place = {label: at for at, label in enumerate(dict.fromkeys(node.module or node.id for node in origins.nodes))}
    groups = groups_of((*exact.layers, *rounded.layers), place)
    sides = [by_group(times, groups) for times in (exact, rounded)]
    ordered = sorted({*sides[0], *sides[1]} - {()}, key=lambda modules: min(place.get(m, 0) for m in modules))
    units = tuple(unit_of(modules, *(side.get(modules, []) for side in sides)) for modules in ordered)
    unknown = unit_of((), *(side.get((), []) for side in sides))
    changing = [ns for layer, ns in timed(rounded) if is_conversion(layer.kind)]
    return Findings(
        units=tuple(sorted(units, key=lambda unit: -unit.lost_ns)), unknown=unknown, conversions=len(changing),
        conversions_ns=sum(changing), missing=_missing(exact, rounded),
        proposal=propose(units, unknown, _change_ns(rounded), tuple(place)), float_whole_ns=exact.whole_ns,
        int8_whole_ns=rounded.whole_ns,
    )  # fmt: skip


def _missing(exact: LayerTimes, rounded: LayerTimes) -> tuple[Missing, ...]:
    """What the int8 model computes in float, or outside the delegate that float ran in; the longest first."""
    outside = {layer.nodes for layer in exact.layers if layer.kernel == _OWN_KERNEL}
    found: dict[tuple[str, str, str], Timed] = {}
    for layer, ns in timed(rounded):
        if is_conversion(layer.kind):
            continue
        if layer.dtype in _FLOATS:
            found.setdefault((layer.kind, layer.kernel, "in float"), []).append((layer, ns))
        elif layer.kernel == _OWN_KERNEL and layer.nodes not in outside:
            found.setdefault((layer.kind, layer.kernel, "outside the delegate"), []).append((layer, ns))
    made = (
        Missing(kind, kernel, len(ran), sum(ns for _, ns in ran), reason, tuple(_once(layer for layer, _ in ran)))
        for (kind, kernel, reason), ran in found.items()
    )
    return tuple(sorted(made, key=lambda one: -one.ns))


def _once(layers: Iterable[LayerTime]) -> Iterable[str]:
    return dict.fromkeys(module for layer in layers for module in layer.modules)


def _change_ns(rounded: LayerTimes) -> float:
    """What one change between integers and floats costs: the median of those there are, or of other conversions."""
    all_of_them = [(layer.kind.lower(), ns) for layer, ns in timed(rounded) if is_conversion(layer.kind)]
    found = [ns for kind, ns in all_of_them if "quantize" in kind or kind == "convert"] or [ns for _, ns in all_of_them]
    return median(found) if found else 0.0
