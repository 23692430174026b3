"""One build of a search: made as any other, scored on the selection set, measured and judged on its device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edgebuild.core.artifact import Quality
from edgebuild.core.digest import digest_json
from edgebuild.core.errors import BuildError
from edgebuild.core.fit import Setting
from edgebuild.core.metric import Budget
from edgebuild.core.profile import Profile
from edgebuild.core.target import Target
from edgebuild.core.verdict import Verdict
from edgebuild.opening import open_for
from edgebuild.pipeline.fitted import applied
from edgebuild.pipeline.project import Built, Plan, build
from edgebuild.search.trials import Fitted, FitTrial
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import read_evidence
from edgebuild.trial import run_trial

Say = Callable[[str], None]
FOLDER = ".fit"
"""Where a search keeps what it builds, beside the project's bundles."""
TOO_SMALL = "prune"
"""The stage whose error says that a model can't be made so small."""


Tried = tuple[str, Bundle, Verdict]


@dataclass(frozen=True)
class Rehearsal:
    """Builds by settings, for a plan whose limits are to be met.

    Attributes:
        device: where all is measured; None: each target's own.
        tried: what was built, by the setting's label, and judged.
    """

    plan: Plan
    device: str | None
    say: Say
    tried: list[Tried] = field(default_factory=list)

    def trial(self, setting: Setting) -> FitTrial:
        """Build by a setting, measure it and judge it.

        Raises:
            EdgebuildError: it can't be built for another reason than that the model can't be made so small, or can't
            be measured.
        """
        plan = self.planned(setting, FOLDER, self.device or "own-device", setting.label)
        try:
            report = build(plan, rehearsal=True)
        except BuildError as error:
            if error.stage != TOO_SMALL or setting.keep is None:
                raise
            return FitTrial(setting=setting, refused=error.found)
        bundles = [bundle_of(built) for built in report.built]
        fitted = tuple(
            self._fitted(plan, setting, target, bundle) for target, bundle in zip(plan.targets, bundles, strict=True)
        )
        compression = bundles[0].manifest.compression
        if compression is None:
            return FitTrial(setting=setting, fitted=fitted)
        last = compression.steps[-1]
        return FitTrial(setting=setting, fitted=fitted, parameters=last.parameters, macs=last.macs)

    def planned(self, setting: Setting, *folders: str) -> Plan:
        """The plan of one build."""
        plan = self.plan
        profile = applied(setting, plan.profile, plan.project, plan.targets)
        return replace(plan, profile=profile, place=plan.place.joinpath(*folders))

    def _fitted(self, plan: Plan, setting: Setting, target: Target, bundle: Bundle) -> Fitted:
        variant = bundle.manifest.parts[0].variants[0]
        verdict = recorded(bundle, plan.project.budgets_for(target.name), plan.profile)
        verdict = verdict or self.judged(plan, target, bundle)
        self.tried.append((setting.label, bundle, verdict))
        return Fitted(
            target=target.name, precision=variant.precision, size=variant.size, lines=verdict.lines,
            accuracy=_accuracy(variant.quality), selected=variant.quality.samples if variant.quality else 0,
        )  # fmt: skip

    def judged(self, plan: Plan, target: Target, bundle: Bundle) -> Verdict:
        """Measure a bundle until it is decided; errors as of ``trial``."""
        budgets = plan.project.budgets_for(target.name)
        self.say(f"measure and judge: {target.name}")
        opened = open_for(budgets, target, self.device, self.say)
        try:
            return run_trial(bundle, opened, budgets, plan.profile, target, progress=self.say)
        finally:
            opened.close()


def recorded(bundle: Bundle, budgets: tuple[Budget, ...], profile: Profile) -> Verdict | None:
    """The first verdict on a bundle by these budgets and this profile: a search that goes on decides as it did."""
    verdicts = (record.payload for record in read_evidence(bundle) if isinstance(record.payload, Verdict))
    asked = digest_json(profile), budgets
    return next((one for one in verdicts if (one.profile, tuple(line.budget for line in one.lines)) == asked), None)


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
