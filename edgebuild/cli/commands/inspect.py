"""Show what is in a bundle or model: signature, size, operators, origins, and what stayed float."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit


def command(
    path: Annotated[Path, typer.Argument(help="A bundle, or an .onnx, .tflite or .pt2 file.")],
    target: Annotated[str, typer.Option("--target", "-t", help="Check the operators against this target.")] = "",
    json: Json = False,
) -> int:
    """Show what is in a bundle or model: signature, size, operators, origins, and what stayed float."""
    from edgebuild.inspection import inspect
    from edgebuild.report.inspect import inspect_result, inspect_text
    from edgebuild.store.catalog import find_target

    found = inspect(path, find_target(target, Path()) if target else None)
    return emit("inspect", inspect_result(found), lambda: inspect_text(found), json=json)
