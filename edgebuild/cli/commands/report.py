"""Show the verdicts and evidence of bundles, without measuring: as text, or as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.ci import tell_people
from edgebuild.cli.console import Json, emit


def command(
    bundle: Annotated[list[Path], typer.Argument(help="Bundles, with their evidence beside them.")],
    html: Annotated[Path | None, typer.Option(help="Write the page here: one file that needs nothing else.")] = None,
    project: Annotated[Path, typer.Option(help="The project's folder, whose own targets come first.")] = Path(),
    json: Json = False,
) -> int:
    from edgebuild.report.evidence import evidence_result, evidence_text
    from edgebuild.report.html.reported import reported_of
    from edgebuild.store.bundle import open_bundle

    told = [reported_of(open_bundle(each)).beside_published(project) for each in bundle]
    tell_people(lambda: told, html)
    return emit("report", evidence_result(told, html), lambda: evidence_text(told, html), json=json)
