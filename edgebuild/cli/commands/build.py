"""Build bundles for a project's targets: export, quantize, check, choose, package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebuild.cli.ci import page_is_possible, tell_people
from edgebuild.cli.console import Json, emit, note, progress
from edgebuild.core.errors import ConfigError, worst_exit

if TYPE_CHECKING:
    from edgebuild.pipeline.project import BuildReport
    from edgebuild.search.fit import FitReport


def command(
    project: Annotated[Path, typer.Argument(help="A folder with edgebuild.toml, or a project file.")] = Path(),
    target: Annotated[list[str] | None, typer.Option("--target", "-t", help="Build for this target only.")] = None,
    profile: Annotated[str, typer.Option("--profile", "-p", help="Use this profile.")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Put the bundles here.")] = None,
    archive: Annotated[bool, typer.Option("--archive", help="Write one file a bundle.")] = False,
    fit: Annotated[bool, typer.Option("--fit", help="Search for the most accurate build inside the budgets.")] = False,
    trials: Annotated[int | None, typer.Option(help="With --fit: so many builds at most.", min=1, max=100)] = None,
    minutes: Annotated[float | None, typer.Option(help="With --fit: begin none later.", min=0)] = None,
    at_once: Annotated[int | None, typer.Option(help="With --fit: so many builds at a time.", min=1, max=64)] = None,
    device: Annotated[
        str | None, typer.Option(help='Count here, for cost = "instructions"; with --fit, measure here.')
    ] = None,
    budget: Annotated[
        list[str] | None, typer.Option(help='With --fit: METRIC=LIMIT, such as "latency_p90=12 ms"; repeatable.')
    ] = None,
    html: Annotated[Path | None, typer.Option(help="With --fit: write a page with all that was tried here.")] = None,
    json: Json = False,
) -> int:
    """Build bundles for a project's targets: export, quantize, check, choose, package."""
    if not fit and (trials or minutes or at_once or budget or html):
        named = "--trials, --minutes, --at-once, --budget and --html"
        raise ConfigError("build", f"{named} belong to a search", fix="add --fit")
    page_is_possible(html)
    from edgebuild.fitting import fit_to, planned, refuse_idle_device, wants_search
    from edgebuild.pipeline.project import build_settled

    with progress() as say:
        plan = planned(project, target or (), profile, out, budget or (), say, device)
        searched = fit or wants_search(plan)
        if device is not None and not searched:
            refuse_idle_device(plan)
        if searched:
            reports = fit_to(
                plan, trials=trials, minutes=minutes, at_once=at_once, device=device, archive=archive, again=fit,
                say=say,
            )  # fmt: skip
        else:
            report = build_settled(plan, archive=archive)
    return _fitted(reports, html, json=json) if searched else _built(report, json=json)


def _built(report: BuildReport, *, json: bool) -> int:
    from edgebuild.report.build import build_outcomes, build_result, build_table

    _note(report)
    outcomes = build_outcomes(report)
    code = worst_exit(int(str(outcome["exit_code"])) for outcome in outcomes)
    return emit(
        "build", lambda: build_result(report), lambda: build_table(report), json=json, exit_code=code,
        outcomes=outcomes,
    )  # fmt: skip


def _note(report: BuildReport) -> None:
    """What people have to know of a build, beside its table."""
    from edgebuild.report.build import suspicions_of

    for told in suspicions_of(report):
        note(told)
    for built in report.built:
        if built.error is not None:
            note(f"{built.label}: {built.error.message}")


def _fitted(reports: Sequence[FitReport | BuildReport], html: Path | None, *, json: bool) -> int:
    """Searches, and of targets that have one each what was built by the lock."""
    from edgebuild.pipeline.project import BuildReport
    from edgebuild.report.build import build_outcomes, build_table
    from edgebuild.report.fit import fit_outcomes, fit_reported, fit_result, fit_text, tried_reported
    from edgebuild.report.table import Page

    fits = [report for report in reports if not isinstance(report, BuildReport)]
    builds = [report for report in reports if isinstance(report, BuildReport)]
    for build in builds:
        _note(build)
    tell_people(lambda: fit_reported(fits), html, lambda: tried_reported(fits))
    outcomes = [*fit_outcomes(fits), *(outcome for build in builds for outcome in build_outcomes(build))]
    code = worst_exit([*(each.exit_code for each in fits), *(int(str(one["exit_code"])) for one in outcomes)])
    page = lambda: Page((fit_text(fits), *map(build_table, builds)))  # noqa: E731 - drawn only where it is shown
    return emit("build", fit_result(fits, builds), page, json=json, exit_code=code, outcomes=outcomes)
