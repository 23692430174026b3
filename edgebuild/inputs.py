"""Whether a project's samples fit its model, without building it."""

from __future__ import annotations

from pathlib import Path

from edgebuild.core.errors import EXIT_INCONCLUSIVE, EXIT_PASS, EXIT_USAGE, ConfigError
from edgebuild.core.input_check import InputReport
from edgebuild.pipeline.input_stage import checked_inputs
from edgebuild.pipeline.project import plan_build
from edgebuild.pipeline.sources import load_sets, load_source
from edgebuild.pipeline.stage import Progress, Road, silent


def check_project(project_path: Path, profile: str = "", progress: Progress = silent) -> InputReport:
    """Look at a project's calibration and selection samples, whatever the profile makes of a suspicion.

    Raises:
        ConfigError: there is nothing to look at.
    """
    plan = plan_build(project_path, (), profile, progress=progress)
    asked = plan.profile.input_check.model_copy(update={"on_suspicion": "warn"})
    road = Road(plan.project, plan.root, plan.profile.model_copy(update={"input_check": asked}), plan.cache, progress)
    report = _of_parts(road) if plan.project.parts else _of_one(road)
    road.cache.digests.save()
    if report is None:
        raise ConfigError(
            "check", "there is nothing to look at",
            expected="calibration or selection samples of a model without state",
            fix="add [data.calibration] to the project file",
        )  # fmt: skip
    return report


def _of_one(road: Road) -> InputReport | None:
    source = load_source(road)
    return checked_inputs(road, source, load_sets(road, source))


def _of_parts(road: Road) -> InputReport | None:
    from edgebuild.pipeline.parts import load_parts

    loaded = load_parts(road)
    try:
        return loaded.inputs()
    finally:
        loaded.close()


def exit_code(report: InputReport) -> int:
    """0 without a suspicion; 2 where something is certain or proven; 4 where it is only suspected."""
    if any(one.certainty != "suspected" for one in report.suspicions):
        return EXIT_USAGE
    return EXIT_INCONCLUSIVE if report.suspicions else EXIT_PASS


def report_text(report: InputReport) -> str:
    """What was done and found, for people."""
    told = [one.message for one in report.suspicions] or ["no reason to think that the samples don't fit the model"]
    return "\n".join([_done(report), *told])


def _done(report: InputReport) -> str:
    if not report.labelled:
        return f"{report.samples} samples, not scored: naming takes 50 labelled ones"
    return (
        f"{report.samples} samples, {report.labelled} of them labelled units: {report.score:.1f} % as declared; "
        f"{report.tried} other declarations tried"
    )
