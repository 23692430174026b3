"""Latency as what pruning makes less: measured on the targets, predicted in between, and measured again."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.bench.bench import Bench
from edgebuild.compress.allocate import possible_widths
from edgebuild.compress.costs import Cost, Widths
from edgebuild.compress.groups import Grouped, groups_of
from edgebuild.core.compression import LatencyCheck, LatencyTable, ProbeTime
from edgebuild.core.compression import Pruning as Settings
from edgebuild.core.digest import Digest, Json, digest_json
from edgebuild.core.errors import ConfigError
from edgebuild.core.lock import Lock, LockedLatency
from edgebuild.core.target import Target
from edgebuild.pipeline.compress_stage import aligned
from edgebuild.pipeline.host import int8_scheme
from edgebuild.pipeline.sources import Sets, Source
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.search.bench_models import Precision, Stand, local_bench, measuring_of, precision_of, tools_of
from edgebuild.search.parts import Parts, parts_of
from edgebuild.search.probes import Probe, probes_for
from edgebuild.search.table import Fitted, error_of, fit

if TYPE_CHECKING:
    from torch.export import ExportedProgram

PROBES = 20
CODE = ("search/bench_models.py", "backends", "bench", "compress/prune.py", "compress/rewrites.py", "runner")
PRICING = (
    "search/latency.py", "search/parts.py", "search/probes.py", "search/table.py", "search/bench_models.py", "backends",
)  # fmt: skip
_LATENCY = "latency.json"


@dataclass(frozen=True)
class LatencyPriced:
    """Latency on some host targets, of one model and all that is pruned from it.

    Attributes:
        probes: how many its tables are made from, at most; None: as many as one graph's.
    """

    road: Road
    source: Source
    sets: Sets
    targets: tuple[Target, ...]
    lock: Lock
    measured: dict[str, dict[Digest, LockedLatency]] = field(default_factory=dict)
    probes: int | None = None

    @property
    def inputs(self) -> dict[str, Json]:
        facts: dict[str, Json] = {target.name: self.facts(target) for target in self.targets}
        return {"targets": facts, "seed": self.road.project.build.seed}

    @property
    def code(self) -> tuple[str, ...]:
        return PRICING

    @property
    def tools(self) -> tuple[str, ...]:
        return tuple(sorted({tool for target in self.targets for tool in tools_of(target)}))

    @contextlib.contextmanager
    def open(self) -> Iterator[LatencyCosting]:
        with local_bench() as bench:
            yield self.on(self.stand(bench))

    def stand(self, bench: Bench) -> Stand:
        """Where its pruned models are measured."""
        return Stand(self.road, self.source, groups_of(self.source.torch_model.program), self.sets, bench)

    def on(self, stand: Stand) -> LatencyCosting:
        """What it costs, by what is measured on a stand."""
        settings = self.road.profile.pruning
        assert settings is not None
        dense = parts_of(self.source.torch_model.program, stand.grouped)
        choices = choices_of(stand.grouped, aligned(settings, self.targets))
        probes = probes_for(choices, self.probes or PROBES, self.road.project.build.seed)
        priced = tuple(self._priced(target, stand, dense, probes) for target in self.targets)
        return LatencyCosting(dense, priced)

    def facts(self, target: Target) -> dict[str, Json]:
        """What a latency depends on beside the model."""
        scheme = int8_scheme(target)
        return {
            "runtime": target.runtime,
            "options": target.runtime_options.model_dump(mode="json"),
            "precision": precision_of(self.road.profile, target, self.sets),
            "scheme": scheme.model_dump(mode="json") if scheme else None,
            "keep_float": list(self.road.project.build.keep_float.get(target.name, ())),
            "measuring": measuring_of(self.road.profile).model_dump(mode="json"),
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
        return OnTarget(target, fitted, _table(target, precision, probes, measured, fitted), measure)

    def _measured(self, stand: Stand, target: Target, name: str, widths: Widths) -> LockedLatency:
        precision = precision_of(self.road.profile, target, self.sets)
        subject = digest_json({"model": self.source.digest, "widths": dict(widths), **self.facts(target)})
        known = self.lock.latencies.get(target.name, {}).get(subject)
        if known is None:
            told = f"{target.name} in {precision}, {name}"
            stage = Stage("measure latency", CODE, tools_of(target), on_cpu=True)
            known = on_the_road(self.road, stage, told, subject, lambda: stand.latency(target, precision, widths))
        self.measured.setdefault(target.name, {})[subject] = known
        return known


def on_the_road(
    road: Road, stage: Stage, told: str, subject: Digest, measure: Callable[[], LockedLatency]
) -> LockedLatency:
    """A latency from the cache, or measured now."""

    def make(folder: Path) -> None:
        (folder / _LATENCY).write_text(measure().model_dump_json(), encoding="utf-8")

    return LockedLatency.model_validate_json(road.step(stage, told, {"subject": subject}, make).read(_LATENCY))


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

    @property
    def unit(self) -> str:
        return "of the dense model's latency"

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


def refuse_absent(targets: Sequence[Target]) -> None:
    """Refuse to price what can't be measured while building.

    Raises:
        ConfigError: a target's device is not this machine.
    """
    absent = [target.name for target in targets if not target.is_host]
    if absent:
        raise ConfigError(
            "[pruning] cost", f"is latency, and the device of {', '.join(absent)} is not at hand while building",
            expected="targets that are this machine, such as host-onnxruntime",
            fix='choose cost = "macs", or build for host targets alone with -t',
        )  # fmt: skip


def choices_of(grouped: Grouped, settings: Settings) -> Mapping[str, Sequence[int]]:
    """By group, the widths that can be chosen."""
    return {group.name: possible_widths(group.width, settings.round_to, settings.least) for group in grouped.groups}


def _table(
    target: Target, precision: Precision, probes: Sequence[Probe], measured: Sequence[LockedLatency], fitted: Fitted
) -> LatencyTable:
    times = tuple(
        ProbeTime(name=probe.name, widths=dict(probe.widths), measured=one.relative, predicted=predicted)
        for probe, one, predicted in zip(probes, measured, fitted.left_out, strict=True)
    )
    return LatencyTable(
        target=target.name,
        device=measured[0].device if measured else "",
        runtime=target.runtime,
        precision=precision,
        multiples=fitted.multiples,
        coefficients={kind: share for kind, share in fitted.shares.items() if share > 0},
        probes=times,
        error=error_of(fitted.left_out, [one.relative for one in measured]),
    )
