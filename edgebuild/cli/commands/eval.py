"""Score a bundle on its project's labelled evaluation set, here or on the device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit, note


def command(
    bundle: Annotated[Path, typer.Argument(help="The bundle: a folder or a .edgebundle file.")],
    project: Annotated[Path, typer.Option(help="The project whose evaluation set is used.")] = Path(),
    device: Annotated[str | None, typer.Option(help="Where to run; default the target's own device.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write every answer (.npz).")] = None,
    ablate: Annotated[
        bool, typer.Option(help="Score it without each input that may be missing, too, where there are some.")
    ] = True,
    json: Json = False,
) -> int:
    """Score a bundle on its project's labelled evaluation set, here or on the device."""
    from edgebuild.evaluation import evaluate
    from edgebuild.report.evaluation import evaluation_result, evaluation_text
    from edgebuild.store.bundle import open_bundle

    found = evaluate(open_bundle(bundle), project, device, output, note, ablate=ablate)
    return emit("eval", evaluation_result(found), lambda: evaluation_text(found), json=json)
