"""Write a commented edgebuild.toml beside an existing model file; nothing is ever overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit


def command(
    folder: Annotated[
        Path, typer.Argument(help="Where the project lives; its model file is looked for here.")
    ] = Path(),
    model: Annotated[str, typer.Option(help="FILE.py:CALLABLE, or a .pt2, .onnx or .tflite file in DIR.")] = "",
    json: Json = False,
) -> int:
    from edgebuild.models.ports import input_tables
    from edgebuild.store.template import find_model, write_project

    source = model or find_model(folder)
    written = write_project(folder, source, input_tables(folder / source))
    text = f"wrote {written}; fill in the inputs and the data, then: edgebuild build {folder}"
    return emit("init", {"project": str(written)}, text, json=json)
