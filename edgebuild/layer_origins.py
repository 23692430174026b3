"""Which PyTorch modules the operators of a profile came from, by what each runtime tells of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from edgebuild.bench.layers import typical_ns
from edgebuild.core.layers import LayerTime
from edgebuild.core.origin import OriginMap, RuntimeOp
from edgebuild.core.wire import TimedOperator
from edgebuild.judge.layer_units import is_conversion
from edgebuild.layer_order import aligned

Nodes = tuple[str, ...]

_ADDED = re.compile(r"(_(token_\d+|nchwc|nhwc|fused|q|dq)|/[^/]+)$")
"""What onnxruntime's optimizers and OpenVINO's put behind the name of a node that they rewrote."""

_WEIGHTED = frozenset(
    ["Conv", "ConvTranspose", "Gemm", "MatMul", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED",
     "BATCH_MATMUL", "Convolution", "GroupConvolution", "ConvolutionBackpropData"]
)  # fmt: skip


def layer_times(operators: Sequence[TimedOperator], origins: OriginMap) -> tuple[LayerTime, ...]:
    """The operators of a profile with their origins; what a runtime added of its own may have none.

    By the names that the runtime says it fused, by its own name for the operator, by its place in the model's file,
    and where it tells none of these (XNNPACK), by order and kind.
    """
    known = _Names(origins)
    told = [known.of(operator) for operator in operators]
    _align(told, operators, origins.ops)
    for at, operator in enumerate(operators):
        told[at] = told[at] or _beside(operator.kind, told, at)
    _absorb(told, origins.ops)
    module = {node.id: node.module or node.id for node in origins.nodes}
    return tuple(_layer(*pair, module) for pair in zip(operators, told, strict=True))


def _layer(operator: TimedOperator, nodes: Nodes, module: Mapping[str, str]) -> LayerTime:
    """A node of the top level is named itself, as it has no module."""
    modules = tuple(dict.fromkeys(module[node] for node in nodes if node in module))
    return LayerTime(
        name=operator.name, kind=operator.kind, kernel=operator.kernel, dtype=operator.dtype, modules=modules,
        nodes=nodes, ns=typical_ns(operator),
    )  # fmt: skip


class _Names:
    """The source nodes behind the names of a runtime's operators and tensors."""

    def __init__(self, origins: OriginMap) -> None:
        self._ops = origins.ops
        self._by_name = {name: op for op in reversed(origins.ops) for name in (*op.outputs, op.name)}

    def of(self, operator: TimedOperator) -> Nodes:
        """The nodes of one operator; none if it tells nothing that is known.

        A conversion that was fused into what computes belongs to it, wherever it stood in the model.
        """
        if operator.index is not None and operator.index < len(self._ops):
            return self._ops[operator.index].origins
        found = [op for name in operator.sources or (operator.name,) if (op := self._named(name)) is not None]
        computing = [op for op in found if op.compute]
        nodes = _once(op.origins for op in computing or found)
        return nodes or self._fed_by(operator.name)

    def _named(self, name: str) -> RuntimeOp | None:
        while name not in self._by_name:
            shorter = _ADDED.sub("", name)
            if shorter == name:
                return None
            name = shorter
        return self._by_name[name]

    def _fed_by(self, name: str) -> Nodes:
        """The nodes of what a conversion feeds: OpenVINO puts its name behind that of what is read."""
        at = name.find("_")
        while at >= 0:
            rest = name[at + 1 :]
            if rest in self._by_name:
                return self._by_name[rest].origins
            at = name.find("_", at + 1)
        return ()


def _align(told: list[Nodes], operators: Sequence[TimedOperator], ops: Sequence[RuntimeOp]) -> None:
    """Give operators that tell neither a name nor a place those that they compute, by order and kind."""
    unplaced = [at for at, operator in enumerate(operators) if operator.index is None]
    if any(told[at] for at in unplaced):
        return
    taken = {operator.index for operator in operators}
    left = [op for place, op in enumerate(ops) if place not in taken]
    places = aligned([operators[at].kind for at in unplaced], [op.kind for op in left])
    for at, place in zip(unplaced, places, strict=True):
        told[at] = left[place].origins if place is not None else ()


def _beside(kind: str, told: Sequence[Nodes], at: int) -> Nodes:
    """The nodes of what ran next to an operator that is not in the model, where its kind says which side.

    onnxruntime reorders blocks of channels right before and behind a convolution. What computes was made of what ran
    before it, as HardSwish is taken apart. What only moves numbers may serve either side, and stays unknown.
    """
    if kind == "ReorderInput":
        return next((nodes for nodes in told[at + 1 :] if nodes), ())
    if kind == "ReorderOutput" or not is_conversion(kind):
        return next((nodes for nodes in reversed(told[:at]) if nodes), ())
    return ()


def _absorb(told: list[Nodes], ops: Sequence[RuntimeOp]) -> None:
    """Add operators of the model that nobody told of to those they were fused into.

    A layer with weights went into what reads it, its activation; anything else into what it reads.
    """
    made_by = {name: op for op in ops for name in op.outputs}
    read_by = {name: op for op in reversed(ops) for name in op.inputs}
    seen = {node for nodes in told for node in nodes}
    for op in ops:
        if not op.compute or not op.origins or seen.intersection(op.origins):
            continue
        weighted = op.kind in _WEIGHTED
        near = [read_by.get(name) for name in op.outputs] if weighted else [made_by.get(name) for name in op.inputs]
        beside = next((other.origins for other in near if other is not None and seen.intersection(other.origins)), ())
        for at, nodes in enumerate(told):
            if set(nodes).intersection(beside):
                told[at] = _once((op.origins, nodes) if weighted else (nodes, op.origins))
        seen |= set(op.origins) if beside else set()


def _once(groups: Iterable[Nodes]) -> Nodes:
    return tuple(dict.fromkeys(node for nodes in groups for node in nodes))
