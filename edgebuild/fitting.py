"""What a build is fitted by: measuring, imported where a profile asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgebuild.core.lock import Lock
    from edgebuild.core.project import Project
    from edgebuild.core.target import Target
    from edgebuild.pipeline.pricing import Priced
    from edgebuild.pipeline.project import Plan
    from edgebuild.pipeline.sources import Sets, Source
    from edgebuild.pipeline.stage import Road
    from edgebuild.search.fit import FitReport


Say = Callable[[str], None]


def pricing(road: Road, source: Source, sets: Sets, targets: Sequence[Target], lock: Lock) -> Priced:
    """Latency on a project's targets; a ``Pricing``."""
    from edgebuild.search.pricing import latency_pricing

    return latency_pricing(road, source, sets, targets, lock)


def planned(
    project_path: Path, targets: Sequence[str], profile: str, out: Path | None, budgets: Sequence[str], say: Say
) -> Plan:
    """A build as ``plan_build`` reads it, that can be searched for.

    Args:
        budgets: "METRIC=LIMIT", beside the project's and instead of those of the same metric.

    Raises:
        ConfigError: as ``plan_build``, or a budget is none.
    """
    from edgebuild.pipeline.project import plan_build

    plan = plan_build(
        project_path, targets, profile, out, progress=lambda stage, subject: say(f"{stage}: {subject}"),
        pricing=pricing,
    )  # fmt: skip
    return replace(plan, project=with_budgets(plan.project, budgets)) if budgets else plan


def wants_search(plan: Plan) -> bool:
    """Whether the profile asks for a search that the lock does not hold the end of."""
    if plan.profile.fit is None:
        return False
    from edgebuild.pipeline.fitted import subject_of
    from edgebuild.store.lock import load_lock

    return subject_of(plan.profile, plan.project, plan.targets) not in load_lock(plan.root).fits


def fit_to(
    plan: Plan, *, trials: int | None, minutes: float | None, device: str | None, archive: bool, say: Say
) -> FitReport:
    """Search for the most accurate build inside the budgets; build it and judge it.

    Args:
        trials, minutes: instead of the profile's ``[fit]``.
        device: where all is measured; None: each target's own.

    Raises:
        EdgebuildError: as ``search.fit.fit``.
    """
    from edgebuild.core.fit import Fit
    from edgebuild.search.fit import fit

    given = {name: value for name, value in (("trials", trials), ("minutes", minutes)) if value is not None}
    return fit(plan, (plan.profile.fit or Fit()).model_copy(update=given), device, archive=archive, say=say)


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
