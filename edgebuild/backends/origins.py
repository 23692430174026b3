"""Origins by value: a runtime's tensor came from the torch node that computed the same numbers.

Exporters rename, fuse, split and permute; the numbers stay. So one sample is run through both graphs with every
intermediate kept, and tensors are matched by layout-independent statistics of their values. Operators between two
matched tensors belong to the torch nodes between the matched nodes. The same match names the first layer that
diverges, carries a plan's ranges to a runtime's tensors, and works for any exporter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from edgebuild.core.array import np
from edgebuild.core.origin import OriginMap, RuntimeOp, SourceNode

TOLERANCE = 2e-3
"""Largest difference of two fingerprints, as a share of the largest value: float32 noise, not another tensor."""


@dataclass(frozen=True)
class SourceGraph:
    """The torch side: nodes in execution order, the nodes each one reads, and each one's value for one sample.

    Model inputs are among ``values`` and ``reads`` under their names, but are no nodes.
    """

    nodes: tuple[SourceNode, ...]
    reads: Mapping[str, tuple[str, ...]]
    values: Mapping[str, np.ndarray]


def trace_origins(ops: tuple[RuntimeOp, ...], tensors: Mapping[str, np.ndarray], source: SourceGraph) -> OriginMap:
    """Match a runtime's operators and tensors to the nodes of the torch graph they came from."""
    matched = _match_tensors(ops, tensors, source)
    stops = set(matched.values())
    regions = {node: _region(node, source.reads, stops) for node in stops}
    traced = tuple(op.model_copy(update={"origins": _origins(op, matched, regions)}) for op in ops)
    filled = _fill(traced, _next_nodes(matched, source.reads), source.nodes)
    return OriginMap(nodes=source.nodes, ops=filled, tensors=matched)


def self_origins(ops: tuple[RuntimeOp, ...]) -> OriginMap:
    """The map of a foreign model: its own operators are the source."""
    nodes = tuple(SourceNode(id=op.name, operator=op.kind, module=op.name) for op in ops)
    traced = tuple(op.model_copy(update={"origins": (op.name,)}) for op in ops)
    tensors = {tensor: op.name for op in ops for tensor in op.outputs}
    return OriginMap(nodes=nodes, ops=traced, tensors=tensors)


def carry_origins(origins: OriginMap, ops: tuple[RuntimeOp, ...]) -> OriginMap:
    """The map of a model that was made from a mapped one by rewriting operators: quantized, compiled.

    An operator keeps its origins by its own name and by the names of its outputs, which differ where another one was
    merged into it; what was added lies between.
    """
    by_name = {op.name: op.origins for op in origins.ops}
    by_tensor = {tensor: op.origins for op in origins.ops for tensor in op.outputs}
    carried = []
    for op in ops:
        found = (*by_name.get(op.name, ()), *by_tensor.get(op.outputs[0] if op.outputs else "", ()))
        carried.append(op.model_copy(update={"origins": tuple(dict.fromkeys(found))}))
    known = {tensor: node for tensor, node in origins.tensors.items() if any(tensor in op.outputs for op in ops)}
    return OriginMap(nodes=origins.nodes, ops=_fill(tuple(carried), {}, origins.nodes), tensors=known)


def first_divergence(origins: OriginMap) -> RuntimeOp | None:
    """The first operator from which on no tensor agrees with torch: where a wrong output began, or None."""
    agrees = set(origins.tensors)
    recovers: set[str] = set()
    first = None
    for op in reversed(origins.ops):
        if not any(tensor in agrees or tensor in recovers for tensor in op.outputs):
            first = op
        else:
            recovers |= set(op.inputs)
    return first


def fingerprint(value: np.ndarray) -> np.ndarray:
    """Order statistics and means of a tensor, independent of its layout; shape (12,), float64."""
    flat = np.sort(value.astype(np.float64).ravel())
    if flat.size == 0:
        return np.zeros(12)
    picks = flat[np.linspace(0, flat.size - 1, 9).astype(int)]
    return np.concatenate([picks, [flat.mean(), np.abs(flat).mean(), np.sqrt((flat**2).mean())]])


