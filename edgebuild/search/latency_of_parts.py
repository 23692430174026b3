"""Latency of a model in parts: each part by its own table in its own runtime, and the whole as their chain."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgebuild.bench.given import Side
from edgebuild.compress.costs import Cost, Counted, Term, Widths, full_widths
from edgebuild.compress.groups import Grouped
from edgebuild.core.compression import LatencyCheck, LatencyTable, MeasuredCost, PartLatency
from edgebuild.core.digest import Digest, Json, digest_bytes, digest_json
from edgebuild.core.lock import Lock, LockedLatency
from edgebuild.core.parts import whole_signature
from edgebuild.core.target import Target
from edgebuild.pipeline.chain import FOLDER, Link, chain_file, chain_runtime
from edgebuild.pipeline.joined import Joined
from edgebuild.pipeline.sources import Sets
from edgebuild.pipeline.stage import Road
from edgebuild.search.bench_models import Stand, precision_of
from edgebuild.search.gauges import Gauge, Meter
from edgebuild.search.latency import CODE, PRICING, Asked, LatencyCosting, LatencyPriced, largest, opened
from edgebuild.search.parts import Parts, parts_of
from edgebuild.vectors import timing_inputs

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_OWN = ("search/latency_of_parts.py", "pipeline/chain.py", "pipeline/joined.py")
_CHAIN = "chain.json"
_PROBES = 12
"""Of each part: it has fewer groups than a whole model."""

WidthsOf = Mapping[str, Widths]
"""By part, the widths of its groups that are narrower, by the names that they have in the part."""


@dataclass(frozen=True)
class PartsPriced:
    """Latency on some targets, of one model in parts and all that is pruned from it."""

    road: Road
    source: Joined
    sets: Sets
    targets: tuple[Target, ...]
    lock: Lock
    meter: Meter
    measured: dict[str, dict[Digest, LockedLatency]] = field(default_factory=dict)

    @property
    def inputs(self) -> dict[str, Json]:
        facts: dict[str, Json] = {target.name: self._facts(target) for target in self.targets}
        return {"targets": facts, "seed": self.road.project.build.seed, **self.meter.device()}

    @property
    def code(self) -> tuple[str, ...]:
        return (*PRICING, *_OWN, *self.meter.code)

    @property
    def tools(self) -> tuple[str, ...]:
        return tuple(sorted({tool for name in self.source.wiring.order for tool in self._priced(name).tools}))

    @contextlib.contextmanager
    def open(self) -> Iterator[PartsCosting]:
        with opened(self.meter, self.road) as gauge:
            stands = {name: self._priced(name).stand(gauge) for name in self.source.wiring.order}
            costings = {name: self._priced(name).on(stand) for name, stand in stands.items()}
            yield PartsCosting(
                self.source.children,
                tuple(self._whole(target, stands, costings, gauge) for target in self.targets),
                self.meter.cost,
            )

    def _facts(self, target: Target) -> dict[str, Json]:
        """What the latency of the whole depends on beside the model."""
        own = self.source.targets[target.name]
        return {name: [own[name].name, self._priced(name).facts(own[name])] for name in self.source.wiring.order}

    def _priced(self, part: str) -> LatencyPriced:
        """A part by itself, on all targets that it is built for."""
        built_for = {own[part].name: own[part] for own in self.source.targets.values()}
        return LatencyPriced(
            self.source.roads[part], self.source.handing.sources[part], self.source.sets_of(part, self.sets),
            tuple(built_for.values()), self.lock, self.meter, self.measured, _PROBES,
        )  # fmt: skip

    def _whole(
        self, target: Target, stands: Mapping[str, Stand], costings: Mapping[str, LatencyCosting], gauge: Gauge
    ) -> WholeOnTarget:
        chains = Chains(self.road, self.source, self.sets, target, stands, gauge)

        def measure(told: str, subject: Json, made: Callable[[], Side]) -> LockedLatency:
            key = digest_json({"model": self.source.digest, "chain": self._facts(target), "of": subject})
            told = f"the chain on {target.name}, {told}"
            asked = Asked(self.road, self.lock, self.meter, target.name, (*CODE, *_OWN), self.tools, told)
            known = asked.known(key, lambda: chains.relative(made()))
            self.measured.setdefault(target.name, {})[key] = known
            return known

        def pruned(widths: WidthsOf) -> float:
            told: Json = {name: dict(own) for name, own in widths.items()}
            return measure("as it was chosen", told, lambda: chains.side(widths)).relative

        own = self.source.targets[target.name]
        parts = {name: costing.on(own[name].name) for name, costing in costings.items()}
        alone = {
            name: measure(f"{name} alone", {"alone": name}, lambda name=name: chains.alone(name)).relative  # type: ignore[misc]
            for name in parts
        }
        together = max(1.0, sum(alone.values()))
        return WholeOnTarget(target, parts, {name: share / together for name, share in alone.items()}, pruned)


@dataclass
class Chains:
    """Chains of parts at some widths against the dense one, as one target runs them."""

    road: Road
    source: Joined
    sets: Sets
    target: Target
    stands: Mapping[str, Stand]
    gauge: Gauge
    _dense: Side | None = None
    _links: dict[str, tuple[Link, dict[str, bytes]]] = field(default_factory=dict)

    def relative(self, side: Side) -> LockedLatency:
        """What something takes, as a share of what the dense chain takes."""
        self._dense = self._dense or self.side({})
        runtime = chain_runtime(own.runtime for own in self._built_for.values())
        return self.gauge.relative(self.target.model_copy(update={"runtime": runtime}), self._dense, side)

    def side(self, widths: WidthsOf) -> Side:
        """The chain with its parts at some widths."""
        wiring = self.source.wiring
        made = {name: self._link(name, widths.get(name, {})) for name in wiring.order}
        signature = whole_signature(wiring, {name: link.signature for name, (link, _) in made.items()}, None)
        files = {file: data for _, own in made.values() for file, data in own.items()}
        told = chain_file([link for link, _ in made.values()], signature)
        return {_CHAIN: told, **files}, timing_inputs(signature)

    def alone(self, part: str) -> Side:
        """A chain of one dense part."""
        link, files = self._link(part, {})
        return {_CHAIN: chain_file([link], link.signature), **files}, timing_inputs(link.signature)

    @property
    def _built_for(self) -> Mapping[str, Target]:
        return self.source.targets[self.target.name]

    def _link(self, name: str, widths: Widths) -> tuple[Link, dict[str, bytes]]:
        """A part as the chain runs it; as it was, it is made once."""
        if widths:
            return self._made(name, widths)
        if name not in self._links:
            self._links[name] = self._made(name, widths)
        return self._links[name]

    def _made(self, name: str, widths: Widths) -> tuple[Link, dict[str, bytes]]:
        own = self._built_for[name]
        precision = precision_of(self.road.profile, own, self.source.sets_of(name, self.sets))
        made = self.stands[name].made(own, precision, widths)
        files = {f"{FOLDER}/{name}/{file}": data for file, data in made.files.items()}
        digests = {file: digest_bytes(data) for file, data in files.items()}
        return Link(name, own.runtime, digests, made.signature), files


@dataclass(frozen=True)
class WholeOnTarget:
    """The tables of all parts on one target, and what measures their chain there.

    Attributes:
        parts: of each part, its latency as a share of its own dense one's.
        shares: of the dense chain's latency, what each dense part takes; what is missing to 1 is handing on.
        measure: the chain at some widths, as a share of the dense one.
        factor: what was measured near the limit, over what the tables said.
    """

    target: Target
    parts: Mapping[str, LatencyCosting]
    shares: Mapping[str, float]
    measure: Callable[[WidthsOf], float]
    factor: float = 1.0

    @property
    def tables(self) -> tuple[LatencyTable, ...]:
        """One a part."""
        named = ((name, table) for name, costing in self.parts.items() for table in costing.tables)
        return tuple(table.model_copy(update={"target": self.target.name, "part": name}) for name, table in named)

    def cost(self, parts: Mapping[str, Parts], full: Widths) -> Counted:
        """Of a whole at any widths, as a share of the dense one's."""
        terms = [Term("handing on", self.factor * self._rest, ())]
        for name, costing in self.parts.items():
            (own,) = costing.targets
            terms += own.fitted.cost(parts[name], self.factor * self.shares[name] * own.factor).terms
        return Counted(tuple(terms), full)

    def check(self, widths: WidthsOf) -> LatencyCheck:
        """The whole at some widths, and each part by itself."""
        checks = {name: self._check(costing, widths[name]) for name, costing in self.parts.items()}
        parts = [
            PartLatency(
                part=name, before=share, predicted=share * checks[name].predicted,
                measured=share * checks[name].measured,
            )
            for name, share in self.shares.items()
        ]  # fmt: skip
        predicted = self.factor * (self._rest + sum(part.predicted for part in parts))
        return LatencyCheck(
            target=self.target.name, predicted=predicted, measured=self.measure(widths), factor=self.factor,
            parts=tuple(parts),
        )  # fmt: skip

    def corrected(self, check: LatencyCheck) -> WholeOnTarget:
        """Each part by what it was measured to take, and the whole by what is left to tell."""
        parts = {name: self._corrected(costing, check, name) for name, costing in self.parts.items()}
        told = self._rest + sum(part.measured for part in check.parts)
        return dataclasses.replace(self, parts=parts, factor=check.measured / told)

    @property
    def _rest(self) -> float:
        return 1.0 - sum(self.shares.values())

    @staticmethod
    def _check(costing: LatencyCosting, widths: Widths) -> LatencyCheck:
        """Of one part; as it was it is not measured against itself."""
        (own,) = costing.targets
        if not widths:
            return LatencyCheck(target=own.target.name, predicted=1.0, measured=1.0, factor=own.factor)
        (check,) = costing.check(widths)
        return check

    def _corrected(self, costing: LatencyCosting, check: LatencyCheck, name: str) -> LatencyCosting:
        (own,) = costing.targets
        found = next(part for part in check.parts if part.part == name)
        return costing.corrected(
            [
                LatencyCheck(
                    target=own.target.name, predicted=found.predicted, measured=found.measured, factor=own.factor
                )
            ]
        )


