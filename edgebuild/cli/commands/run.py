"""Run a bundle's model on inputs from an .npz file and write its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit


def command(
    bundle: Annotated[Path, typer.Argument(help="The bundle: a folder or a .edgebundle file.")],
    input_file: Annotated[Path, typer.Option("--input", help="An .npz file of samples by input name, (N, …).")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write the outputs (.npz).")] = None,
    device: Annotated[str | None, typer.Option(help="Where to run; default the target's own device.")] = None,
    precision: Annotated[str | None, typer.Option(help="The variant; default the preferred one.")] = None,
    project: Annotated[Path, typer.Option(help="The project's folder, whose own targets come first.")] = Path(),
    json: Json = False,
) -> int:
    from edgebuild.deviceside import run_samples
    from edgebuild.store.bundle import open_bundle

    ran = run_samples(open_bundle(bundle), input_file, output, device, precision, project)
    text = "\n".join(f"{name}: {shape}" for name, shape in ran.shapes.items())
    if ran.post_seconds is not None:
        text += f"\npost: {ran.post_seconds * 1e3:.3g} ms a sample, on this machine"
    return emit("run", {"outputs": ran.shapes, "post_seconds": ran.post_seconds}, text, json=json)
