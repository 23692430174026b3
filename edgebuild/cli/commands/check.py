"""Say whether a project's samples fit its model, before anything is built.

Exits with 0 if nothing speaks against it, 2 if another declaration is proven to be better, 4 if one is suspected.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit, progress


def command(
    project: Annotated[Path, typer.Argument(help="A folder with edgebuild.toml, or a project file.")] = Path(),
    profile: Annotated[str, typer.Option("--profile", "-p", help="Use this profile.")] = "",
    json: Json = False,
) -> int:
    from edgebuild.inputs import check_project, exit_code, report_text

    with progress() as say:
        report = check_project(project, profile, lambda stage, subject: say(f"{stage}: {subject}"))
    return emit(
        "check", report.model_dump(mode="json"), lambda: report_text(report), json=json, exit_code=exit_code(report)
    )
