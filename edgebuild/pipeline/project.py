"""Building a project: every target in turn over what they share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from edgebuild.core.errors import EdgebuildError
from edgebuild.core.extras import not_installed
from edgebuild.core.input_check import InputReport
from edgebuild.core.profile import Profile
from edgebuild.core.project import Project
from edgebuild.core.quality_metric import QUALITY_METRICS
from edgebuild.core.target import Target
from edgebuild.pipeline.buckets import Bucket, in_buckets
from edgebuild.pipeline.build import build_target
from edgebuild.pipeline.fitted import settled
from edgebuild.pipeline.material import gather
from edgebuild.pipeline.pricing import Pricing
from edgebuild.pipeline.sources import Sets
from edgebuild.pipeline.stage import Progress, Road, Step, silent
from edgebuild.store.bundle import Bundle
from edgebuild.store.cache import Cache, default_cache
from edgebuild.store.catalog import find_profile, find_target
from edgebuild.store.lock import load_lock, save_lock
from edgebuild.store.toml import load_project


@dataclass(frozen=True)
class Built:
    """One target's bundle, or the error that kept it from being built.

    Attributes:
        bucket: which of the model's shapes it is for, such as "1x64"; "" where it has only one.
    """

    target: Target
    bundle: Bundle | None
    error: EdgebuildError | None = None
    bucket: str = ""

    @property
    def label(self) -> str:
        """The target's name, and the bucket's where there are several."""
        return f"{self.target.name}-{self.bucket}" if self.bucket else self.target.name


@dataclass(frozen=True)
class BuildReport:
    """What a build made, every step it took, and whether the samples fit the model.

    Attributes:
        profiles: by target, what it was built by.
    """

    project: Project
    profiles: Mapping[str, Profile]
    root: Path
    built: tuple[Built, ...]
    steps: tuple[Step, ...]
    inputs: InputReport | None = None


@dataclass(frozen=True)
class Plan:
    """A build that is to be made.

    Attributes:
        place: the folder that gets one bundle a target.
        pricing: what measures the costs that a profile may name, such as ``fitting.pricing``.
    """

    project: Project
    root: Path
    targets: tuple[Target, ...]
    profile: Profile
    place: Path
    cache: Cache
    progress: Progress = silent
    pricing: Pricing | None = None

    @property
    def profiles(self) -> dict[str, Profile]:
        """The profile, by target."""
        return {target.name: self.profile for target in self.targets}

    def by(self, profile: Profile) -> Plan:
        """The same by another profile."""
        return replace(self, profile=profile)


def plan_build(
    project_path: Path,
    targets: Sequence[str] = (),
    profile: str = "",
    out: Path | None = None,
    *,
    cache: Cache | None = None,
    progress: Progress = silent,
    pricing: Pricing | None = None,
) -> Plan:
    """Read a project and what it names.

    Args:
        targets, profile: override the project's.
        out: default ``build/NAME`` beside the project file.

    Raises:
        ConfigError: something that it names is not there, or wrong.
    """
    project, root = load_project(project_path)
    chosen = tuple(find_target(name, root) for name in dict.fromkeys(targets or project.build.targets))
    rules = find_profile(profile or project.build.profile, root)
    place = out or root / "build" / project.name
    return Plan(project, root, chosen, rules, place, cache or default_cache(), progress, pricing)


def build_project(
    project_path: Path,
    targets: Sequence[str] = (),
    profile: str = "",
    out: Path | None = None,
    *,
    archive: bool = False,
    cache: Cache | None = None,
    progress: Progress = silent,
    pricing: Pricing | None = None,
) -> BuildReport:
    """Build bundles for some targets of a project; the arguments as of ``plan_build``, errors as of both.

    Raises:
        ConfigError: the profile asks for a search, and there was none.
    """
    plan = plan_build(project_path, targets, profile, out, cache=cache, progress=progress, pricing=pricing)
    return build_settled(plan, archive=archive)


def build_settled(plan: Plan, *, archive: bool = False) -> BuildReport:
    """Build by what the searches ended in that a plan's profile asks for, if it asks for any; errors as of ``build``.

    Raises:
        ConfigError: there was no such search.
    """
    if plan.profile.fit is None:
        return build(plan, archive=archive)
    lock = load_lock(plan.root)
    plans = [replace(one, profile=settled(one.profile, one.project, one.targets, lock)) for one in apart(plan)]
    return joined([build(one, archive=archive) for one in plans])


def apart(plan: Plan) -> tuple[Plan, ...]:
    """The plans that are searched for: one a target where the profile wants weights for each, else the plan itself."""
    if plan.profile.fit is None or plan.profile.fit.weights == "shared":
        return (plan,)
    return tuple(replace(plan, targets=(target,)) for target in plan.targets)


def joined(reports: Sequence[BuildReport]) -> BuildReport:
    """What several builds of one project made, each for other targets."""
    built, steps = chain(*(report.built for report in reports)), chain(*(report.steps for report in reports))
    profiles = {name: profile for report in reports for name, profile in report.profiles.items()}
    return replace(reports[0], profiles=profiles, built=tuple(built), steps=tuple(steps))


def build(plan: Plan, *, archive: bool = False, rehearsal: bool = False) -> BuildReport:
    """Build bundles.

    Args:
        rehearsal: the selection set stands in for the evaluation set, on which nothing is scored then.

    Returns:
        A report with one entry a target, or a target and bucket; one that failed does not keep the others from being
        built.

    Raises:
        ConfigError, BuildError: what all targets share cannot be made.
    """
    if plan.project.parts:
        return _build_parts(plan, archive=archive, rehearsal=rehearsal)
    built: list[Built] = []
    steps: list[Step] = []
    inputs: InputReport | None = None
    for bucket in in_buckets(plan.project, plan.profile):
        road = Road(bucket.project, plan.root, plan.profile, plan.cache, plan.progress)
        made, found = _build_bucket(plan, bucket, road, archive=archive, rehearsal=rehearsal)
        built, steps, inputs = [*built, *made], [*steps, *road.steps], inputs or found
    return BuildReport(plan.project, plan.profiles, plan.root, tuple(built), tuple(steps), inputs)


def _build_parts(plan: Plan, *, archive: bool, rehearsal: bool) -> BuildReport:
    """Build a project with parts: one bundle a target, of them all."""
    from edgebuild.pipeline.parts import build_parts, gather_parts

    road = Road(plan.project, plan.root, plan.profile, plan.cache, plan.progress)
    lock = load_lock(plan.root)
    gathered = gather_parts(road, lock, plan.targets, plan.pricing, rehearsal=rehearsal)
    if not rehearsal:
        _say_what_is_too_few(gathered.whole.road, gathered.whole.sets, plan.targets)
    built = []
    try:
        for target in plan.targets:
            make = functools.partial(build_parts, gathered, target, archive=archive)
            built.append(_build_one(make, target, plan.place, "", archive))
            if gathered.lock != lock:
                lock = gathered.lock
                save_lock(plan.root, lock)
    finally:
        gathered.close()
        road.cache.digests.save()
    return BuildReport(plan.project, plan.profiles, plan.root, tuple(built), tuple(road.steps), gathered.inputs)


def _build_bucket(
    plan: Plan, bucket: Bucket, road: Road, *, archive: bool, rehearsal: bool
) -> tuple[list[Built], InputReport | None]:
    lock = load_lock(plan.root)
    shared = gather(road, lock, plan.targets, plan.pricing)
    if rehearsal:
        shared.sets = replace(shared.sets, evaluation=shared.sets.selection)
    else:
        _say_what_is_too_few(road, shared.sets, plan.targets)
    built = []
    try:
        for target in plan.targets:
            make = functools.partial(build_target, shared, target, archive=archive)
            built.append(_build_one(make, target, plan.place, bucket.label, archive))
            if shared.lock != lock:
                lock = shared.lock
                save_lock(plan.root, lock)
    finally:
        shared.scorer.close()
        road.cache.digests.save()
    return built, shared.inputs


def _say_what_is_too_few(road: Road, sets: Sets, targets: Sequence[Target]) -> None:
    """Where the model or its data are new: an accuracy budget that the evaluation set can't pass."""
    evaluation = sets.evaluation
    paired = QUALITY_METRICS[road.project.data.metric].paired
    if evaluation is None or not paired or all(step.cached for step in road.steps):
        return
    from edgebuild.pipeline.enough import too_few

    confidence = road.profile.judging.accuracy_confidence
    for subject, told in too_few(road.project, targets, evaluation.samples, confidence):
        road.progress(subject, told)


def _build_one(make: Callable[[Path], Bundle], target: Target, place: Path, bucket: str, archive: bool) -> Built:
    label = Built(target, None, bucket=bucket).label
    name = f"{label}.edgebundle" if archive else label
    try:
        return Built(target, make(place / name), bucket=bucket)
    except EdgebuildError as error:
        return Built(target, None, error, bucket)
    except ModuleNotFoundError as error:
        missing = not_installed(error, target.name)
        if missing is None:
            raise
        return Built(target, None, missing, bucket)