def _match_tensors(
    ops: tuple[RuntimeOp, ...], tensors: Mapping[str, np.ndarray], source: SourceGraph
) -> dict[str, str]:
    order = {name: i for i, name in enumerate(source.values)}
    prints = {name: (value.size, fingerprint(value)) for name, value in source.values.items()}
    produced_by = {tensor: op for op in ops for tensor in op.outputs}
    matched: dict[str, str] = {}
    for name in _in_order(ops, tensors):
        alike = _alike(tensors[name], prints)
        if alike:
            op = produced_by.get(name)
            floor = max((order[matched[i]] for i in (op.inputs if op else ()) if i in matched), default=-1)
            matched[name] = name if name in alike else _nearest(alike, order, floor)
    return matched


def _in_order(ops: tuple[RuntimeOp, ...], tensors: Mapping[str, np.ndarray]) -> list[str]:
    produced = [tensor for op in ops for tensor in op.outputs if tensor in tensors]
    made = set(produced)
    return [name for name in tensors if name not in made] + produced


def _alike(value: np.ndarray, prints: Mapping[str, tuple[int, np.ndarray]]) -> list[str]:
    if not np.issubdtype(value.dtype, np.number):
        return []
    mine = fingerprint(value)
    scale = max(float(np.abs(mine).max()), 1e-12)
    return [
        name
        for name, (size, other) in prints.items()
        if size == value.size and float(np.abs(mine - other).max()) <= TOLERANCE * scale
    ]


def _nearest(alike: list[str], order: Mapping[str, int], floor: int) -> str:
    """The first candidate after the operator's own inputs; if there is none, the last one before."""
    after = [name for name in alike if order[name] > floor]
    return after[0] if after else alike[-1]


def _region(node: str, reads: Mapping[str, tuple[str, ...]], stops: set[str]) -> tuple[str, ...]:
    """The node and what leads to it, back to the nodes that are matched themselves."""
    seen, waiting = {node}, list(reads.get(node, ()))
    while waiting:
        name = waiting.pop()
        if name in seen or name in stops or name not in reads:
            continue
        seen.add(name)
        waiting += reads[name]
    return tuple(name for name in reads if name in seen)


def _origins(op: RuntimeOp, matched: Mapping[str, str], regions: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    found = [regions[matched[tensor]] for tensor in op.outputs if tensor in matched]
    return tuple(dict.fromkeys(name for region in found for name in region))


_Side = Callable[[RuntimeOp], tuple[str, ...]]


def _next_nodes(matched: Mapping[str, str], reads: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """For each matched tensor, the torch nodes that read it and that no tensor matches: what should come next."""
    found = set(matched.values())
    readers: dict[str, tuple[str, ...]] = {}
    for node, read_by_node in reads.items():
        for name in read_by_node if node not in found else ():
            readers[name] = (*readers.get(name, ()), node)
    return {tensor: readers[node] for tensor, node in matched.items() if node in readers}


def _fill(
    ops: tuple[RuntimeOp, ...], following: Mapping[str, tuple[str, ...]], nodes: Iterable[SourceNode]
) -> tuple[RuntimeOp, ...]:
    """Give operators without origins those of what they feed, or what torch does next, or else of what feeds them."""
    order = {node.id: number for number, node in enumerate(nodes)}
    forward = _spread(reversed(ops), lambda op: op.outputs, lambda op: op.inputs, order)
    expected = tuple(
        op if op.origins or forward.get(op.name) else op.model_copy(update={"origins": _expected(op, following)})
        for op in ops
    )
    backward = _spread(expected, lambda op: op.inputs, lambda op: op.outputs, order)
    return tuple(
        op if op.origins else op.model_copy(update={"origins": forward.get(op.name) or backward.get(op.name, ())})
        for op in expected
    )


def _expected(op: RuntimeOp, following: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return next((following[tensor] for tensor in op.inputs if tensor in following), ())


def _spread(ops: Iterable[RuntimeOp], near: _Side, far: _Side, order: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Origins of operators by their names, handed on from one operator to the next.

    A tensor that several operators read goes by the one that torch computes first: what a converter has folded into
    the linear layers behind a normalization, as its scale, leaves them all reading what is the normalization's own.
    """
    at: dict[str, tuple[str, ...]] = {}
    found: dict[str, tuple[str, ...]] = {}
    for op in ops:
        origins = op.origins or next((at[tensor] for tensor in near(op) if at.get(tensor)), ())
        found[op.name] = origins
        for tensor in far(op) if origins else ():
            at[tensor] = min((at.get(tensor, origins), origins), key=lambda names: order.get(names[-1], len(order)))
    return found
