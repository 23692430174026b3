"""What a search's setting makes of a build: the profile that it turns, and the choice that the lock holds."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.core.compression import CostName, Pruning
from edgebuild.core.digest import Digest, digest_json
from edgebuild.core.errors import ConfigError
from edgebuild.core.fit import Setting
from edgebuild.core.lock import Lock
from edgebuild.core.metric import TIMED, Mode
from edgebuild.core.profile import Profile
from edgebuild.core.project import Project
from edgebuild.core.recovery import Recovery
from edgebuild.core.target import Target


def applied(setting: Setting, profile: Profile, project: Project, targets: Sequence[Target]) -> Profile:
    """The profile by a setting. What it does not say of pruning is taken from the budgets."""
    changes: dict[str, object] = {"fit": None, "pruning": None, "recovery": None}
    if not setting.int8:
        changes["quantization"] = profile.quantization.model_copy(update={"precisions": ("float32",)})
    if setting.keep is not None:
        pruning = profile.pruning or Pruning(keep=setting.keep, cost=_cost(project, targets))
        changes["pruning"] = pruning.model_copy(update={"keep": setting.keep})
        changes["recovery"] = profile.recovery if profile.pruning else _recovery(project)
    return profile.model_copy(update=changes)


def _recovery(project: Project) -> Recovery | None:
    return Recovery() if project.data.training is not None else None


def _cost(project: Project, targets: Sequence[Target]) -> CostName:
    """What is made less: what the budgets are on, as far as it can be told while building."""
    budgets = [budget for target in targets for budget in project.budgets_for(target.name)]
    budgets += [budget for part in project.parts.values() for budget in part.parsed_budgets]
    modes = {budget.definition.mode for budget in budgets}
    if Mode.EXACT in modes and not any(target.is_host for target in targets):
        return "instructions"
    if not modes.intersection(TIMED):
        return "parameters"
    return "latency" if all(target.is_host for target in targets) else "macs"


def subject_of(profile: Profile, project: Project, targets: Sequence[Target]) -> Digest:
    """What a search is for: the limits and all that it is given, but not how long it may take."""
    told = profile.model_copy(update={"fit": None})
    return digest_json([digest_json(project), digest_json(told), *(digest_json(target) for target in targets)])


def settled(profile: Profile, project: Project, targets: Sequence[Target], lock: Lock) -> Profile:
    """A profile that asks for a search, by what the lock says that the search ended in.

    Raises:
        ConfigError: there was no such search.
    """
    setting = lock.fits.get(subject_of(profile, project, targets))
    if setting is None:
        raise ConfigError(
            "[fit]", "the lock has no choice for this project, its budgets and targets",
            expected="a search before the first build", fix="run edgebuild build --fit: its choice is locked",
        )  # fmt: skip
    return applied(setting, profile, project, targets)
