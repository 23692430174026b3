"""Run a bundle's model on a file (an image, a sound, text, rows of a table, or arrays) and write its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit, note


def command(
    bundles: Annotated[
        list[Path],
        typer.Argument(
            metavar="BUNDLE...",
            help="The bundle: a folder or a .edgebundle file; of a model that is built for several lengths, those of"
            " all, or their common path without the length: each sample goes to the smallest that holds it.",
        ),
    ],
    input_file: Annotated[
        Path,
        typer.Option(
            "--input",
            help="An image, a WAV file, a .txt file of lines, a folder of files, a .csv or .jsonl file with a row a"
            " sample, read by the bundle's own steps; or an .npz file of samples by input name, (N, …).",
        ),
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write the outputs (.npz).")] = None,
    device: Annotated[str | None, typer.Option(help="Where to run; default the target's own device.")] = None,
    precision: Annotated[str | None, typer.Option(help="The variant; default the preferred one.")] = None,
    project: Annotated[Path, typer.Option(help="The project's folder, whose own targets come first.")] = Path(),
    json: Json = False,
) -> int:
    from edgebuild.by_bucket import bundles_at
    from edgebuild.report.answers import answers_result, answers_text
    from edgebuild.running import run_samples
    from edgebuild.store.bundle import open_bundle

    opened = [open_bundle(path) for path in bundles_at(bundles)]
    ran = run_samples(opened, input_file, output, device, precision, project, note)
    result = {**answers_result(ran.outputs), "post_seconds": ran.post_seconds}
    return emit("run", result, lambda: answers_text(ran.outputs, ran.post_seconds), json=json)
