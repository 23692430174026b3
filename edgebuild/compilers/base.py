"""The seam of a compiler: a runtime's model becomes one for an accelerator, with where its operators run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from edgebuild.backends.base import Files
from edgebuild.core.array import Array, Tensors
from edgebuild.core.artifact import Placed, Placement
from edgebuild.core.origin import RuntimeOp


@dataclass(frozen=True)
class Compiled:
    """A model for an accelerator.

    Attributes:
        files: what is shipped, the one that the runtime opens first.
        placement: where each operator of the model that was compiled runs.
        estimates: metrics in their base unit, as the compiler estimates them.
    """

    files: Files
    placement: Placement
    estimates: Mapping[str, float]


def read_off(
    source: Iterable[RuntimeOp], compiled: Iterable[RuntimeOp], own: str, reasons: Mapping[str, str], by: str
) -> Placement:
    """Where operators run: what a compiler left as it was, the compiled model still has by its name and kind.

    Of operators that share both, as many are left as there still are.

    Args:
        own: the kind of the operator that a run of them has become on the accelerator.
        reasons: why an operator was left, by its name.
    """
    kept, silence = Counter((op.name, op.kind) for op in compiled), f"{by.partition(' ')[0]} gives no reason"
    partitions = sum(count for (_, kind), count in kept.items() if kind == own)
    ops = []
    for op in source:
        left = kept[op.name, op.kind] > 0
        kept[op.name, op.kind] -= left
        why = reasons.get(op.name, silence) if left else ""
        ops.append(Placed(op=op.name, unit="cpu" if left else "npu", rule=why))
    return Placement(by=by, ops=tuple(ops), partitions=partitions)


Simulate = Callable[[Files, Mapping[str, str], Tensors], list[Array]]
"""Runs a compiled model on samples, (N, …) each, where the accelerator is simulated; one array an output."""


class Compiler(Protocol):
    """What a compiler's module offers.

    Attributes:
        TITLE: what it is called.
        DISTRIBUTIONS: the packages beside edgebuild whose versions can change what it makes.
        RUNTIMES: the runtimes whose models it takes.
        OPTIONS: what a target's file has to say under ``[compiler.options]``.
        TAKES_CONFIG: whether it takes a configuration file in its own format; its text is the option ``CONFIG``.
        SIMULATE: runs what was compiled on this machine; None: nothing can.
    """

    TITLE: str
    DISTRIBUTIONS: tuple[str, ...]
    RUNTIMES: tuple[str, ...]
    OPTIONS: tuple[str, ...]
    TAKES_CONFIG: bool
    SIMULATE: Simulate | None

    def version(self) -> str:
        """Its version; "" where it is not installed."""
        ...

    def compile(self, files: Files, options: Mapping[str, str]) -> Compiled:
        """Compile a model for the accelerator that ``options`` name.

        Raises:
            BuildError: it can't, or the compiler failed.
        """
        ...
