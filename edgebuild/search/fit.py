"""Fit to a budget: builds are tried until the most accurate one inside the limits is known, and that one is built."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebuild.core.compression import MEASURED
from edgebuild.core.digest import Digest
from edgebuild.core.errors import EXIT_FAIL, ConfigError, worst_exit
from edgebuild.core.fit import Fit
from edgebuild.core.project import Project
from edgebuild.models.entry import is_entry
from edgebuild.pipeline.fitted import subject_of
from edgebuild.pipeline.project import BuildReport, Plan, build
from edgebuild.search.binding import costs_of
from edgebuild.search.rehearsal import Judged, Rehearsal, Say, Tried, bundle_of
from edgebuild.search.steering import Offered, best, meets, missed, next_settings, relaxations, stretched
from edgebuild.search.trials import FitResult, FitTrial
from edgebuild.store.lock import load_lock, save_lock


@dataclass(frozen=True)
class FitReport:
    """A search, the build that it ended in, how that one was judged, and all that was tried."""

    result: FitResult
    build: BuildReport
    judged: tuple[Judged, ...]
    tried: tuple[Tried, ...]

    @property
    def exit_code(self) -> int:
        """1 where nothing meets the limits; else the verdicts' worst."""
        found = worst_exit(each.verdict.outcome.exit_code for each in self.judged)
        return found if self.result.met else worst_exit((found, EXIT_FAIL))


def fit(plan: Plan, limits: Fit, device: str | None = None, *, archive: bool = False, say: Say) -> FitReport:
    """Search for the most accurate build inside a project's budgets; build it, and judge it as ``gate`` does.

    The same call again goes on where it was stopped: what was built is in the cache, and what was measured is evidence
    beside what was built.

    Args:
        plan: one that ``refuse_what_is_missing`` lets pass.

    Raises:
        EdgebuildError: something can't be built or measured; what was done stays.
    """
    rehearsal = Rehearsal(plan, device, say)
    trials, ended = search(rehearsal, limits)
    found = best(trials)
    say(f"build {found.setting.label}")
    chosen = rehearsal.planned(found.setting)
    made = build(chosen, archive=archive)
    bundles = [bundle_of(built) for built in made.built]
    judged = tuple(
        Judged(target.name, part, rehearsal.judged(chosen, target, bundle, part))
        for target, bundle in zip(plan.targets, bundles, strict=True)
        for part in rehearsal.judged_parts
    )
    subject = subject_of(plan.profile, plan.project, plan.targets)
    if meets(found):
        save_lock(plan.root, load_lock(plan.root).with_fit(subject, found.setting))
    return FitReport(_result(subject, trials, found, ended, judged), made, judged, tuple(rehearsal.tried))


def _result(
    subject: Digest, trials: Sequence[FitTrial], found: FitTrial, ended: str, judged: Sequence[Judged]
) -> FitResult:
    met = meets(found)
    confirmed = {each.place: each.verdict.lines for each in judged}
    advice = () if met else tuple(stretched(each, found, confirmed) for each in relaxations(trials))
    return FitResult(
        subject=subject, trials=tuple(trials), chosen=found.setting, met=met, binding=tuple(missed(found)),
        relaxations=advice, ended=ended,
    )  # fmt: skip


