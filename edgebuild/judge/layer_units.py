"""The operators of a profile in units that float and int8 have alike.

A *unit* is one module, or several that a runtime fused into one operator in either variant: what can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from edgebuild.core.layers import LayerTime, LayerTimes

_CONVERSIONS = ("quantizelinear", "dequantizelinear", "quantize", "dequantize", "fakequantize", "convert", "reorder",
                "reorderinput", "reorderoutput", "cast", "transpose")  # fmt: skip


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


Timed = list[tuple[LayerTime, float]]
"""Operators with their time without what the profiler adds to it."""


def is_conversion(kind: str) -> bool:
    """Whether a kind of operator computes nothing: it quantizes, dequantizes, or moves numbers into another layout."""
    return kind.lower() in _CONVERSIONS


def timed(times: LayerTimes) -> Iterator[tuple[LayerTime, float]]:
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


def groups_of(layers: Iterable[LayerTime], place: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """For each module those that it was fused with in either variant, itself among them, in the model's order."""
    joined = _Joined()
    for layer in layers:
        joined.join(layer.modules)
    members: dict[str, list[str]] = {}
    for name in sorted(joined.above, key=lambda name: place.get(name, len(place))):
        members.setdefault(joined.top(name), []).append(name)
    return {name: tuple(members[joined.top(name)]) for name in joined.above}


def by_group(times: LayerTimes, groups: Mapping[str, tuple[str, ...]]) -> dict[tuple[str, ...], Timed]:
    """A profile's operators by unit; those that no module is known for are under ()."""
    found: dict[tuple[str, ...], Timed] = {}
    for layer, ns in timed(times):
        found.setdefault(groups[layer.modules[0]] if layer.modules else (), []).append((layer, ns))
    return found


def unit_of(modules: tuple[str, ...], exact: Timed, rounded: Timed) -> Unit:
    """A row, from what ran there in float and in int8."""
    return Unit(
        modules=modules, float_ns=_sum(exact), int8_ns=_sum(rounded), float_ops=_ops(exact), int8_ops=_ops(rounded),
        conversions_ns=sum(ns for layer, ns in rounded if is_conversion(layer.kind)),
    )  # fmt: skip


def _sum(pairs: Timed) -> float:
    return sum(ns for _, ns in pairs)


def _ops(pairs: Timed) -> tuple[str, ...]:
    """Kinds with what they read, the longest first; how often, where more than once."""
    spent: dict[str, float] = {}
    times: dict[str, int] = {}
    for layer, ns in pairs:
        name = f"{layer.kind} {layer.dtype}".strip()
        spent[name], times[name] = spent.get(name, 0.0) + ns, times.get(name, 0) + 1
    ordered = sorted(spent, key=lambda name: -spent[name])
    return tuple(name if times[name] == 1 else f"{times[name]} x {name}" for name in ordered)