@dataclass(frozen=True)
class PartsCosting:
    """The largest share of the dense chain's latency over targets: one set of weights is for all.

    Attributes:
        children: by part, the name that it has as a module of the whole.
    """

    children: Mapping[str, str]
    targets: tuple[WholeOnTarget, ...]
    name: MeasuredCost = "latency"

    @property
    def unit(self) -> str:
        return f"of the dense model's {self.name}"

    @property
    def tables(self) -> tuple[LatencyTable, ...]:
        return tuple(table for each in self.targets for table in each.tables)

    def cost(self, program: ExportedProgram, grouped: Grouped) -> Cost:
        parts, full = self._apart(parts_of(program, grouped)), full_widths(grouped)
        return largest([each.cost(parts, full) for each in self.targets])

    def check(self, widths: Widths) -> tuple[LatencyCheck, ...]:
        own = {name: self._narrower(name, widths) for name in self.children}
        return tuple(each.check(own) for each in self.targets)

    def corrected(self, checks: Sequence[LatencyCheck]) -> PartsCosting:
        pairs = zip(self.targets, checks, strict=True)
        return dataclasses.replace(self, targets=tuple(each.corrected(check) for each, check in pairs))

    def _apart(self, whole: Parts) -> dict[str, Parts]:
        """By part of the model, what its time is made of."""
        return {
            name: Parts(tuple(one for one in whole.parts if one.layer.partition(".")[0] == child), whole.full)
            for name, child in self.children.items()
        }

    def _narrower(self, part: str, widths: Widths) -> dict[str, int]:
        """The groups of a part that are narrower than they were, by the names that they have in it."""
        prefix, full = f"{self.children[part]}.", self.targets[0].parts[part].dense.full
        own = {name.removeprefix(prefix): width for name, width in widths.items() if name.startswith(prefix)}
        return {name: width for name, width in own.items() if width < full[name]}
