"""What pruning makes less, latency or instructions: measured on the targets, predicted between, and measured again."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.compress.allocate import possible_widths
from edgebuild.compress.costs import Cost, Widths
from edgebuild.compress.groups import Grouped, groups_of
from edgebuild.core.compression import LatencyCheck, LatencyTable, MeasuredCost, ProbeTime
from edgebuild.core.compression import Pruning as Settings
from edgebuild.core.digest import Digest, Json, digest_json
from edgebuild.core.lock import Lock, LockedLatency
from edgebuild.core.target import Target
from edgebuild.pipeline.compress_stage import aligned
from edgebuild.pipeline.host import int8_scheme
from edgebuild.pipeline.sources import Sets, Source
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.search.bench_models import Precision, Stand, precision_of, tools_of
from edgebuild.search.gauges import Gauge, Meter
from edgebuild.search.parts import Parts, parts_of
from edgebuild.search.probes import Probe, probes_for
from edgebuild.search.table import Fitted, error_of, fit

if TYPE_CHECKING:
    from torch.export import ExportedProgram

PROBES = 20
CODE = (
    "search/bench_models.py", "search/gauges.py", "backends", "bench", "compress/prune.py", "compress/rewrites.py",
    "runner",
)  # fmt: skip
PRICING = (
    "search/latency.py", "search/parts.py", "search/probes.py", "search/table.py", "search/bench_models.py",
    "search/gauges.py", "backends",
)  # fmt: skip
_LATENCY = "latency.json"


@dataclass(frozen=True)
class LatencyPriced:
    """Latency on some targets, of one model and all that is pruned from it.

    Attributes:
        meter: how it is measured.
        probes: how many its tables are made from, at most; None: as many as one graph's.
    """

    road: Road
    source: Source
    sets: Sets
    targets: tuple[Target, ...]
    lock: Lock
    meter: Meter
    measured: dict[str, dict[Digest, LockedLatency]] = field(default_factory=dict)
    probes: int | None = None

    @property
    def inputs(self) -> dict[str, Json]:
        facts: dict[str, Json] = {target.name: self.facts(target) for target in self.targets}
        return {"targets": facts, "seed": self.road.project.build.seed, **self.meter.device()}

    @property
    def code(self) -> tuple[str, ...]:
        return (*PRICING, *self.meter.code)

    @property
    def tools(self) -> tuple[str, ...]:
        return tuple(sorted({tool for target in self.targets for tool in tools_of(target)}))

    @contextlib.contextmanager
    def open(self) -> Iterator[LatencyCosting]:
        with opened(self.meter, self.road) as gauge:
            yield self.on(self.stand(gauge))

    def stand(self, gauge: Gauge) -> Stand:
        """Where its pruned models are measured."""
        return Stand(self.road, self.source, groups_of(self.source.torch_model.program), self.sets, gauge)

    def on(self, stand: Stand) -> LatencyCosting:
        """What it costs, by what is measured on a stand."""
        settings = self.road.profile.pruning
        assert settings is not None
        dense = parts_of(self.source.torch_model.program, stand.grouped)
        choices = choices_of(stand.grouped, aligned(settings, self.targets))
        probes = probes_for(choices, self.probes or PROBES, self.road.project.build.seed)
        priced = tuple(self._priced(target, stand, dense, probes) for target in self.targets)
        return LatencyCosting(dense, priced, self.meter.cost)

    def facts(self, target: Target) -> dict[str, Json]:
        """What a latency depends on beside the model."""
        scheme = int8_scheme(target)
        return {
            "runtime": target.runtime,
            "options": target.runtime_options.model_dump(mode="json"),
            "precision": precision_of(self.road.profile, target, self.sets),
            "scheme": scheme.model_dump(mode="json") if scheme else None,
            "keep_float": list(self.road.project.build.keep_float.get(target.name, ())),
            **self.meter.facts(self.road.profile),
        }

    def _priced(self, target: Target, stand: Stand, dense: Parts, probes: Sequence[Probe]) -> OnTarget:
        precision = precision_of(self.road.profile, target, self.sets)

        def measure(name: str, widths: Widths) -> LockedLatency:
            return self._measured(stand, target, name, widths)

        measured = [
            measure(f"{probe.name} ({number} of {len(probes)})", probe.widths)
            for number, probe in enumerate(probes, start=1)
        ]
        fitted = fit(dense, [probe.widths for probe in probes], [one.relative for one in measured])
        table = _table(target, self.meter.cost, precision, probes, measured, fitted)
        return OnTarget(target, fitted, table, measure)

    def _measured(self, stand: Stand, target: Target, name: str, widths: Widths) -> LockedLatency:
        precision = precision_of(self.road.profile, target, self.sets)
        subject = digest_json({"model": self.source.digest, "widths": dict(widths), **self.facts(target)})
        told = f"{target.name} in {precision}, {name}"
        asked = Asked(self.road, self.lock, self.meter, target.name, CODE, tools_of(target), told)
        known = asked.known(subject, lambda: stand.relative(target, precision, widths))
        self.measured.setdefault(target.name, {})[subject] = known
        return known


def opened(meter: Meter, road: Road) -> AbstractContextManager[Gauge]:
    """What measures for a road."""
    return meter.open(road.profile, road.project.build.seed, partial(road.progress, meter.doing))


@dataclass(frozen=True)
class Asked:
    """Something that is measured on a target, unless it is known.

    Attributes:
        code, tools: that make and run it.
        told: what it is, for people.
    """

    road: Road
    lock: Lock
    meter: Meter
    target: str
    code: tuple[str, ...]
    tools: tuple[str, ...]
    told: str

    def known(self, subject: Digest, measure: Callable[[], LockedLatency]) -> LockedLatency:
        """It, by the digest of what it depends on: from the lock, or the cache, or measured now."""
        locked = self.lock.latencies.get(self.target, {}).get(subject)
        if locked is not None and self.meter.takes(locked):
            return locked

        def make(folder: Path) -> None:
            (folder / _LATENCY).write_text(measure().model_dump_json(), encoding="utf-8")

        stage = Stage(self.meter.doing, (*self.code, *self.meter.code), self.tools, on_cpu=True)
        inputs: dict[str, Json] = {"subject": subject, **self.meter.device()}
        return LockedLatency.model_validate_json(self.road.step(stage, self.told, inputs, make).read(_LATENCY))


@dataclass(frozen=True)
class OnTarget:
    """One target's table, and what measures there.

    Attributes:
        factor: what was measured near the limit, over what the table said.
    """

    target: Target
    fitted: Fitted
    table: LatencyTable
    measure: Callable[[str, Widths], LockedLatency]
    factor: float = 1.0


@dataclass(frozen=True)
class LatencyCosting:
    """The largest share of the dense model's latency over targets: one set of weights is for all."""

    dense: Parts
    targets: tuple[OnTarget, ...]
    name: MeasuredCost = "latency"

    @property
    def unit(self) -> str:
        return f"of the dense model's {self.name}"

    @cached_property
    def tables(self) -> tuple[LatencyTable, ...]:
        return tuple(each.table for each in self.targets)

    def cost(self, program: ExportedProgram, grouped: Grouped) -> Cost:
        parts = parts_of(program, grouped)
        costs = [each.fitted.cost(parts, each.factor) for each in self.targets]
        return largest(costs)

    def check(self, widths: Widths) -> tuple[LatencyCheck, ...]:
        narrower = {group: width for group, width in widths.items() if width < self.dense.full[group]}
        return tuple(
            LatencyCheck(
                target=each.target.name,
                predicted=each.fitted.cost(self.dense, each.factor)(narrower),
                measured=each.measure("as it was chosen", narrower).relative,
                factor=each.factor,
            )
            for each in self.targets
        )

    def on(self, target: str) -> LatencyCosting:
        """The same on one of the targets alone."""
        return dataclasses.replace(self, targets=tuple(each for each in self.targets if each.target.name == target))

    def corrected(self, checks: Sequence[LatencyCheck]) -> LatencyCosting:
        factors = {check.target: check.factor * check.measured / check.predicted for check in checks}
        return dataclasses.replace(
            self, targets=tuple(dataclasses.replace(each, factor=factors[each.target.name]) for each in self.targets)
        )


