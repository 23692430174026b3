"""Time per layer, as a runtime's own profiler tells it. Never mixed into latency: a profiled run is slower."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgebuild.core.base import Frozen
from edgebuild.core.measurement import MeasurementKey


class LayerTime(Frozen):
    """One operator that a runtime ran.

    Attributes:
        name: the runtime's own name for it; ``kind``: its type, as "Conv"; ``kernel``: what computed it, "" unknown.
        modules: the PyTorch modules that it came from, as far as that is known.
        nodes: the same by source node of the bundle's own OriginMap, which tells apart what one module does twice.
        dtype: what it reads or computes in, as "f32" or "u8"; "" unknown.
        ns: the median over inferences, in nanoseconds; the average where a runtime tells no more.
    """

    name: str
    kind: str
    kernel: str = ""
    modules: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    dtype: str = ""
    ns: Annotated[int, Field(ge=0)]


class LayerTimes(Frozen):
    """The operators of a variant in the order they ran.

    Attributes:
        key: of the profiled run; its workload is "profile".
        inferences: how many the medians are over.
        whole_ns: a whole inference without the profiler that nothing else disturbed, of those made before in the same
            process: their tenth percentile.
        overhead_ns: what the profiler itself takes for each operator, which is in every ``ns``: those are the runtime's
            own numbers. It is what makes the operators together longer than the whole.
    """

    key: MeasurementKey
    layers: tuple[LayerTime, ...]
    inferences: Annotated[int, Field(ge=1)]
    whole_ns: Annotated[int, Field(ge=0)] = 0
    overhead_ns: Annotated[float, Field(ge=0)] = 0

    @property
    def total_ns(self) -> int:
        """The sum over operators."""
        return sum(layer.ns for layer in self.layers)

    @property
    def mapped(self) -> float:
        """The share of the operators' time whose origin is known, from 0 to 1; 1 where no time was taken."""
        known = sum(layer.ns for layer in self.layers if layer.modules)
        return known / self.total_ns if self.total_ns else 1.0
