"""Build, verify, measure and gate every target of a project: the one line for CI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.ci import page_is_possible, tell_ci, tell_people
from edgebuild.cli.console import Json, emit, note, note_missed, progress
from edgebuild.cli.keys import signing_key


def command(
    project: Annotated[Path, typer.Argument(help="A folder with edgebuild.toml, or a project file.")] = Path(),
    target: Annotated[list[str] | None, typer.Option("--target", "-t", help="This target only; repeatable.")] = None,
    profile: Annotated[str, typer.Option("--profile", "-p", help="Use this profile.")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Put the bundles here.")] = None,
    device: Annotated[str | None, typer.Option(help="Measure here; default each target's own device.")] = None,
    budget: Annotated[
        list[str] | None, typer.Option(help='METRIC=LIMIT, such as "latency_p90=12 ms"; repeatable.')
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit XML report here.")] = None,
    github: Annotated[bool, typer.Option("--github", help="Annotate a GitHub Actions run.")] = False,
    sign: Annotated[bool, typer.Option("--sign", help="Sign what passed; the key as for `edgebuild sign`.")] = False,
    key: Annotated[
        Path | None, typer.Option(help="With --sign: the private key; default EDGEBUILD_SIGNING_KEY.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with all verdicts and their evidence here.")] = None,
    json: Json = False,
) -> int:
    """Build, verify, measure and gate every target of a project: the one line for CI."""
    from edgebuild.release import release_project
    from edgebuild.report.build import suspicions_of
    from edgebuild.report.release import (
        release_cases,
        release_outcomes,
        release_reported,
        release_result,
        release_table,
    )

    signing = signing_key(key) if sign or key is not None else None
    page_is_possible(html)
    with progress() as say:
        report = release_project(project, target or (), profile, out, device, budget or (), say, signing)
    for told in suspicions_of(report.build):
        note(told)
    note_missed(report.missed)
    tell_ci(release_cases(report), junit, github=github)
    tell_people(lambda: release_reported(report), html)
    return emit(
        "release",
        release_result(report),
        lambda: release_table(report),
        json=json,
        exit_code=report.exit_code,
        outcomes=release_outcomes(report),
    )
