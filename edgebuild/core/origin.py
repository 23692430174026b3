"""Origins: which PyTorch code each operator of a runtime's model came from."""

from __future__ import annotations

from pydantic import Field

from edgebuild.core.base import Frozen


class SourceNode(Frozen):
    """One operation of the exported PyTorch graph.

    Attributes:
        id: its unique name in the graph, stable for one model.
        operator: such as "aten.conv2d".
        module: the module path, such as "layer1.0.conv1"; empty at the top level.
        location: ``file.py:line`` of the innermost user code, file name only; empty if unknown.
    """

    id: str
    operator: str
    module: str = ""
    location: str = ""


class RuntimeOp(Frozen):
    """One operator of a runtime's model and the source nodes it came from (empty: unknown)."""

    name: str
    kind: str
    compute: bool
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


class OriginMap(Frozen):
    """Runtime operators to source nodes, many to many.

    ``tensors`` maps a runtime tensor to the source node whose output it holds.
    """

    nodes: tuple[SourceNode, ...] = ()
    ops: tuple[RuntimeOp, ...] = ()
    tensors: dict[str, str] = Field(default={})

    def coverage(self) -> float:
        """The share of compute operators whose origin is known, from 0 to 1; 1 where there are none."""
        compute = [op for op in self.ops if op.compute]
        return sum(bool(op.origins) for op in compute) / len(compute) if compute else 1.0

    def describe(self, op: RuntimeOp) -> str:
        """The modules and source lines of an operator, for a message."""
        by_id = {node.id: node for node in self.nodes}
        known = [by_id[i] for i in op.origins if i in by_id]
        places = dict.fromkeys(
            f"{n.module or '(top)'} [{n.operator}{', ' + n.location if n.location else ''}]" for n in known
        )
        return "; ".join(places) or "origin unknown"
