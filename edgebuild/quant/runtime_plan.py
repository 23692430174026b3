"""From a plan by source node to ranges by a runtime's tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from math import isinf

from edgebuild.core.array import np
from edgebuild.core.origin import OriginMap, RuntimeOp
from edgebuild.core.plan import QuantPlan, Range
from edgebuild.core.signature import Signature
from edgebuild.quant.numerics import pick_range

_DRAWN = 2048


def runtime_ranges(plan: QuantPlan, origins: OriginMap, tensors: Mapping[str, np.ndarray]) -> dict[str, Range]:
    """The planned range of every float tensor whose source node is known."""
    return {
        name: plan.activations[origins.tensors[name]]
        for name, value in tensors.items()
        if np.issubdtype(value.dtype, np.floating) and origins.tensors.get(name) in plan.activations
    }


def observed_ranges(
    plan: QuantPlan, names: Iterable[str], observations: Iterable[Mapping[str, np.ndarray]]
) -> dict[str, Range]:
    """Ranges of tensors that have no source node of their own (inside a decomposed operator), from the runtime.

    Infinities do not count: LiteRT pads with one where a maximum is taken, and the lowest integer is as good.
    """
    wanted = tuple(names)
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
    limits: dict[str, tuple[float, float]] = {}
    for tensors in observations:
        for name in wanted:
            value, least, most = _finite(tensors[name].astype(np.float32, copy=False).ravel())
            low, high = limits.get(name, (0.0, 0.0))
            limits[name] = min(low, least), max(high, most)
            drawn[name].append(value[:: (value.size // _DRAWN) | 1])
    return {name: pick_range(np.concatenate(drawn[name]), *limits[name], plan.setting, plan.scheme) for name in wanted}


def _finite(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """What is not infinite, its least and its most, zero among them; copied only where something is."""
    least, most = float(values.min(initial=0)), float(values.max(initial=0))
    if isinf(least) or isinf(most):
        return _finite(values[~np.isinf(values)])
    return values, least, most


class Ranges(Mapping[str, Range]):
    """Known ranges, and others that are observed when the first of them is asked for: not every backend rounds all."""

    def __init__(
        self, known: Mapping[str, Range], others: Iterable[str], observe: Callable[[list[str]], Mapping[str, Range]]
    ) -> None:
        self._known, self._others, self._observe = known, [name for name in others if name not in known], observe

    @cached_property
    def _observed(self) -> Mapping[str, Range]:
        return self._observe(self._others) if self._others else {}

    def __getitem__(self, name: str) -> Range:
        return self._known[name] if name in self._known else self._observed[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known or name in self._others

    def __iter__(self) -> Iterator[str]:
        yield from (*self._known, *self._others)

    def __len__(self) -> int:
        return len(self._known) + len(self._others)


def as_fed(
    ranges: Mapping[str, Range], signature: Signature, names: tuple[Mapping[str, str], Mapping[str, str]]
) -> dict[str, Range]:
    """The ranges, a state's and that of what feeds it being the same: both hold the same numbers, a step apart.

    Args:
        names: what the inputs and the outputs are called among the tensors.
    """
    made = dict(ranges)
    for fed in signature.fed:
        ends = [name for name in (names[0][fed.state.name], names[1][fed.by.name]) if name in made]
        if len(ends) == 2:
            first, second = made[ends[0]], made[ends[1]]
            low, high = min(first.low, second.low), max(first.high, second.high)
            made |= dict.fromkeys(ends, first.model_copy(update={"low": low, "high": high}))
    return made


def float_operators(plan: QuantPlan, origins: OriginMap, operators: Iterable[RuntimeOp]) -> tuple[str, ...]:
    """The runtime's operators that the plan keeps float, by the names that they have in the model to be quantized.

    Args:
        origins: of the float artifact.
        operators: of the model to be quantized. Tensors have the same names in both, operators may not: an exporter
            that leaves out a bias of zeros renames the operator.
    """
    kept = set(plan.keep_float)
    tensors = {name for op in origins.ops if kept & set(op.origins) for name in op.outputs}
    return tuple(op.name for op in operators if tensors & set(op.outputs))
