"""Measure a bundle against its budgets and give the verdict: 0 PASS, 1 FAIL, 4 INCONCLUSIVE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.ci import page_is_possible, tell_ci, tell_people
from edgebuild.cli.console import Json, emit, note_missed, progress


def command(
    bundle: Annotated[Path, typer.Argument(help="The bundle: a folder or a .edgebundle file.")],
    budget: Annotated[
        list[str] | None, typer.Option(help='METRIC=LIMIT, such as "latency_p90=12 ms"; repeatable.')
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where to measure; default the target's own device.")] = None,
    profile: Annotated[str | None, typer.Option("-p", "--profile", help="Default: the bundle's own.")] = None,
    precision: Annotated[str | None, typer.Option(help="The variant to judge; default the preferred one.")] = None,
    part: Annotated[str | None, typer.Option(help="The part to judge, by its own budgets; default the whole.")] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            help="A bundle, or last-release; this one may be 2 % slower (virtual boards: take 0.5 % more instructions)."
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew: runs that were made before don't count.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit XML report here.")] = None,
    github: Annotated[bool, typer.Option("--github", help="Annotate a GitHub Actions run.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with the verdict and its evidence here.")] = None,
    project: Annotated[Path, typer.Option(help="The project's folder, whose own targets come first.")] = Path(),
    json: Json = False,
) -> int:
    from edgebuild.deviceside import gate
    from edgebuild.report.creep import creep_text
    from edgebuild.report.html.reported import reported_of
    from edgebuild.report.verdict import gate_cases, line_texts
    from edgebuild.store.bundle import open_bundle

    page_is_possible(html)
    opened = open_bundle(bundle)
    with progress() as say:
        gated = gate(opened, budget or [], device, profile, precision, project, say, baseline, fresh=fresh, part=part)
    verdict = gated.verdict
    note_missed(gated.missed)
    tell_ci(gate_cases(opened.path.name, verdict), junit, github=github)
    tell_people(lambda: [reported_of(opened, verdict).beside_published(project)], html)
    crept = [f"{'CREEP':<13} {creep_text(each)}" for each in gated.creeps]
    against = [f"against {gated.baseline}"] if gated.baseline else []
    text = "\n".join([*against, *line_texts(verdict), *crept, f"{verdict.outcome.value} {verdict.reason}".rstrip()])
    result = verdict.model_dump(mode="json") | {"creeps": [creep_text(each) for each in gated.creeps]}
    return emit("gate", result, text, json=json, exit_code=verdict.outcome.exit_code)
