"""Builds of a search that are made at once: each leaves in the cache what the search then finds there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest
from edgebuild.core.errors import EdgebuildError, Untrainable
from edgebuild.core.fit import Builders
from edgebuild.core.profile import Profile
from edgebuild.core.project import Project
from edgebuild.pipeline.compress_stage import COMPRESS
from edgebuild.pipeline.project import BuildReport, Plan, build
from edgebuild.pipeline.stage import Road
from edgebuild.store.cache import Cache
from edgebuild.store.catalog import find_target

Say = Callable[[str], None]


class Errand(Frozen):
    """A build for others to make: they see the same project folder and the same cache.

    Attributes:
        root: of the project, absolute.
        targets: by name.
        profiles: to build by; each after the first one where the one before has a model trained that can't be.
        place: the folder that gets the bundles, absolute.
        cache: its folder, absolute.
        kind: what a machine has to be for what it builds to be found: its processor, Python, torch and edgebuild.
    """

    project: Project
    root: Path
    targets: tuple[str, ...]
    profiles: tuple[Profile, ...]
    place: Path
    cache: Path
    kind: Digest


def errand_of(plan: Plan, otherwise: Sequence[Profile] = ()) -> Errand:
    """A plan as others can read it. It measures nothing: they may be where no device is.

    Args:
        otherwise: more profiles.
    """
    return Errand(
        project=plan.project, root=plan.root.absolute(), targets=tuple(target.name for target in plan.targets),
        profiles=(plan.profile, *otherwise), place=plan.place.absolute(), cache=plan.cache.root, kind=_kind(plan),
    )  # fmt: skip


def make(errand: Errand, say: Say) -> str:
    """Build; what kept it from being built, if anything did: the search, which builds it again, comes to the same."""
    try:
        targets = tuple(find_target(name, errand.root) for name in errand.targets)
        plan = Plan(
            errand.project, errand.root, targets, errand.profiles[0], errand.place, Cache(errand.cache),
            lambda stage, subject: say(f"{stage}: {subject}"),
        )  # fmt: skip
        if _kind(plan) != errand.kind:
            return "this machine's processor, Python, torch or edgebuild is another one than the search's"
        report = _built(errand, plan)
    except EdgebuildError as error:
        return error.found
    return next((built.error.found for built in report.built if built.error is not None), "")


def _built(errand: Errand, plan: Plan) -> BuildReport:
    for profile in errand.profiles[:-1]:
        try:
            return build(plan.by(profile), rehearsal=True)
        except Untrainable:
            continue
    return build(plan.by(errand.profiles[-1]), rehearsal=True)


def _kind(plan: Plan) -> Digest:
    """A digest of the machine, as far as the cache tells machines apart."""
    return Road(plan.project, plan.root, plan.profile, plan.cache).key(COMPRESS, {})


def make_all(errands: Mapping[str, Errand], builders: Builders, say: Say) -> None:
    """Make errands at once, and wait for all of them.

    Args:
        errands: by a name for people.

    Raises:
        ConfigError: there is no cluster at hand.
    """
    if builders == "ray":
        from edgebuild.search.ray_cluster import make_on_ray as made
    else:
        from edgebuild.search.processes import make_in_processes as made
    made(errands, say)
