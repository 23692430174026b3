"""Build bundles for a project's targets: export, quantize, check, choose, package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit, note, progress
from edgebuild.core.errors import worst_exit


def command(
    project: Annotated[Path, typer.Argument(help="A folder with edgebuild.toml, or a project file.")] = Path(),
    target: Annotated[list[str] | None, typer.Option("--target", "-t", help="Build for this target only.")] = None,
    profile: Annotated[str, typer.Option("--profile", "-p", help="Use this profile.")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Put the bundles here.")] = None,
    archive: Annotated[bool, typer.Option("--archive", help="Write one file a bundle.")] = False,
    json: Json = False,
) -> int:
    """Build bundles for a project's targets: export, quantize, check, choose, package."""
    from edgebuild.fitting import pricing
    from edgebuild.pipeline.project import build_project
    from edgebuild.report.build import build_outcomes, build_result, build_table

    with progress() as say:
        report = build_project(
            project,
            target or (),
            profile,
            out,
            archive=archive,
            progress=lambda stage, subject: say(f"{stage}: {subject}"),
            pricing=pricing,
        )
    for built in report.built:
        if built.error is not None:
            note(f"{built.target.name}: {built.error.message}")
    outcomes = build_outcomes(report)
    code = worst_exit(int(str(outcome["exit_code"])) for outcome in outcomes)
    return emit(
        "build", build_result(report), lambda: build_table(report), json=json, exit_code=code, outcomes=outcomes
    )
