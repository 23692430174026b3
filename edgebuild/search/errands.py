"""Builds of a search that are made at once: each leaves in the cache what the search then finds there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from edgebuild.core.base import Frozen
from edgebuild.core.errors import EdgebuildError
from edgebuild.core.fit import Builders
from edgebuild.core.profile import Profile
from edgebuild.core.project import Project
from edgebuild.core.target import Target
from edgebuild.pipeline.project import Plan, build
from edgebuild.store.cache import Cache

Say = Callable[[str], None]


class Errand(Frozen):
    """A build for others to make: they see the same project folder and the same cache.

    Attributes:
        root: of the project, absolute.
        place: the folder that gets the bundles, absolute.
        cache: its folder, absolute.
    """

    project: Project
    root: Path
    targets: tuple[Target, ...]
    profile: Profile
    place: Path
    cache: Path

    @property
    def text(self) -> str:
        """One line of JSON, with no defaults in it: of a target's facts, only those that are stated have a source."""
        return self.model_dump_json(exclude_unset=True)


def errand_of(plan: Plan) -> Errand:
    """A plan as others can read it. It measures nothing: they may be where no device is."""
    return Errand(
        project=plan.project, root=plan.root.absolute(), targets=plan.targets, profile=plan.profile,
        place=plan.place.absolute(), cache=plan.cache.root,
    )  # fmt: skip


def make(errand: Errand, say: Say) -> None:
    """Build. What keeps it from being built is not told: the search, which builds it again, comes to the same."""
    plan = Plan(
        errand.project, errand.root, errand.targets, errand.profile, errand.place, Cache(errand.cache),
        lambda stage, subject: say(f"{stage}: {subject}"),
    )  # fmt: skip
    try:
        build(plan, rehearsal=True)
    except EdgebuildError:
        return


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
