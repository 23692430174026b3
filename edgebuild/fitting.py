"""What a build is fitted by: measuring, imported where a profile asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.errors import ConfigError

if TYPE_CHECKING:
    from edgebuild.core.lock import Lock
    from edgebuild.core.project import Project
    from edgebuild.core.target import Target
    from edgebuild.pipeline.pricing import Priced
    from edgebuild.pipeline.project import BuildReport, Plan
    from edgebuild.pipeline.sources import Sets, Source
    from edgebuild.pipeline.stage import Road
    from edgebuild.search.fit import FitReport


Say = Callable[[str], None]


def pricing(
    road: Road, source: Source, sets: Sets, targets: Sequence[Target], lock: Lock, *, device: str | None = None
) -> Priced:
    """What the profile's cost is on a project's targets; a ``Pricing``.

    Args:
        device: the virtual board that counts instructions, where the cost is those.
    """
    from edgebuild.search.pricing import measured_pricing, meter_of

    assert road.profile.pruning is not None
    return measured_pricing(road, source, sets, targets, lock, meter_of(road.profile.pruning.cost, device))


def planned(
    project_path: Path, targets: Sequence[str], profile: str, out: Path | None, budgets: Sequence[str], say: Say,
    device: str | None = None,
) -> Plan:  # fmt: skip
    """A build as ``plan_build`` reads it, that can be searched for.

    Args:
        budgets: "METRIC=LIMIT", beside the project's and instead of those of the same metric.
        device: where instructions are counted.

    Raises:
        ConfigError: as ``plan_build``, or a budget is none.
    """
    from edgebuild.pipeline.project import plan_build

    plan = plan_build(
        project_path, targets, profile, out, progress=lambda stage, subject: say(f"{stage}: {subject}"),
        pricing=partial(pricing, device=device),
    )  # fmt: skip
    return replace(plan, project=with_budgets(plan.project, budgets)) if budgets else plan


def wants_search(plan: Plan) -> bool:
    """Whether the profile asks for searches, and the lock does not hold the end of all."""
    if plan.profile.fit is None:
        return False
    from edgebuild.pipeline.project import apart

    return not all(_is_locked(one) for one in apart(plan))


def _is_locked(plan: Plan) -> bool:
    """Whether the lock holds what a search for it ended in."""
    from edgebuild.pipeline.fitted import subject_of
    from edgebuild.store.lock import load_lock

    return subject_of(plan.profile, plan.project, plan.targets) in load_lock(plan.root).fits


def refuse_idle_device(plan: Plan) -> None:
    """Refuse a device for a build that measures nothing there.

    Raises:
        ConfigError: the profile does not make instructions less.
    """
    if plan.profile.pruning is None or plan.profile.pruning.cost != "instructions":
        raise ConfigError(
            "--device", "nothing of this build is measured there",
            fix='add --fit, or choose a profile with [pruning] cost = "instructions"',
        )  # fmt: skip


def fit_to(
    plan: Plan, *, trials: int | None, minutes: float | None, at_once: int | None, device: str | None, archive: bool,
    again: bool, say: Say,
) -> tuple[FitReport | BuildReport, ...]:  # fmt: skip
    """Search for the most accurate build inside the budgets; build it and judge it. One search, or one a target.

    Args:
        trials, minutes, at_once: instead of the profile's ``[fit]``.
        device: where all is measured; None: each target's own.
        again: whether there is a search where the lock holds the end of one, too; else what it says is built.

    Raises:
        EdgebuildError: as ``search.fit.fit`` and what it wants refused before.
    """
    from edgebuild.core.fit import Fit
    from edgebuild.pipeline.project import apart, build_settled
    from edgebuild.search.fit import fit, refuse_what_is_missing

    given = {"trials": trials, "minutes": minutes, "at_once": at_once}
    told = {name: value for name, value in given.items() if value is not None}
    limits = (plan.profile.fit or Fit()).model_copy(update=told)
    refuse_what_is_missing(plan)

    def made(one: Plan) -> FitReport | BuildReport:
        if again or not _is_locked(one):
            return fit(one, limits, device, archive=archive, say=say)
        return build_settled(one, archive=archive)

    return tuple(made(one) for one in apart(plan))


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
