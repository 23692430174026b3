"""What a search's setting makes of a build: the profile that it turns, and the choice that the lock holds."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.core.compression import Pruning
from edgebuild.core.digest import Digest, digest_json
from edgebuild.core.errors import ConfigError
from edgebuild.core.fit import Setting
from edgebuild.core.lock import Lock
from edgebuild.core.profile import Profile
from edgebuild.core.project import Project
from edgebuild.core.recovery import Recovery
from edgebuild.core.target import Target
from edgebuild.models.entry import is_entry


def applied(setting: Setting, profile: Profile, project: Project) -> Profile:
    """The profile by a setting. What neither says of recovery, hangs on what data there are."""
    changes: dict[str, object] = {"fit": None, "pruning": None, "recovery": None}
    if not setting.int8:
        changes["quantization"] = profile.quantization.model_copy(update={"precisions": ("float32",)})
    if setting.keep is not None:
        if profile.pruning is not None:
            changes["pruning"] = profile.pruning.model_copy(update={"keep": setting.keep})
            changes["recovery"] = profile.recovery
        else:
            recovery = _recovery(project) if setting.recover else None
            pruning = Pruning(
                keep=setting.keep, cost=setting.cost or "parameters", importance="auto" if recovery else "magnitude"
            )
            changes |= {"pruning": pruning, "recovery": recovery}
    return profile.model_copy(update=changes)


_ON_FEW = Recovery(learn_from="calibration", epochs=40, patience=10)
"""Where there are no training data. MLPerf Tiny's ResNet-8 has 93 % top-1, and 14 % with 0.74 of its parameters left;
on 256 samples it came back to 83 % in 10 epochs, to 86 % in 40, and no further in 160."""


def _recovery(project: Project) -> Recovery | None:
    """How what pruning took is learned back; None where nothing is there to learn from, or it can't be trained."""
    sources = [part.source for part in project.parts.values()] or [project.model.source]
    if not all(map(is_entry, sources)):
        return None
    if project.data.training is not None:
        return Recovery()
    return _ON_FEW if project.data.calibration is not None else None


_IMPLIED = 2
"""Counts up whenever a setting comes to mean another build: what was found before is searched again."""


def subject_of(profile: Profile, project: Project, targets: Sequence[Target]) -> Digest:
    """What a search is for: the limits and all that it is given, but not how long it may take."""
    told = profile.model_copy(update={"fit": None})
    given = (digest_json(project), digest_json(told), *(digest_json(target) for target in targets))
    return digest_json([_IMPLIED, *given])


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
    return applied(setting, profile, project)
