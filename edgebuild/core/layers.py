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
        ns: the median over inferences, in nanoseconds.
    """

    name: str
    kind: str
    kernel: str = ""
    modules: tuple[str, ...] = ()
    ns: Annotated[int, Field(ge=0)]


class LayerTimes(Frozen):
    """The operators of a variant in the order they ran.

    Attributes:
        key: of the profiled run; its workload is "profile".
        inferences: how many the medians are over.
    """

    key: MeasurementKey
    layers: tuple[LayerTime, ...]
    inferences: Annotated[int, Field(ge=1)]
