"""One build of a search: made as any other, scored on the selection set, measured and judged on its device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from edgebuild.core.artifact import Quality
from edgebuild.core.digest import digest_json
from edgebuild.core.errors import BuildError, Untrainable
from edgebuild.core.fit import Builders, Setting
from edgebuild.core.metric import Budget
from edgebuild.core.profile import Profile
from edgebuild.core.project import Project
from edgebuild.core.target import Target
from edgebuild.core.verdict import Verdict
from edgebuild.opening import open_for
from edgebuild.pipeline.fitted import applied
from edgebuild.pipeline.project import Built, Plan, build
from edgebuild.search.errands import Errand, errand_of, make_all
from edgebuild.search.trials import Fitted, FitTrial, place_of
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import read_evidence
from edgebuild.trial import choose, run_trial

Say = Callable[[str], None]
FOLDER = ".fit"
"""Where a search keeps what it builds, beside the project's bundles."""
TOO_SMALL = "prune"
"""The stage whose error says that a model can't be made so small."""


Tried = tuple[str, Bundle, Verdict]


@dataclass(frozen=True)
class Judged:
    """How the whole of a target's bundle, or a part of it that has budgets of its own, was judged.

    Attributes:
        part: which part; empty: the whole.
    """

    target: str
    part: str
    verdict: Verdict

    @property
    def place(self) -> str:
        """The target, and the part if it is one."""
        return place_of(self.target, self.part)


@dataclass(frozen=True)
class Rehearsal:
    """Builds by settings, for a plan whose limits are to be met.

    Attributes:
        device: where all is measured; None: each target's own.
        tried: what was built, by the setting's label, and judged as a whole.
    """

    plan: Plan
    device: str | None
    say: Say
    tried: list[Tried] = field(default_factory=list)

    def trial(self, setting: Setting) -> FitTrial:
        """Build by a setting, measure it and judge it.

        The bundle does not hold the limits, so that what was measured of it counts for a search with other limits too:
        one that follows advice meets the builds that the advice was drawn from, as fast as they were then.

        Raises:
            EdgebuildError: it can't be built for another reason than that the model can't be made so small, or can't
            be measured.
        """
        plan = self._rehearsed(setting)
        try:
            report = build(without_limits(plan), rehearsal=True)
        except Untrainable as error:
            other = self._untrained(setting)
            if other is None:
                raise
            self.say(f"{setting.label}: {error.found}; what pruning takes is not learned back")
            return self.trial(other)
        except BuildError as error:
            if error.stage != TOO_SMALL or setting.keep is None:
                raise
            return FitTrial(setting=setting, refused=error.found)
        bundles = [bundle_of(built) for built in report.built]
        fitted = tuple(
            self._fitted(plan, setting, target, bundle, part)
            for target, bundle in zip(plan.targets, bundles, strict=True)
            for part in self.judged_parts
        )
        compression = bundles[0].manifest.compression
        if compression is None:
            return FitTrial(setting=setting, fitted=fitted)
        last = compression.steps[-1]
        return FitTrial(setting=setting, fitted=fitted, parameters=last.parameters, macs=last.macs)

    def build_ahead(self, settings: Sequence[Setting], builders: Builders) -> None:
        """Build by some settings at once; ``trial`` finds in the cache what came of it.

        Raises:
            ConfigError: there is nothing to build them on.
        """
        make_all({setting.label: self._errand(setting) for setting in settings}, builders, self.say)

    def _errand(self, setting: Setting) -> Errand:
        other = self._untrained(setting)
        otherwise = [applied(other, self.plan.profile, self.plan.project)] if other else []
        return errand_of(without_limits(self._rehearsed(setting)), otherwise)

    def _untrained(self, setting: Setting) -> Setting | None:
        """What is built where a setting has a model trained that can't be; None where the profile wants that."""
        if self.plan.profile.pruning is not None or not setting.recover:
            return None
        return setting.model_copy(update={"recover": False})

    def _rehearsed(self, setting: Setting) -> Plan:
        return self.planned(setting, FOLDER, self.device or "own-device", setting.label)

    def planned(self, setting: Setting, *folders: str) -> Plan:
        """The plan of one build."""
        plan = self.plan
        profile = applied(setting, plan.profile, plan.project)
        return replace(plan, profile=profile, place=plan.place.joinpath(*folders))

    @property
    def judged_parts(self) -> tuple[str, ...]:
        """What is judged on every target: the whole, by an empty name, and the parts that have budgets."""
        return "", *(name for name, part in self.plan.project.parts.items() if part.budgets)

    def _fitted(self, plan: Plan, setting: Setting, target: Target, bundle: Bundle, part: str) -> Fitted:
        chosen, variant = choose(bundle, part or None)
        budgets = budgets_of(plan.project, target, part)
        verdict = recorded(bundle, chosen.name, budgets, plan.profile) or self.judged(plan, target, bundle, part)
        if not part:
            self.tried.append((setting.label, bundle, verdict))
        return Fitted(
            target=target.name, part=part, precision=variant.precision, size=variant.size, lines=verdict.lines,
            accuracy=_accuracy(variant.quality), selected=variant.quality.samples if variant.quality else 0,
        )  # fmt: skip

    def judged(self, plan: Plan, target: Target, bundle: Bundle, part: str) -> Verdict:
        """Measure a bundle, or a part of it, until it is decided; errors as of ``trial``."""
        budgets = budgets_of(plan.project, target, part)
        self.say(f"measure and judge: {place_of(target.name, part)}")
        opened = open_for(budgets, target, self.device, self.say)
        try:
            return run_trial(bundle, opened, budgets, plan.profile, target, part=part or None, progress=self.say)
        finally:
            opened.close()


def budgets_of(project: Project, target: Target, part: str) -> tuple[Budget, ...]:
    """The limits of the whole on a target, or a part's own."""
    return project.parts[part].parsed_budgets if part else project.budgets_for(target.name)


def without_limits(plan: Plan) -> Plan:
    """The plan of a project with no budgets, of the whole or of parts."""
    parts = {name: part.model_copy(update={"budgets": {}}) for name, part in plan.project.parts.items()}
    return replace(plan, project=plan.project.model_copy(update={"budgets": {}, "parts": parts}))


def recorded(bundle: Bundle, part: str, budgets: tuple[Budget, ...], profile: Profile) -> Verdict | None:
    """The first verdict on a part by these budgets and this profile: a search that goes on decides as it did."""
    verdicts = (record.payload for record in read_evidence(bundle) if isinstance(record.payload, Verdict))
    asked = part, digest_json(profile), budgets
    return next(
        (one for one in verdicts if (one.part, one.profile, tuple(line.budget for line in one.lines)) == asked), None
    )


def bundle_of(built: Built) -> Bundle:
    """What was built; raises what kept it from being so."""
    if built.error is not None:
        raise built.error
    assert built.bundle is not None, "a build gives a bundle or an error"
    return built.bundle


def _accuracy(quality: Quality | None) -> float | None:
    if quality is None:
        return None
    return quality.sqnr_db if quality.value is None else quality.value