def search(rehearsal: Rehearsal, limits: Fit) -> tuple[list[FitTrial], str]:
    """What was tried, and why no more was."""
    ends = time.monotonic() + 60 * limits.minutes if limits.minutes else None
    offered = _offered(rehearsal.plan)
    ahead = _can_build_ahead(rehearsal, limits, offered)
    trials: list[FitTrial] = []
    while settings := next_settings(trials, offered, limits.at_once if ahead else 1):
        settings = settings[: limits.trials - len(trials)]
        if not settings:
            return trials, f"{limits.trials} builds were tried"
        elsewhere = ahead and (len(settings) > 1 or limits.builders == "ray")
        if elsewhere and not _is_over(trials, ends):
            rehearsal.say(f"build ahead: {', '.join(setting.label for setting in settings)}")
            rehearsal.build_ahead(settings, limits.builders)
        for setting in settings:
            if _is_over(trials, ends):
                return trials, f"{limits.minutes:g} minutes were over"
            rehearsal.say(f"trial {len(trials) + 1} of at most {limits.trials}: {setting.label}")
            trials.append(rehearsal.trial(setting))
            rehearsal.say(told(trials[-1]))
            if setting.keep is None and meets(trials[-1]):
                break  # nothing is more accurate
    return trials, "nothing else could do better"


def _is_over(trials: Sequence[FitTrial], ends: float | None) -> bool:
    return bool(trials) and ends is not None and time.monotonic() >= ends


def _can_build_ahead(rehearsal: Rehearsal, limits: Fit, offered: Offered) -> bool:
    """Whether builds are made elsewhere before they are tried: not where making them measures, which wants quiet."""
    if limits.at_once == 1 and limits.builders == "processes":
        return False
    plan = rehearsal.plan
    costs = {plan.profile.pruning.cost} if plan.profile.pruning else set(offered.costs.values())
    places = [target.name for target in plan.targets if target.is_host]
    if not places and not costs.intersection(MEASURED):
        return True
    what = f"{', '.join(places)} is this machine" if places else "what pruning makes less is measured"
    rehearsal.say(f"one build at a time, here: {what}, and a build that measures wants quiet")
    return False


def _offered(plan: Plan) -> Offered:
    return Offered(
        float32=not any(target.int8 is not None and target.int8.full_integer for target in plan.targets),
        int8="int8" in plan.profile.quantization.precisions,
        prunable=_prunable(plan.project),
        costs={} if plan.profile.pruning else costs_of(plan.project, plan.targets),
    )


def _prunable(project: Project) -> bool:
    """Whether all of it is PyTorch; parts are pruned together, as modules."""
    if project.parts:
        return all(is_entry(part.source) for part in project.parts.values())
    return Path(project.model.source).suffix not in (".onnx", ".tflite")


def told(trial: FitTrial) -> str:
    """How a trial went, in a line."""
    if trial.refused:
        return f"{trial.setting.label}: {trial.refused}"
    lines = "; ".join(f"{line.budget.metric} on {place}" for place, line in missed(trial))
    return f"{trial.setting.label}: {f'misses {lines}' if lines else 'meets all budgets'}"


def refuse_what_is_missing(plan: Plan) -> None:
    """Refuse what can't be searched for, on any of the targets.

    Raises:
        ConfigError: there are no budgets, or none of the data that an accuracy budget wants, or the profile has zeros.
    """
    _refuse_zeros(plan)
    _refuse_without_budgets(plan)


def _refuse_zeros(plan: Plan) -> None:
    if plan.profile.sparsity is not None:
        raise ConfigError(
            "[sparsity]", f"in profile {plan.profile.name}, and a search prunes without keeping zeros",
            fix="choose a profile without [sparsity], or build without --fit",
        )  # fmt: skip


def _refuse_without_budgets(plan: Plan) -> None:
    data = plan.project.data
    for target in plan.targets:
        budgets = plan.project.budgets_for(target.name)
        if not budgets:
            raise ConfigError(
                "[budgets]", f"none for {target.name}, so every build would do", expected="limits to fit the build to",
                fix='add for example latency_p90 = "12 ms", or give --budget "latency_p90=12 ms"',
            )  # fmt: skip
        if any(budget.metric == "accuracy_drop" for budget in budgets) and not (data.selection or data.calibration):
            raise ConfigError(
                "[data.selection]", "missing, and there is a budget on accuracy",
                expected="samples that a search is decided on; the evaluation set is for what comes out of it",
                fix="add [data.selection]",
            )  # fmt: skip