def largest(costs: Sequence[Cost]) -> Cost:
    """Over targets, the cost that is largest: one set of weights is for all."""
    return costs[0] if len(costs) == 1 else lambda widths: max(cost(widths) for cost in costs)


def choices_of(grouped: Grouped, settings: Settings) -> Mapping[str, Sequence[int]]:
    """By group, the widths that can be chosen."""
    return {group.name: possible_widths(group.width, settings.round_to, settings.least) for group in grouped.groups}


def _table(
    target: Target, cost: MeasuredCost, precision: Precision, probes: Sequence[Probe],
    measured: Sequence[LockedLatency], fitted: Fitted,
) -> LatencyTable:  # fmt: skip
    times = tuple(
        ProbeTime(name=probe.name, widths=dict(probe.widths), measured=one.relative, predicted=predicted)
        for probe, one, predicted in zip(probes, measured, fitted.left_out, strict=True)
    )
    return LatencyTable(
        target=target.name,
        cost=cost,
        device=measured[0].device if measured else "",
        runtime=target.runtime,
        precision=precision,
        multiples=(fitted.multiples.given, fitted.multiples.read),
        whole=fitted.multiples.whole,
        narrow=fitted.multiples.narrow,
        coefficients={kind: share for kind, share in fitted.shares.items() if share > 0},
        probes=times,
        error=error_of(fitted.left_out, [one.relative for one in measured]),
    )
