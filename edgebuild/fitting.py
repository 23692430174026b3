"""What a build is fitted by: measuring, imported where a profile asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgebuild.core.fit import Fit
    from edgebuild.core.lock import Lock
    from edgebuild.core.profile import Profile
    from edgebuild.core.project import Project
    from edgebuild.core.target import Target
    from edgebuild.pipeline.pricing import Priced
    from edgebuild.pipeline.sources import Sets, Source
    from edgebuild.pipeline.stage import Road
    from edgebuild.search.fit import FitReport


def pricing(road: Road, source: Source, sets: Sets, targets: Sequence[Target], lock: Lock) -> Priced:
    """Latency on a project's targets; a ``Pricing``."""
    from edgebuild.search.latency import latency_pricing

    return latency_pricing(road, source, sets, targets, lock)


def fit_project(  # noqa: PLR0913 - as a build, and how to search
    project_path: Path, targets: Sequence[str] = (), profile: str = "", out: Path | None = None, *,
    trials: int | None = None, minutes: float | None = None, device: str | None = None, budgets: Sequence[str] = (),
    archive: bool = False, say: Callable[[str], None] = lambda _: None,
) -> FitReport:  # fmt: skip
    """Search for the most accurate build of a project inside its budgets; build it and judge it.

    Args:
        targets, profile, out: as of a build.
        trials, minutes: instead of the profile's ``[fit]``.
        device: where all is measured; None: each target's own.
        budgets: "METRIC=LIMIT", beside the project's and instead of those of the same metric.

    Raises:
        ConfigError, BuildError, DeviceError: as ``search.fit.fit``.
    """
    from edgebuild.pipeline.project import plan_build
    from edgebuild.search.fit import fit

    plan = plan_build(
        project_path, targets, profile, out, progress=lambda stage, subject: say(f"{stage}: {subject}"),
        pricing=pricing,
    )  # fmt: skip
    plan = replace(plan, project=with_budgets(plan.project, budgets))
    return fit(plan, _limits(plan.profile, trials, minutes), device, archive=archive, say=say)


def _limits(profile: Profile, trials: int | None, minutes: float | None) -> Fit:
    from edgebuild.core.fit import Fit

    given = {name: value for name, value in (("trials", trials), ("minutes", minutes)) if value is not None}
    return (profile.fit or Fit()).model_copy(update=given)


def with_budgets(project: Project, given: Sequence[str]) -> Project:
    """A project with budgets beside its own, and instead of those of the same metric on every target.

    Raises:
        ConfigError: one is no budget.
    """
    from edgebuild.deviceside import given_budget

    texts = {given_budget(text).metric: text.partition("=")[2].strip() for text in given}
    own: dict[str, str | dict[str, str]] = {
        name: _without(value, texts) if isinstance(value, dict) else value for name, value in project.budgets.items()
    }
    return project.model_copy(update={"budgets": {**own, **texts}})


def _without(budgets: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in budgets.items() if name not in names}
