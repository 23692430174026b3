"""What is made less by pruning: counted from a program's graph, or handed in from where it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edgebuild.compress.costs import Cost, Widths, macs_of, parameters_of
from edgebuild.compress.groups import Grouped
from edgebuild.core.compression import CostName, LatencyCheck, LatencyTable

if TYPE_CHECKING:
    from torch.export import ExportedProgram


class Costing(Protocol):
    """What is made less: of one dense model, and of all that is pruned from it."""

    @property
    def unit(self) -> str:
        """What a cost is a share of, for people."""
        ...

    @property
    def tables(self) -> tuple[LatencyTable, ...]:
        """What it stands on; empty where it is counted from the graph."""
        ...

    def cost(self, program: ExportedProgram, grouped: Grouped) -> Cost:
        """Of a program at any widths, as a share of the dense one's."""
        ...

    def check(self, widths: Widths) -> tuple[LatencyCheck, ...]:
        """What the dense model, pruned to some widths, was measured to take; empty where counting is exact."""
        ...

    def corrected(self, checks: Sequence[LatencyCheck]) -> Costing:
        """The same, after what was measured near the limit."""
        ...


@dataclass(frozen=True, eq=False)
class CountedCosting:
    """MACs, parameters, or the mean of both shares.

    Attributes:
        dense: the program that shares are of, and its groups.
    """

    name: CostName
    dense: ExportedProgram
    first: Grouped
    tables: tuple[LatencyTable, ...] = ()

    @property
    def unit(self) -> str:
        names = {"macs": "MACs", "parameters": "parameters", "macs-and-parameters": "mean of MACs and parameters"}
        return f"of the dense model's {names[self.name]}"

    def cost(self, program: ExportedProgram, grouped: Grouped) -> Cost:
        macs = macs_of(program, grouped) / macs_of(self.dense, self.first).total
        parameters = parameters_of(grouped) / parameters_of(self.first).total
        both = (macs + parameters) / 2
        return {"macs": macs, "parameters": parameters, "macs-and-parameters": both}[self.name]

    def check(self, widths: Widths) -> tuple[LatencyCheck, ...]:  # noqa: ARG002 - it is exact at any
        return ()

    def corrected(self, checks: Sequence[LatencyCheck]) -> CountedCosting:  # noqa: ARG002 - there are none
        return self
