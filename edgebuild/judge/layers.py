"""Float against int8 by layer: which lost, by what, and what leaving them in float would give. Pure, of two profiles.

A *unit* is one module, or several that a runtime fused into one operator in either variant: what can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from edgebuild.core.layers import LayerTime, LayerTimes
from edgebuild.core.origin import OriginMap

_CONVERSIONS = ("quantizelinear", "dequantizelinear", "quantize", "dequantize", "fakequantize", "convert", "reorder",
                "reorderinput", "reorderoutput", "cast", "transpose")  # fmt: skip
_FLOATS = ("f32", "f16", "bf16", "f64")
_OWN_KERNEL = "TFLite"
"""LiteRT's kernel for what its delegate does not take."""


@dataclass(frozen=True)
class Unit:
    """One row: the time of a unit in either variant, in nanoseconds without the profiler's own.

    Attributes:
        float_ops, int8_ops: what ran there, the longest first, such as "QLinearConv u8".
        conversions_ns: of ``int8_ns``, what only changes the form of numbers.
    """

    modules: tuple[str, ...]
    float_ns: float
    int8_ns: float
    float_ops: tuple[str, ...] = ()
    int8_ops: tuple[str, ...] = ()
    conversions_ns: float = 0.0

    @property
    def lost_ns(self) -> float:
        """How much longer it takes in int8."""
        return self.int8_ns - self.float_ns


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
class Proposal:
    """Which units to leave in float, and the whole model's estimated time then.

    Attributes:
        patterns: the setting, for ``[build.keep_float]``; empty: all of it, int8 gains nowhere.
    """

    units: tuple[Unit, ...]
    patterns: tuple[str, ...]
    estimate_ns: float


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
    place = {
        label: at for at, label in enumerate(dict.fromkeys(_label(node.module, node.id) for node in origins.nodes))
    }
    groups = _groups((*exact.layers, *rounded.layers), place)
    sides = [_by_group(times, groups) for times in (exact, rounded)]
    ordered = sorted({*sides[0], *sides[1]} - {()}, key=lambda modules: min(place.get(m, 0) for m in modules))
    units = tuple(_unit(modules, *(side.get(modules, []) for side in sides)) for modules in ordered)
    unknown = _unit((), *(side.get((), []) for side in sides))
    changing = [ns for layer, ns in _timed(rounded) if is_conversion(layer.kind)]
    return Findings(
        units=tuple(sorted(units, key=lambda unit: -unit.lost_ns)), unknown=unknown, conversions=len(changing),
        conversions_ns=sum(changing), missing=_missing(exact, rounded),
        proposal=_propose(units, unknown, _change_ns(rounded), tuple(place)), float_whole_ns=exact.whole_ns,
        int8_whole_ns=rounded.whole_ns,
    )  # fmt: skip


def is_conversion(kind: str) -> bool:
    """Whether a kind of operator computes nothing: it quantizes, dequantizes, or moves numbers into another layout."""
    return kind.lower() in _CONVERSIONS


def _label(module: str, node: str) -> str:
    return module or node


def _timed(times: LayerTimes) -> Iterator[tuple[LayerTime, float]]:
    """Each operator and its time without what the profiler adds to it."""
    for layer in times.layers:
        yield layer, max(0.0, layer.ns - times.overhead_ns)


@dataclass
class _Joined:
    """Sets that grow together (union-find)."""

    above: dict[str, str] = field(default_factory=dict)

    def top(self, one: str) -> str:
        while (higher := self.above.setdefault(one, one)) != one:
            one = higher
        return one

    def join(self, names: Iterable[str]) -> None:
        tops = [self.top(name) for name in names]
        for other in tops[1:]:
            self.above[self.top(other)] = self.top(tops[0])


