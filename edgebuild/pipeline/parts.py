"""Building a project with parts: each part by the road that a model of its own would go, then the whole of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from edgebuild.core.digest import digest_json
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.input_check import InputReport
from edgebuild.core.lock import Lock
from edgebuild.core.parts import Wiring, declared_inputs, refuse_misdeclared, refuse_misfits, whole_signature
from edgebuild.core.project import PartSource, Project
from edgebuild.core.signature import Signature
from edgebuild.core.target import Target
from edgebuild.pipeline.build import build_target
from edgebuild.pipeline.chain import Links
from edgebuild.pipeline.float_stages import folded
from edgebuild.pipeline.golden import golden_inputs
from edgebuild.pipeline.handing import Handing
from edgebuild.pipeline.joined import Joined, given_sets, pruned, refuse_unprunable
from edgebuild.pipeline.material import Material, refuse_unfit_post
from edgebuild.pipeline.parts_inputs import PartsInputs
from edgebuild.pipeline.pricing import Pricing
from edgebuild.pipeline.scoring import Scorer
from edgebuild.pipeline.sources import Sets, Source, load_sets, load_source
from edgebuild.pipeline.stage import Road
from edgebuild.pipeline.whole import Whole, build_whole
from edgebuild.store.bundle import Bundle
from edgebuild.store.catalog import find_target


@dataclass
class Gathered:
    """The parts of a project, loaded, with what each is given, and the lock, which grows as speeds are measured."""

    road: Road
    project: Project
    wiring: Wiring
    materials: dict[str, Material]
    whole: Whole
    lock: Lock
    inputs: InputReport | None

    def close(self) -> None:
        """Close what runs models."""
        handed = [self.whole.handing, *([self.whole.dense] if self.whole.dense else [])]
        for scorer in (self.whole.scorer, *(each for one in handed for each in one.scorers.values())):
            scorer.close()


@dataclass(frozen=True)
class Loaded:
    """The parts of a project and what samples hold for them, which fit together.

    Attributes:
        road, source: of the whole, with what its samples hold; sets: its own.
        roads, sources: of the parts.
    """

    road: Road
    source: Source
    sets: Sets
    wiring: Wiring
    roads: Mapping[str, Road]
    sources: Mapping[str, Source]
    handing: Handing

    def inputs(self) -> InputReport | None:
        """Whether samples fit the model; None where the profile does not look, or there is no sample."""
        asked = PartsInputs(self.road, self.source, self.wiring, self.roads, self.sources)
        return asked.checked(self.sets, lambda name: given_sets(self.handing, name, self.sets))

    def close(self) -> None:
        """Close what runs models."""
        for scorer in self.handing.scorers.values():
            scorer.close()


def load_parts(road: Road, *, rehearsal: bool = False) -> Loaded:
    """Load every part and the data, and see whether they fit together.

    Args:
        road: of the project as it is written.
        rehearsal: the selection set stands in for the evaluation set.

    Raises:
        ConfigError: what one gives is not what the next one takes.
    """
    project, wiring = road.project, road.project.wiring
    roads = {name: _part_road(road, name, wiring) for name in wiring.order}
    sources = _load(roads, wiring, project)
    signature = _whole_signature(wiring, {name: source.signature for name, source in sources.items()}, project)
    whole_road = _road(road, _whole_project(project, wiring))
    digest = digest_json([[name, source.digest] for name, source in sources.items()])
    source = Source(sources[wiring.order[0]].entry, "torch", signature, digest)
    refuse_unfit_post(project, signature)
    sets = load_sets(whole_road, source)
    sets = replace(sets, evaluation=sets.selection) if rehearsal else sets
    scorers = {name: Scorer(roads[name], sources[name]) for name in wiring.order}
    handing = Handing(whole_road, wiring, project.parts, sources, scorers, _labelled(project, wiring))
    return Loaded(whole_road, source, sets, wiring, roads, sources, handing)


def gather_parts(
    road: Road, lock: Lock, targets: Sequence[Target], pricing: Pricing | None = None, *, rehearsal: bool = False
) -> Gathered:
    """What every target needs of the parts: loaded, pruned if the profile wants it, each with what it is given.

    Args:
        road, rehearsal: as for ``load_parts``.

    Raises:
        ConfigError: as ``load_parts``; or the profile wants what parts can't have.
        BuildError: they can't be made so small, or can't be trained.
    """
    project = road.project
    if road.profile.compresses:
        refuse_unprunable(project.parts)
    loaded = load_parts(road, rehearsal=rehearsal)
    source, sets, roads, dense = loaded.source, loaded.sets, loaded.roads, loaded.handing
    report = loaded.inputs()
    golden = golden_inputs(loaded.road, source, sets)
    handing, record = dense, None
    if road.profile.compresses:
        built_for = {target.name: _targets_of(road, target) for target in targets}
        joined = Joined(source.entry, "torch", source.signature, source.digest, loaded.road, roads, dense, built_for)
        handing, record, lock = pruned(joined, sets, targets, lock, pricing)
    whole = Whole(
        loaded.road, project, source, sets, golden, handing, Scorer(loaded.road, source), report,
        dense if record else None, record,
    )  # fmt: skip
    materials = {
        name: Material(
            roads[name], own, folded(roads[name], own), given_sets(handing, name, sets),
            handing.given(name, golden), handing.scorers[name], lock,
        )
        for name, own in handing.sources.items()
    }  # fmt: skip
    return Gathered(road, project, loaded.wiring, materials, whole, lock, report)


def build_parts(gathered: Gathered, target: Target, place: Path, archive: bool) -> Bundle:
    """Build one target's bundle of all parts at ``place``.

    Raises:
        BuildError: as ``build_target``, of the part that it names; or of the whole.
        ConfigError: a part is meant for another device.
    """
    targets = _targets_of(gathered.road, target)
    with tempfile.TemporaryDirectory(prefix="edgebuild-") as folder:
        bundles = {name: _built(gathered, name, targets[name], Path(folder) / name) for name in gathered.wiring.order}
        links = Links(gathered.whole.road, gathered.wiring, gathered.project.parts, bundles)
        bundle, gathered.lock = build_whole(gathered.whole, links, target, place, gathered.lock, archive)
    return bundle


def _built(gathered: Gathered, name: str, target: Target, place: Path) -> Bundle:
    material = gathered.materials[name]
    material.lock = gathered.lock
    gathered.road.progress("part", f"{name} for {target.name}")
    try:
        made = build_target(material, target, place)
    except BuildError as error:
        error.found = f"part {name}: {error.found}"
        raise
    gathered.lock = material.lock
    return made


def _targets_of(road: Road, target: Target) -> dict[str, Target]:
    """What each part is built for, for one target of the project."""
    declared = road.project.parts
    return {name: target_of(name, declared[name], road.root, target) for name in road.project.wiring.order}


def target_of(name: str, part: PartSource, root: Path, target: Target) -> Target:
    """What a part is built for: the target, or another one of the same device.

    Args:
        root: the project's folder.

    Raises:
        ConfigError: parts can't be built for it.
    """
    own = find_target(part.targets.get(target.name, target.name), root)
    subject = f"[parts.{name}] for {target.name}"
    if own.has_accelerator or own.is_estimated or own.runtime_options.delegate != "cpu":
        raise ConfigError(
            subject, f"{own.name} has an accelerator, or can't be run", expected="a target whose CPU runs every part",
            fix="build the model as one graph for it",
        )  # fmt: skip
    if own.int8 is not None and own.int8.full_integer:
        raise ConfigError(
            subject, f"{own.name} takes integers only", expected="a target whose parts hand on floats",
            fix="build the model as one graph for it",
        )  # fmt: skip
    same = (own.transport, own.runtime_options) == (target.transport, target.runtime_options)
    if not same or own.hardware.cpu not in (None, target.hardware.cpu):
        raise ConfigError(
            subject, f"{own.name} is another device than {target.name}, or is run in another way",
            expected="a target of the same transport and [runtime_options], and the same processor or none stated, "
            "with another runtime",
        )  # fmt: skip
    return own


def _road(road: Road, project: Project) -> Road:
    """Another project's road, whose steps are the same build's."""
    return Road(project, road.root, road.profile, road.cache, road.progress, road.steps)


def _part_road(road: Road, name: str, wiring: Wiring) -> Road:
    """A part as a project of its own.

    Both variants are kept: what the whole is compared with is made of the float ones. What the whole gives, the part
    that gives it is scored by; the others, by how near they are to float.
    """
    project, part = road.project, road.project.parts[name]
    scored = name == _labelled(project, wiring)
    model = part.model_source.model_copy(update={"post": project.model.post if scored else ()})
    data = project.data.model_copy(update={} if scored else {"metric": "none", "classes": None, "score": ""})
    keep_float = {
        part.targets.get(target, target): tuple(x.removeprefix(f"{name}.") for x in layers if x.startswith(f"{name}."))
        for target, layers in project.build.keep_float.items()
    }
    build = project.build.model_copy(update={"keep_both": True, "keep_float": keep_float})
    changes = {
        "name": f"{project.name}-{name}", "known_as": (), "model": model, "parts": {}, "data": data, "build": build,
        "budgets": {},
    }  # fmt: skip
    return _road(road, project.model_copy(update=changes))


def _labelled(project: Project, wiring: Wiring) -> str | None:
    """The part that gives just what the whole gives; its outputs are scored with the labels.

    A scorer of the project's own is given what samples hold, which such a part may not take.
    """
    if project.data.score:
        return None
    givers = set(wiring.givers.values())
    last = next(iter(givers))
    return last if len(givers) == 1 and project.parts[last].outputs == project.model.outputs else None


def _whole_project(project: Project, wiring: Wiring) -> Project:
    """The project with what its samples hold, as a model that is one graph would declare it."""
    inputs = declared_inputs(wiring, project.parts)
    return project.model_copy(update={"model": project.model.model_copy(update={"inputs": inputs}), "parts": {}})


def _whole_signature(wiring: Wiring, signatures: Mapping[str, Signature], project: Project) -> Signature:
    refuse_unfit(wiring, signatures)
    with _unfit("[parts]"):
        return whole_signature(wiring, signatures, project.model.step_seconds)


def _load(roads: Mapping[str, Road], wiring: Wiring, project: Project) -> dict[str, Source]:
    """Every part's model, each after those that it takes from: what it declares must be what they give."""
    sources: dict[str, Source] = {}
    for name in wiring.order:
        refuse_undeclared(wiring, project.parts, name, {n: source.signature for n, source in sources.items()})
        sources[name] = load_source(roads[name])
    return sources


def refuse_unfit(wiring: Wiring, signatures: Mapping[str, Signature]) -> None:
    """Refuse parts that take something otherwise than it is given, as their models are made.

    Raises:
        ConfigError: names both.
    """
    with _unfit("[parts]"):
        refuse_misfits(wiring, signatures)


def refuse_undeclared(
    wiring: Wiring, declared: Mapping[str, PartSource], part: str, signatures: Mapping[str, Signature]
) -> None:
    """Refuse a part that declares what it takes otherwise than those give it that are loaded already.

    Raises:
        ConfigError: names both.
    """
    with _unfit(f"[parts.{part}.inputs]"):
        refuse_misdeclared(wiring, declared, part, signatures)


@contextmanager
def _unfit(subject: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ConfigError(subject, str(error), fix="declare the input as it is given") from error
