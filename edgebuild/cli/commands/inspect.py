"""Show what is in a bundle or model: signature, size, operators, origins, what stayed float, what runs where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit, progress


def command(
    path: Annotated[Path, typer.Argument(help="A bundle, a project, or an .onnx, .tflite or .pt2 file.")],
    target: Annotated[str, typer.Option("--target", "-t", help="Show what of it this target takes, and why not.")] = "",
    json: Json = False,
) -> int:
    """Show what is in a bundle or model: signature, size, operators, origins, what stayed float, what runs where."""
    from edgebuild.inspection import inspect
    from edgebuild.report.inspect import inspect_result, inspect_text
    from edgebuild.store.catalog import find_target

    root = path if path.is_dir() else path.parent if path.suffix == ".toml" else Path()
    wanted = find_target(target, root) if target else None
    with progress() as say:
        found = inspect(path, wanted, lambda stage, subject: say(f"{stage}: {subject}"))
    return emit("inspect", inspect_result(found), lambda: inspect_text(found), json=json)