def _groups(layers: Iterable[LayerTime], place: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """For each module those that it was fused with in either variant, itself among them, in the model's order."""
    joined = _Joined()
    for layer in layers:
        joined.join(layer.modules)
    members: dict[str, list[str]] = {}
    for name in sorted(joined.above, key=lambda name: place.get(name, len(place))):
        members.setdefault(joined.top(name), []).append(name)
    return {name: tuple(members[joined.top(name)]) for name in joined.above}


_Timed = list[tuple[LayerTime, float]]


def _by_group(times: LayerTimes, groups: Mapping[str, tuple[str, ...]]) -> dict[tuple[str, ...], _Timed]:
    found: dict[tuple[str, ...], _Timed] = {}
    for layer, ns in _timed(times):
        found.setdefault(groups[layer.modules[0]] if layer.modules else (), []).append((layer, ns))
    return found


def _unit(modules: tuple[str, ...], exact: _Timed, rounded: _Timed) -> Unit:
    return Unit(
        modules=modules, float_ns=_sum(exact), int8_ns=_sum(rounded), float_ops=_ops(exact), int8_ops=_ops(rounded),
        conversions_ns=sum(ns for layer, ns in rounded if is_conversion(layer.kind)),
    )  # fmt: skip


def _sum(timed: _Timed) -> float:
    return sum(ns for _, ns in timed)


def _ops(timed: _Timed) -> tuple[str, ...]:
    """Kinds with what they read, the longest first; how often, where more than once."""
    spent: dict[str, float] = {}
    times: dict[str, int] = {}
    for layer, ns in timed:
        name = f"{layer.kind} {layer.dtype}".strip()
        spent[name], times[name] = spent.get(name, 0.0) + ns, times.get(name, 0) + 1
    ordered = sorted(spent, key=lambda name: -spent[name])
    return tuple(name if times[name] == 1 else f"{times[name]} x {name}" for name in ordered)


def _missing(exact: LayerTimes, rounded: LayerTimes) -> tuple[Missing, ...]:
    """What the int8 model computes in float, or outside the delegate that float ran in; the longest first."""
    outside = {layer.nodes for layer in exact.layers if layer.kernel == _OWN_KERNEL}
    found: dict[tuple[str, str, str], list[tuple[LayerTime, float]]] = {}
    for layer, ns in _timed(rounded):
        if is_conversion(layer.kind):
            continue
        if layer.dtype in _FLOATS:
            found.setdefault((layer.kind, layer.kernel, "in float"), []).append((layer, ns))
        elif layer.kernel == _OWN_KERNEL and layer.nodes not in outside:
            found.setdefault((layer.kind, layer.kernel, "outside the delegate"), []).append((layer, ns))
    made = (
        Missing(kind, kernel, len(timed), _sum(timed), reason, tuple(_once(layer for layer, _ in timed)))
        for (kind, kernel, reason), timed in found.items()
    )
    return tuple(sorted(made, key=lambda one: -one.ns))


def _once(layers: Iterable[LayerTime]) -> Iterable[str]:
    return dict.fromkeys(module for layer in layers for module in layer.modules)


def _change_ns(rounded: LayerTimes) -> float:
    """What one change between integers and floats costs: the median of those there are, or of other conversions."""
    all_of_them = [(layer.kind.lower(), ns) for layer, ns in _timed(rounded) if is_conversion(layer.kind)]
    found = [ns for kind, ns in all_of_them if "quantize" in kind or kind == "convert"] or [ns for _, ns in all_of_them]
    return median(found) if found else 0.0


def _propose(units: Sequence[Unit], unknown: Unit, change_ns: float, labels: Sequence[str]) -> Proposal | None:
    """The units to leave in float so that the sum is least, a change between two of them taken for a conversion.

    The shortest path through the units in the model's order, each in float or in int8 (Viterbi 1967). A branch of the
    model is taken for a chain, so what it gives is an estimate, and the build that follows is measured.
    """
    best: list[tuple[float, tuple[Unit, ...]]] = [(0.0, ()), (0.0, ())]
    for unit in units:
        int8 = min(best[0], (best[1][0] + change_ns, best[1][1]), key=lambda one: one[0])
        flt = min((best[0][0] + change_ns, best[0][1]), best[1], key=lambda one: one[0])
        best = [(int8[0] + unit.int8_ns, int8[1]), (flt[0] + unit.float_ns, (*flt[1], unit))]
    cost, kept = min(best, key=lambda one: one[0])
    now = sum(unit.int8_ns for unit in units)
    if not kept or cost >= now:
        return None
    whole = len(kept) == len(units)
    patterns = () if whole else patterns_of({name for unit in kept for name in unit.modules}, labels)
    rest = unknown.float_ns if whole else unknown.int8_ns
    return Proposal(tuple(sorted(kept, key=lambda unit: -unit.lost_ns)), patterns, cost + rest)


def patterns_of(chosen: set[str], labels: Iterable[str]) -> tuple[str, ...]:
    """The fewest patterns that name these labels and no other: a path with ``.*`` stands for all below it."""
    known = tuple(labels)
    found: dict[str, None] = {}
    for label in known:
        if label in chosen:
            path = next((path for path in _above(label) if _all_below(path, known, chosen)), "")
            found[f"{_literal(path)}.*" if path else _literal(label)] = None
    return tuple(found)


def _literal(name: str) -> str:
    """A name as a pattern that matches it alone."""
    return re.sub(r"([*?[])", r"[\1]", name)


def _above(label: str) -> Iterator[str]:
    """The paths above one, the shortest first."""
    parts = label.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))


def _all_below(path: str, known: Sequence[str], chosen: set[str]) -> bool:
    below = [label for label in known if label.startswith(f"{path}.")]
    return len(below) > 1 and all(label in chosen for label in below)
