"""Pruned models as a target runs them: exported and quantized by the road's own stages, and measured."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgebuild.backends import find_backend
from edgebuild.backends.base import Exported
from edgebuild.backends.origins import self_origins
from edgebuild.bench.given import Side
from edgebuild.compress.groups import Grouped
from edgebuild.core.digest import digest_json
from edgebuild.core.lock import LockedLatency
from edgebuild.core.profile import Profile, QuantSetting
from edgebuild.core.target import Target
from edgebuild.pipeline.float_stages import Converted, export, folded, trace
from edgebuild.pipeline.host import int8_scheme
from edgebuild.pipeline.int8_stages import quantize_foreign
from edgebuild.pipeline.sources import Sets, Source
from edgebuild.pipeline.stage import Road, silent
from edgebuild.search.gauges import Gauge
from edgebuild.store.cache import Cache
from edgebuild.vectors import timing_inputs

if TYPE_CHECKING:
    from edgebuild.models.graph import TorchModel

_SAMPLES = 4
"""To take ranges from: what an int8 model takes does not depend on them."""

_SETTING = QuantSetting(correct_bias=False)

Widths = Mapping[str, int]
Precision = Literal["float32", "int8"]


@dataclass(frozen=True)
class Narrowed(Source):
    """The dense model with fewer channels; which of them go does not matter for time."""

    dense: Source
    grouped: Grouped
    widths: tuple[tuple[str, int], ...]

    @cached_property
    def torch_model(self) -> TorchModel:
        """Pruned in memory."""
        from edgebuild.compress.prune import prune
        from edgebuild.models.graph import TorchModel
        from edgebuild.models.nodes import source_nodes

        model = self.dense.torch_model
        gone = {group: range(width, self.grouped.named(group).width) for group, width in self.widths}
        program = prune(model.program, gone, self.grouped)
        return TorchModel(program, model.signature, source_nodes(program.graph))


def narrowed(dense: Source, grouped: Grouped, widths: Widths) -> Source:
    """The dense model at some widths; a group that is not told has all its channels."""
    if not widths:
        return dense
    chosen = tuple(sorted(widths.items()))
    digest = digest_json([dense.digest, [list(each) for each in chosen]])
    return Narrowed(dense.entry, "torch", dense.signature, digest, dense, grouped, chosen)


def precision_of(profile: Profile, target: Target, sets: Sets) -> Precision:
    """What the target is built in, if int8 is good enough: int8 where it can be made."""
    wanted = "int8" in profile.quantization.precisions and target.int8 is not None
    return "int8" if wanted and sets.calibration is not None else "float32"


@dataclass
class Stand:
    """Where pruned models are held against the dense one; what it makes for that on this machine is thrown away.

    Attributes:
        road: of the project; its own cache keeps nothing of this.
        grouped: the dense model's groups.
    """

    road: Road
    dense: Source
    grouped: Grouped
    sets: Sets
    gauge: Gauge
    _known: dict[str, Side] = field(default_factory=dict)

    @cached_property
    def _plain(self) -> Road:
        rules = self.road.profile.quantization
        few = rules.model_copy(update={"calibration_samples": _SAMPLES, "correction_samples": _SAMPLES})
        return dataclasses.replace(
            self.road, profile=self.road.profile.model_copy(update={"quantization": few}), progress=silent, steps=[]
        )

    def relative(self, target: Target, precision: Precision, widths: Widths) -> LockedLatency:
        """What the dense model at some widths takes on a target, as a share of what it takes at all its widths.

        Raises:
            BuildError: the runtime cannot take it. As ``Gauge.relative``.
        """
        if target.name not in self._known:
            self._known[target.name] = self._side(target, precision, {})
        return self.gauge.relative(target, self._known[target.name], self._side(target, precision, widths))

    def _side(self, target: Target, precision: Precision, widths: Widths) -> Side:
        made = self.made(target, precision, widths)
        return made.files, timing_inputs(made.signature)

    def made(self, target: Target, precision: Precision, widths: Widths) -> Exported:
        """The dense model at some widths as a target runs it.

        Raises:
            BuildError: the runtime cannot take it.
        """
        with self._scratch() as road:
            return self._made(road, narrowed(self.dense, self.grouped, widths), target, precision).exported

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Road]:
        """A road whose cache is gone afterwards: a few dozen models would fill the user's."""
        with tempfile.TemporaryDirectory(prefix="edgebuild-") as folder:
            yield dataclasses.replace(self._plain, cache=Cache(Path(folder)), steps=[], _known={})

    def _made(self, road: Road, source: Source, target: Target, precision: Precision) -> Converted:
        plain = folded(road, source)
        exact = export(road, plain, target.runtime)
        scheme, samples = int8_scheme(target), self.sets.calibration
        if precision == "float32" or scheme is None or samples is None:
            return exact
        if road.project.build.keep_float.get(target.name):
            origins = trace(road, plain, exact, samples)
        else:
            origins = self_origins(exact.backend.operators(exact.files))
        made = quantize_foreign(road, exact, target, scheme, origins, samples, _SETTING)
        return made.converted


def tools_of(target: Target) -> tuple[str, ...]:
    """The distributions that make and run a target's models."""
    return ("torch", "numpy", "scipy", *find_backend(target.runtime).DISTRIBUTIONS)
